"""Whether the service can do its work: database, inbox, and room on the disk."""

import shutil
import time
from collections.abc import Callable

from januscl.core import StorageFull
from januscl.store import Workspace

_LASTS = 1.0
"""Seconds that an answer holds, so that whoever asks often costs the catalogue nothing."""


class Room:
    """Looks at the disk and the catalogue.

    Args:
        workspace: Whose.
        least: Bytes that must stay free, so that what was acknowledged can be moved on.
        clock: Seconds that only grow.
    """

    def __init__(
        self, workspace: Workspace, least: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._workspace, self._least, self._clock = workspace, least, clock
        self._told: tuple[float, dict[str, str]] | None = None

    def check(self) -> None:
        """Raise `StorageFull` while there is too little room on the disk."""
        free = shutil.disk_usage(self._workspace.folder).free
        if free < self._least:
            raise StorageFull(f"the disk has {free} bytes left; {self._least} are kept free")

    def failings(self) -> dict[str, str]:
        """Return what is not ready, with the reason; nothing when all is well."""
        now = self._clock()
        if self._told is None or now - self._told[0] > _LASTS:
            parts = {"database": self._read, "inbox": self._write, "disk": self.check}
            found = {name: _failing(part) for name, part in parts.items()}
            self._told = now, {name: reason for name, reason in found.items() if reason}
        return self._told[1]

    def _read(self) -> None:
        self._workspace.catalogue.aliases.list()

    def _write(self) -> None:
        try:
            with self._workspace.catalogue.transaction() as tx:
                tx.inbox.put("readiness", "trial", b"")
                raise _Undo
        except _Undo:
            return


class _Undo(Exception):
    """Raised to leave no trace of a trial."""


def _failing(part: Callable[[], None]) -> str:
    try:
        part()
    except Exception as error:
        # Whatever is wrong with a part, its name is told, and no detail that is nobody's business.
        return type(error).__name__
    return ""
