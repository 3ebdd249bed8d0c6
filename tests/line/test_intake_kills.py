"""A worker that is killed at any point loses nothing and doubles nothing."""

import signal
import subprocess
import sys
from pathlib import Path

import intake_scenes as scenes
import pytest

from januscl.line import intake
from januscl.store import Workspace

VICTIM = Path(__file__).with_name("intake_victim.py")


@pytest.mark.parametrize(
    ("point", "calls"), [("blobs", 1), ("blobs", 4), ("steps", 1), ("steps", 5), ("committed", 1)]
)
def test_a_worker_killed_between_any_two_steps_loses_and_doubles_nothing(tmp_path, point, calls):
    folder = tmp_path / "w"
    sent = []
    with Workspace.open(folder) as workspace:
        for first in (0, 2, 4):
            message, records = scenes.batch([first, first + 1])
            sent += records
            intake.take_batch(workspace, "robot-1", message, 10)
        told = [scenes.outcome(record["id"]) for record in sent]
        intake.take_outcomes(workspace, "robot-1", {"outcomes": told}, 10)
        again = {"outcomes": [{**told[0], "pick": {**told[0]["pick"], "outcome": "picked"}}]}
        intake.take_outcomes(workspace, "robot-1", again, 10)
    killed = subprocess.run([sys.executable, VICTIM, folder, point, str(calls)], check=False)
    assert killed.returncode == -signal.SIGKILL, "the test is about a process that was killed"
    with Workspace.open(folder) as workspace:
        while intake.drain(workspace, 2).messages:
            pass
        catalogue = workspace.catalogue
        assert catalogue.inbox.depth() == 0
        counts = catalogue.observations.counts()
        assert (counts["observations"], counts["pictures"], counts["missed"]) == (6, 6, 6)
        assert len(catalogue.rejects.list()) == 1, "the second outcome, once"
        for record in sent:
            assert workspace.observation(record["id"]).pick is not None
