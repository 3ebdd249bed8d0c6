"""The process of one job: ``python -m januscl.compute.job FOLDER LOCK``.

Reads ``work.json`` in the folder, calls the function, and writes ``result.json`` whole or not at
all. LOCK is the number of an inherited file handle that holds the job's lock: it falls with the
process, however it ends, and so says truly whether the job lives.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from januscl.compute.keepsakes import FolderKeeper, Keeper, keeping
from januscl.compute.progress import Progress, listening
from januscl.compute.work import resolve
from januscl.core.files import write_atomically
from januscl.core.wire import canonical


def perform(work: dict[str, Any], tell: Progress, keeper: Keeper | None = None) -> bytes:
    """Call the function that the work names, and return its result or error as JSON.

    Args:
        work: What `januscl.compute.work.check_work` returned, read.
        tell: Called with the fields of each `report_progress`.
        keeper: Has what the job's earlier attempts kept; nothing is kept without one.
    """
    try:
        with listening(tell), keeping(keeper):
            value = resolve(work["function"])(**work["arguments"])
        return canonical({"result": value})
    except Exception as error:
        # What went wrong in detail goes to the log, whose end the waiting side shows.
        sys.excepthook(type(error), error, error.__traceback__)
        return canonical({"error": f"{type(error).__name__}: {error}"})


def run(folder: Path) -> bool:
    """Do the work of a job's folder, write its result, and say whether it went well."""
    work = json.loads((folder / "work.json").read_bytes())
    with (folder / "progress.jsonl").open("ab", buffering=0) as lines:

        def tell(fields: dict[str, Any]) -> None:
            # One write for each line: a reader never sees half of one for long.
            lines.write(canonical(fields) + b"\n")

        outcome = perform(work, tell, FolderKeeper(folder / "kept"))
    write_atomically(folder / "result.json", outcome)
    return "error" not in json.loads(outcome)


def main() -> int:
    """Run the job that the command line names."""
    folder, lock = Path(sys.argv[1]), int(sys.argv[2])
    # A program that the work starts must not keep the lock when the job has ended.
    os.set_inheritable(lock, False)
    write_atomically(folder / "pid", str(os.getpid()).encode())
    return 0 if run(folder) else 1


if __name__ == "__main__":
    sys.exit(main())
