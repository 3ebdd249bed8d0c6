"""One attempt of a job, where an engine runs it.

``python -m januscl.compute.remote_job PLACE ATTEMPT NAME DIGEST``: takes the attempt, if no other
command has it, checks that the work has the digest, does it, and writes its result.
"""

import json
import os
import sys
from hashlib import sha256
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from januscl.compute.desk import Desk
from januscl.compute.failures import Unreachable
from januscl.compute.job import perform
from januscl.core import StorageFull
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
                self._desk.put_new(f"{self._folder}/{self._number:08}", self._page)
            except (Unreachable, StorageFull) as error:
                print(f"progress was not told: {error}", file=sys.stderr)
                return False
            self._number, self._page = self._number + 1, b""
        return True


def run(desk: Desk, attempt: str, id: str, digest: str) -> bool:
    """Do an attempt unless it is another's, or over; return whether all is well.

    Args:
        desk: Where the work is and the result goes.
        attempt: Path of its folder.
        id: What the engine calls this command.
        digest: SHA-256 of the work.
    """
    record = canonical({"id": id})
    if not desk.put_new(f"{attempt}/started.json", record):
        holder = desk.read(f"{attempt}/started.json")
        if holder != record:
            print(f"{attempt} is done by another command: {holder!r}")
            return True
    desk.put_new(f"{attempt}/began.json", record)
    if desk.read(f"{attempt}/result.json") is not None:
        print(f"{attempt} is over; nothing was done")
        return True
    work = desk.read(f"{attempt}/work.json") or b""
    if sha256(work).hexdigest() == digest:
        with Diary(desk, attempt) as diary:
            outcome = perform(json.loads(work), diary.tell)
    else:
        outcome = canonical({"error": f"{attempt}/work.json is not the work that was submitted"})
    desk.put_new(f"{attempt}/result.json", outcome)
    return "error" not in json.loads(outcome)


def main() -> int:
    """Run the attempt that the command line names."""
    place, attempt, name, digest = sys.argv[1:]
    id = os.environ.get("AWS_BATCH_JOB_ID", name)
    return 0 if run(Desk(place), attempt, id, digest) else 1


if __name__ == "__main__":
    sys.exit(main())
