"""Drains a workspace and is killed at a point: run by test_intake_kills.py in a process."""

import os
import signal
import sys
from functools import partial

from januscl.line import draining, intake
from januscl.store import Workspace


def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def killed_after(calls, function):
    """Return ``function``, which kills the process after so many calls."""
    left = [calls]

    def call(*args, **kwargs):
        done = function(*args, **kwargs)
        left[0] -= 1
        return done if left[0] else die()

    return call


def main(folder, point, calls):
    with Workspace.open(folder) as workspace:
        if point == "blobs":
            workspace.blobs.put = killed_after(calls, workspace.blobs.put)
        elif point == "steps":
            # Inside the transaction, between two writes.
            add = draining._add
            draining._add = killed_after(calls, add)
        elif point == "committed":
            workspace.catalogue.transaction = partial(_committed, workspace.catalogue.transaction)
        intake.drain(workspace, 2)
        intake.drain(workspace, 100)


class _committed:  # noqa: N801
    """A transaction after whose end the process dies."""

    def __init__(self, transaction):
        self._inner = transaction()

    def __enter__(self):
        return self._inner.__enter__()

    def __exit__(self, *error):
        self._inner.__exit__(*error)
        die()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
