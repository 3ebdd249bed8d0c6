"""Files that are seen whole or not at all, and locks that fall with their process."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from januscl.core import StorageFull

_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Raise `StorageFull` where the block finds no room on the disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise StorageFull(f"{path}: no room on the disk. Free some and try again.") from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file durably, so that a reader finds all of it or nothing.

    Raises:
        StorageFull: There was no room; nothing was written.
    """
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with room_for(path), staged.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
        _sync(path.parent)
    finally:
        staged.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock, waiting for it; it falls with the process at the latest."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def try_lock(path: Path) -> int | None:
    """Return the handle of a lock just taken, or None when another process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
