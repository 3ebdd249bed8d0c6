"""A worker that is killed at any point loses nothing and doubles nothing."""

import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import intake_scenes as scenes
import pytest

from januscl.line import intake
from januscl.store import Workspace, fsck

VICTIM = Path(__file__).with_name("intake_victim.py")


@pytest.mark.parametrize(
    ("point", "calls"),
    [("logged", 1), ("logged", 2), ("parcels", 1), ("steps", 1), ("steps", 3), ("committed", 1)],
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
        assert workspace.log.count() == (6, 6)
        assert fsck(workspace, on_its_way=timedelta(0)).findings == ()


def test_a_worker_killed_again_and_again_at_any_moment_loses_and_doubles_nothing(tmp_path):
    folder, rng, sent = tmp_path / "w", random.Random(3), {}
    with Workspace.open(folder) as workspace:
        for first in range(0, 120, 3):
            message, records = scenes.batch(range(first, first + 3))
            sent |= {record["id"]: record for record in records}
            intake.take_batch(workspace, "robot-1", message, 10)
            if first % 2:
                intake.take_batch(workspace, "robot-1", message, 10)  # it was delivered twice
    for _ in range(6):
        after = str(rng.randrange(1, 400))
        subprocess.run([sys.executable, VICTIM, folder, "random", after], check=False)
    with Workspace.open(folder) as workspace:
        while intake.drain(workspace).messages:
            pass
        assert [seen.id for seen in workspace.catalogue.observations.list()] == sorted(sent)
        logged = [row["id"] for row in workspace.log.scan(["id"])]
        assert sorted(logged) == sorted(sent), "each once"
        assert workspace.log.count() == (120, 120)
        assert fsck(workspace, on_its_way=timedelta(0)).findings == ()
        assert workspace.catalogue.rejects.list() == []
