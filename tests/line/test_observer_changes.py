"""Whether the world has changed: told in which scope and since when, and what goes before that."""

from datetime import timedelta

import numpy as np
import pytest
from line_scenes import CELLS, START

from januscl.core import Cell, Frame, Instances, Observation, Signal, Ticket
from januscl.line.telling.world import scope_of, warming_up, world_changes
from januscl.line.watching import Changes
from januscl.store import Workspace

WARM = 310  # looks
IMAGE = np.zeros((8, 8, 3), np.uint8)


class Fleet:
    """Two robots whose scores are drawn by chance, a look of each every ten seconds."""

    def __init__(self, workspace):
        self.workspace = workspace
        self.changes = Changes(workspace, CELLS, seed=0)
        self.rng, self.now = np.random.default_rng(1), START

    def look(self, looks, strange=(), model="m-1"):
        for _ in range(looks):
            self.now += timedelta(seconds=10)
            for cell in CELLS[:2]:
                frame = Frame(IMAGE, cell.camera, cell.robot, self.now)
                seen = Observation(f"{cell.robot} {self.now}", frame, Instances.empty(), model)
                shift = 4.0 if cell.camera in strange else 0.0
                self.changes.take(seen, self.rng.normal(), self.signals(shift))

    def signals(self, shift):
        novel = [Signal("novelty.distance", self.rng.normal() + shift, 0.5, k) for k in range(3)]
        return [*novel, Signal("uncertainty.frame", self.rng.normal(), 0.5)]

    def told(self, action="change.told"):
        return self.workspace.catalogue.audit.list(action=action)


@pytest.fixture
def fleet(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        yield Fleet(workspace)


def test_a_model_new_to_a_camera_is_calibrated_first_and_that_is_said(fleet):
    fleet.look(100, strange={"camera-a"})
    warming = fleet.told("calibration.warming")
    assert [row.subject for row in warming] == ["camera-a", "camera-b"]
    assert warming[0].detail["model"] == "m-1"
    assert "warming up: of healthy scores, camera lacks 300" in warming[0].detail["told"]
    assert fleet.told("calibration.ready") == fleet.told() == []
    assert warming_up(fleet.workspace) == ["camera-a", "camera-b"]
    fleet.look(WARM - 100 + 10)
    assert [row.subject for row in fleet.told("calibration.ready")] == ["camera-a", "camera-b"]
    assert warming_up(fleet.workspace) == []
    fleet.look(40, model="m-2")
    assert warming_up(fleet.workspace) == ["camera-a", "camera-b"]
    assert [row.detail["model"] for row in fleet.told("calibration.warming")] == [
        "m-1", "m-1", "m-2", "m-2",
    ]  # fmt: skip


def test_a_healthy_fleet_is_not_called_changed(fleet):
    fleet.look(WARM + 1200)
    assert fleet.told() == []


def test_what_changes_on_one_camera_is_told_once_with_its_scope_and_since_when(fleet):
    fleet.look(WARM + 200)
    changed = fleet.now
    fleet.look(300, strange={"camera-a"})
    (row, *wider) = fleet.told()
    assert (row.subject, row.detail["scope"]) == ("camera-a", "camera")
    assert row.detail["signals"][0] == "novelty"
    assert abs((row.at - changed).total_seconds()) < 1200
    told = world_changes(fleet.workspace)[-1]
    assert (told.name, told.told) == ("camera-a", row.at)
    assert abs((told.began - changed).total_seconds()) <= 200
    assert str(told).startswith(f"camera camera-a since {told.began:%Y-%m-%d %H:%M} (novelty")
    assert "camera-b" not in [other.subject for other in wider]
    subjects = [told.subject for told in fleet.told()]
    assert len(subjects) == len(set(subjects)), "it goes on, and is told once"


def test_what_changes_everywhere_is_told_of_the_site_and_of_the_fleet(fleet):
    fleet.look(WARM + 200)
    fleet.look(200, strange={"camera-a", "camera-b"})
    assert {row.detail["scope"] for row in fleet.told()} >= {"camera", "site", "fleet"}


def test_frames_under_a_ticket_neither_tell_of_a_change_nor_become_ordinary(fleet):
    fleet.look(WARM + 200)
    began = fleet.now + timedelta(seconds=5)
    fleet.look(15, strange={"camera-a"})
    ticket = Ticket("t-1", "camera-a", "robot-a", "defocus", began, fleet.now)
    fleet.changes.quarantine(ticket)
    fleet.look(300, strange={"camera-a"})
    assert fleet.told() == []
    closed = Ticket("t-1", "camera-a", "robot-a", "defocus", began, ticket.opened, fleet.now)
    fleet.changes.quarantine(closed)
    fleet.look(100)
    assert fleet.told() == []
    fleet.look(200, strange={"camera-a"})
    assert "camera-a" in [row.subject for row in fleet.told()], "it was not learned as ordinary"


@pytest.mark.parametrize(
    ("robots", "scope"),
    [
        (["robot-a"], "camera camera-a"),
        (["robot-a", "robot-c"], "line line-1"),
        (["robot-a", "robot-b"], "site site"),
        (["robot-a", "robot-d"], "fleet"),
        ([], ""),
        (["gone"], ""),
    ],
)
def test_a_novelty_reaches_as_far_as_the_robots_that_saw_it(robots, scope):
    cells = [
        *CELLS,
        Cell("robot-c", "camera-c", "line-1", "site"),
        Cell("robot-d", "camera-d", "line-1", "elsewhere"),
    ]
    assert scope_of(robots, cells) == scope
