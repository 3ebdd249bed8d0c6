"""What a remote job tells of its progress, on its way to the place of jobs."""

import sys
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from januscl.compute.desk import Desk
from januscl.core import StorageFull, Unreachable
from januscl.core.wire import canonical

_FLUSH_SECONDS = 1.0


class Diary:
    """Brings what a job tells of its progress to the desk, once a second at most.

    Args:
        desk: Where to.
        attempt: Whose; what an earlier run of the attempt told stays.
    """

    def __init__(self, desk: Desk, attempt: str) -> None:
        self._desk, self._folder = desk, f"{attempt}/progress"
        self._number = len(desk.files(self._folder))
        self._lines: list[bytes] = []
        self._page = b""
        self._done = Event()
        self._thread = Thread(target=self._run, name="progress", daemon=True)

    def tell(self, fields: dict[str, Any]) -> None:
        """Note the fields of one `report_progress`."""
        self._lines.append(canonical(fields) + b"\n")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        while (self._page or self._lines) and self._write():
            pass

    def _run(self) -> None:
        while not self._done.wait(_FLUSH_SECONDS):
            self._write()

    def _write(self) -> bool:
        # A page whose writing failed may be there all the same: it is tried again as it was.
        if not self._page:
            count = len(self._lines)  # more may be appended meanwhile
            self._page = b"".join(self._lines[:count])
            del self._lines[:count]
        if self._page:
            try:
                self._put()
            except (Unreachable, StorageFull) as error:
                print(f"progress was not told: {error}", file=sys.stderr)
                return False
            self._number, self._page = self._number + 1, b""
        return True

    def _put(self) -> None:
        """Write the page under the next number that nothing else has."""
        path = f"{self._folder}/{self._number:08}"
        while not self._desk.put_new(path, self._page) and self._desk.read(path) != self._page:
            self._number += 1
            path = f"{self._folder}/{self._number:08}"
