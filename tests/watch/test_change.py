from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import Cell, InvalidInput
from januscl.watch import Change, ChangeWatch, Scope

START = datetime(2026, 1, 1, tzinfo=UTC)
CELLS = [
    Cell(f"robot {k}", f"camera {k}", f"line {k // 2}", f"site {k // 4}") for k in range(8)
]  # two cameras a line, two lines a site, two sites


def at(frame: int) -> datetime:
    return START + timedelta(seconds=frame)


def watch_of(**told: float) -> ChangeWatch:
    return ChangeWatch({"darkness": 1.0, "novelty": 1.0}, **told)


def run(watch, frames, strange=(), begin=0, cells=CELLS, seed=0, power=4) -> list[Change]:
    """Feed frames of uniform p-values; those of strange cameras are small from ``begin`` on."""
    rng, found = np.random.default_rng(seed), []
    for frame in range(frames):
        for cell in cells:
            dark, novel = 1 - rng.random(), 1 - rng.random(3)
            if cell.camera in strange and frame >= begin:
                novel = np.maximum(novel**power, 1e-12)
            told = watch.update(cell, at(frame), {"darkness": [dark], "novelty": novel})
            found.extend(told)
    return found


def test_healthy_frames_raise_no_more_alarms_than_stated():
    watch, frames = watch_of(average_run_length=100), 6000
    found = run(watch, frames, cells=CELLS[:1])
    assert len(found) <= 1.3 * frames / 100
    assert found, "so low a run length does alarm, or the evidence would never grow"


def test_healthy_rounds_of_a_line_raise_no_more_alarms_than_stated():
    watch, rounds = watch_of(average_run_length=50), 2500
    found = run(watch, rounds, cells=CELLS[:2])
    line = [change for change in found if change.scope is Scope.LINE]
    assert len(line) <= 1.3 * rounds / 50


def test_a_healthy_line_whose_cameras_see_the_very_same_keeps_its_run_length():
    watch, rng, found = watch_of(average_run_length=50), np.random.default_rng(3), []
    for frame in range(2500):
        p_values = {"novelty": [1 - rng.random()]}
        for cell in CELLS[:2]:
            found += watch.update(cell, at(frame), p_values)
    assert len([c for c in found if c.scope is Scope.LINE]) <= 1.3 * 2500 / 50


def test_a_change_on_one_camera_is_told_with_its_camera_signal_and_start():
    found = run(watch_of(), 260, strange={"camera 3"}, begin=200)
    first = found[0]
    assert (first.scope, first.name) == (Scope.CAMERA, "camera 3")
    assert first.signals[0] == "novelty"
    assert abs((first.began - at(200)).total_seconds()) <= 5
    assert first.noticed <= at(220)
    assert first.frames == (first.noticed - first.began).total_seconds() + 1
    assert not [c for c in found if c.scope is Scope.CAMERA and c.name != "camera 3"]


def test_a_change_everywhere_is_told_of_every_scope_and_of_the_fleet_before_most_cameras():
    found = run(watch_of(), 300, {c.camera for c in CELLS}, begin=200, power=1.6)
    scopes = {change.scope for change in found}
    assert scopes == {Scope.CAMERA, Scope.LINE, Scope.SITE, Scope.FLEET}
    fleet = next(c for c in found if c.scope is Scope.FLEET)
    cameras = {c.name: c for c in reversed(found) if c.scope is Scope.CAMERA}
    assert fleet.noticed.timestamp() < np.median([c.noticed.timestamp() for c in cameras.values()])


def test_a_change_of_one_site_is_not_told_of_the_other():
    found = run(watch_of(), 280, {c.camera for c in CELLS[:4]}, begin=200, power=2)
    assert any(c.scope is Scope.SITE and c.name == "site 0" for c in found)
    assert not any(c.scope is Scope.SITE and c.name == "site 1" for c in found)


def test_scores_that_became_too_ordinary_are_a_change_too():
    watch, rng, found = watch_of(), np.random.default_rng(1), []
    for frame in range(400):
        p = 1 - rng.random()
        p = p if frame < 200 else 1 - (1 - p) * 0.5
        found += watch.update(CELLS[0], at(frame), {"darkness": [p]})
    assert found
    assert found[0].signals[0] == "darkness"
    assert at(190) <= found[0].began <= at(230)


def test_a_signal_missing_from_a_frame_changes_nothing():
    left, right = watch_of(), watch_of()
    for frame, p in enumerate((0.01, 0.2, 0.05)):
        left.update(CELLS[0], at(frame), {"novelty": [p]})
        right.update(CELLS[0], at(frame), {"novelty": [p], "darkness": []})
    assert left.evidence(Scope.CAMERA, "camera 0") == right.evidence(Scope.CAMERA, "camera 0") > 0


def test_a_lone_camera_says_nothing_of_its_line():
    watch = watch_of(average_run_length=20)
    found = run(watch, 200, strange={"camera 0"}, cells=CELLS[:1])
    assert {change.scope for change in found} == {Scope.CAMERA}
    assert watch.evidence(Scope.LINE, "site 0/line 0") == 0


def test_after_a_restart_nothing_is_left_of_a_cameras_evidence():
    watch = watch_of()
    run(watch, 3, strange={"camera 0"}, cells=CELLS[:1], power=2)
    assert watch.evidence(Scope.CAMERA, "camera 0") > 0
    watch.restart("camera 0")
    assert watch.evidence(Scope.CAMERA, "camera 0") == 0


def test_the_smallest_p_values_do_not_overflow():
    watch = watch_of(average_run_length=1e99)
    for frame in range(500):
        watch.update(CELLS[0], at(frame), {"novelty": [5e-324], "darkness": [1.0]})
    assert np.isfinite(watch.evidence(Scope.CAMERA, "camera 0"))


@pytest.mark.parametrize("p_values", [{"novelty": [0.0]}, {"novelty": [1.1]}, {"glare": [0.5]},
                                      {"novelty": [float("nan")]}])  # fmt: skip
def test_p_values_that_are_none_are_refused_and_leave_no_trace(p_values):
    watch = watch_of()
    with pytest.raises(InvalidInput, match="camera 0"):
        watch.update(CELLS[0], at(0), p_values)
    assert watch.evidence(Scope.CAMERA, "camera 0") == 0


@pytest.mark.parametrize(
    ("signals", "length"), [({}, 100), ({"a": 0.0}, 100), ({"a": float("inf")}, 9), ({"a": 1}, 1)]
)
def test_a_watch_without_weights_or_run_length_is_refused(signals, length):
    with pytest.raises(InvalidInput, match="change watch"):
        ChangeWatch(signals, length)
