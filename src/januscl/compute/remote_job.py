"""One attempt of a job, where an engine runs it.

``python -m januscl.compute.remote_job PLACE ATTEMPT NAME DIGEST``: takes the attempt, if no other
command has it, checks that the work has the digest, does it, and writes its result.
"""

import json
import os
import sys
from hashlib import sha256
from typing import Any

from januscl.compute.desk import Desk
from januscl.compute.diary import Diary
from januscl.compute.job import perform
from januscl.compute.keepsakes import DeskKeeper
from januscl.compute.together import VARIABLE, Workers, perform_together
from januscl.core.wire import canonical


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
        outcome = _performed(desk, attempt, json.loads(work))
    else:
        outcome = canonical({"error": f"{attempt}/work.json is not the work that was submitted"})
    desk.put_new(f"{attempt}/result.json", outcome)  # unless a worker has written it
    return "error" not in json.loads(outcome)


def _performed(desk: Desk, attempt: str, work: dict[str, Any]) -> bytes:
    """Do the work here, or have several workers do it where the engine gives the job some."""
    workers = os.environ.get(VARIABLE)
    if workers:
        return perform_together(desk, attempt, work, Workers.read(workers))
    job, _, _ = attempt.partition("/")
    with Diary(desk, attempt) as diary:
        return perform(work, diary.tell, DeskKeeper(desk, job))


def main() -> int:
    """Run the attempt that the command line names."""
    place, attempt, name, digest = sys.argv[1:]
    id = os.environ.get("AWS_BATCH_JOB_ID", name)
    return 0 if run(Desk(place), attempt, id, digest) else 1


if __name__ == "__main__":
    sys.exit(main())
