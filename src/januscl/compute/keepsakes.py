"""Files that a job keeps for its next attempt, which may run on another machine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from januscl.compute.desk import Desk
from januscl.core import InvalidInput
from januscl.core.files import write_atomically

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Keeper(Protocol):
    """Where the keepsakes of one job are."""

    def keep(self, name: str, data: bytes) -> None:
        """Keep a file whole, in place of an earlier one of this name."""

    def kept(self, name: str) -> bytes | None:
        """Return what was kept under a name; None where nothing was."""


_keeper: ContextVar[Keeper | None] = ContextVar("keeper", default=None)


def keep(name: str, data: bytes) -> None:
    """Keep a file for the next attempt of this job; outside a job it does nothing.

    Args:
        name: Letters, digits, ``.``, ``_`` and ``-``. A later file of this name replaces it.
        data: A few hundred megabytes at most.

    Raises:
        InvalidInput: The name has other characters.
        StorageFull: There was no room; an earlier file of this name is intact.
        Unreachable: The place of jobs does not answer; likewise.
    """
    keeper = _keeper.get()
    if keeper is not None:
        keeper.keep(_checked(name), data)


def kept(name: str) -> bytes | None:
    """Return what this attempt or an earlier one of this job kept; None where nothing was.

    Raises:
        InvalidInput: The name has other characters.
        Unreachable: The place of jobs does not answer.
    """
    keeper = _keeper.get()
    return None if keeper is None else keeper.kept(_checked(name))


@contextmanager
def keeping(keeper: Keeper | None) -> Iterator[None]:
    """Keep inside the block what `keep` is given with ``keeper``."""
    token = _keeper.set(keeper)
    try:
        yield
    finally:
        _keeper.reset(token)


class FolderKeeper:
    """A `Keeper` in a folder of this machine, made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, data: bytes) -> None:
        """Keep a file whole, in place of an earlier one of this name."""
        write_atomically(self._folder / name, data)

    def kept(self, name: str) -> bytes | None:
        """Return what was kept under a name; None where nothing was."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None


class DeskKeeper:
    """A `Keeper` in the place of jobs, beside the attempts of one job."""

    def __init__(self, desk: Desk, job: str) -> None:
        self._desk, self._folder = desk, f"{job}/kept"

    def keep(self, name: str, data: bytes) -> None:
        """Keep a file whole, in place of an earlier one of this name."""
        self._desk.put(f"{self._folder}/{name}", data)

    def kept(self, name: str) -> bytes | None:
        """Return what was kept under a name; None where nothing was."""
        return self._desk.read(f"{self._folder}/{name}")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "name of a keepsake", "letters, digits, '.', '_' and '-'", repr(name)[:80], "Rename it."
        )
    return name
