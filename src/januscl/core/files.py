"""Files that are seen whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from januscl.core.errors import StorageFull

NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
"""What the system calls a full disk, a file over its limit, and a quota used up."""


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file durably; a reader sees the old file or the new one, never a part.

    What is written is on the disk, under its name, when this returns. Several processes may write
    the same file at once; the last one wins. Folders on the way are made.

    Raises:
        StorageFull: There was no room; what was at ``path`` is untouched.
    """
    # Two that write the same file must not meet in one staged file.
    staged = path.with_name(f".{path.name}.{token_hex(4)}")
    with room_for(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with staged.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(staged, path)
        finally:
            staged.unlink(missing_ok=True)
        sync(path.parent)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Raise `StorageFull` where the block finds no room on the disk for what goes to ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise StorageFull(
            f"no room to write {path}; what was there before is intact. Free some space and try "
            "again."
        ) from error


def sync(path: Path) -> None:
    """Bring a file's content, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
