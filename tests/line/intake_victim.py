"""Drains a workspace and is killed at a point: run by test_intake_kills.py in a process."""

import os
import signal
import sys
import time
from datetime import timedelta
from functools import partial
from threading import Thread

from januscl.line import draining, intake
from januscl.store import Workspace, log, tend


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
        if point == "logged":
            workspace.log.append = killed_after(calls, workspace.log.append)
        elif point == "parcels":
            # Between the two parts of the log.
            log.Bulk.append = killed_after(calls, log.Bulk.append)
        elif point == "steps":
            # Inside the transaction, between two writes.
            draining.load = partial(_killed_between_steps, draining.load, calls)
        elif point == "committed":
            workspace.catalogue.transaction = partial(_committed, workspace.catalogue.transaction)
        elif point == "random":
            Thread(target=_die_soon, args=[calls / 1000], daemon=True).start()
        for limit in range(1, 100):
            intake.drain(workspace, limit)
            if point == "random":
                tend(workspace, older_than=timedelta(0))


def _killed_between_steps(load, calls, *args):
    found = load(*args)
    found.steps[:] = [killed_after(calls - n, step) for n, step in enumerate(found.steps)]
    return found


def _die_soon(seconds):
    time.sleep(seconds)
    die()


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
