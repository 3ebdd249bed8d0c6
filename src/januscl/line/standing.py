"""Which model each robot runs, and which are on trial, without asking at every frame."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from januscl.core import Cell, NotFound, Stage
from januscl.release import who_runs
from januscl.store import Catalogue

T = TypeVar("T")
UNTAUGHT = "untaught"
"""In the card of a champion that can name the kinds of its site and has not learned them yet; no
robot is to run it."""
_RECHECK = 1.0
"""Seconds after which another process's releases are looked for."""


class _Remembered(Generic[T]):
    """What releases and aliases come to, read again when one changes.

    A change through the same catalogue counts at once, one by another process within a second.
    """

    def __init__(self, catalogue: Catalogue, read: Callable[[], T]) -> None:
        self._catalogue, self._read = catalogue, read
        self._value: T | None = None
        self._changes, self._until = -1, 0.0

    def get(self) -> T:
        changes, now = self._catalogue.changes, time.monotonic()
        if self._value is None or changes != self._changes or now >= self._until:
            self._value = self._read()
            self._changes, self._until = changes, now + _RECHECK
        return self._value


class Standing:
    """Remembers which model each robot runs, until a release or an alias changes.

    Args:
        catalogue: Holds releases and the champion's alias.
        cells: The fleet.
    """

    def __init__(self, catalogue: Catalogue, cells: Sequence[Cell]) -> None:
        self._catalogue, self._cells = catalogue, cells
        self._runs = _Remembered(catalogue, self._read)

    def runs(self) -> dict[str, str]:
        """Return the id of the model of each robot, or raise `NotFound` with no champion."""
        return dict(self._runs.get())

    def _read(self) -> dict[str, str]:
        for release in self._catalogue.releases.list(open_only=True):
            return who_runs(release, self._cells)
        champion = self._catalogue.aliases.get("champion")
        return {cell.robot: champion for cell in self._cells}


class Trials:
    """Remembers which models were challengers and never came through.

    Args:
        catalogue: Holds releases and the champion's alias.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._models = _Remembered(catalogue, self._read)

    def __contains__(self, model: str) -> bool:
        """Say whether a model is on trial now, or failed one; what robots sent may come late."""
        return model in self._models.get()

    def _read(self) -> frozenset[str]:
        releases = self._catalogue.releases.list()
        through = {r.model for r in releases if r.stage is Stage.DONE}
        with suppress(NotFound):  # a site's own models have no champion
            through.add(self._catalogue.aliases.get("champion"))
        return frozenset(r.model for r in releases if r.model not in through)
