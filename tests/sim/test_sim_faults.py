import itertools

import numpy as np
import pytest

from januscl.core import Cell, InvalidInput
from januscl.sim import FAULTS, CellRobot, Look, sensed


@pytest.fixture
def robot():
    made = CellRobot(Cell("r", "c", "l", "s"), Look(), seed=4, size=96)
    made.look()
    return made


def _sharpness(image):
    grey = image.mean(axis=2)
    return np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()


def _difference(a, b):
    return np.abs(a.astype(float) - b.astype(float)).mean()


@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"frozen_frame"}))
def test_a_fault_changes_the_picture_more_when_it_is_worse_and_leaves_with_its_mending(robot, name):
    healthy, again = robot.look().image, robot.look().image
    floor = _difference(healthy, again)
    robot.set_fault(name, 0.3)
    slight = _difference(healthy, robot.look().image)
    robot.set_fault(name, 1.0)
    bad = _difference(healthy, robot.look().image)
    robot.set_fault(name, 0.0)
    assert robot.faults == {}
    assert floor < slight < bad
    assert bad > 3 * floor
    assert _difference(healthy, robot.look().image) < 1.2 * floor


def test_faults_look_like_what_they_are(robot):
    healthy = robot.look().image

    def with_fault(name):
        robot.set_fault(name, 1.0)
        image = robot.look().image
        robot.set_fault(name, 0.0)
        return image

    assert with_fault("lamp_failed").mean() < 0.6 * healthy.mean()
    assert with_fault("over_exposed").mean() > 1.4 * healthy.mean()
    assert _sharpness(with_fault("defocus")) < 0.6 * _sharpness(healthy)
    assert _sharpness(with_fault("noisy_sensor")) > 1.5 * _sharpness(healthy)
    tint = with_fault("colour_cast").mean(axis=(0, 1)) / healthy.mean(axis=(0, 1))
    assert tint.max() - tint.min() > 0.2


def test_a_healthy_camera_has_a_little_noise(robot):
    difference = robot.look().image.astype(float) - robot.look().image
    assert 0.5 < difference.std() < 5


def test_dirt_stays_at_its_place(robot):
    healthy = robot.look().image.astype(float)
    robot.set_fault("dirty_lens", 0.8)
    first, second = (robot.look().image - healthy for _ in range(2))
    dirty = np.abs(first).mean(axis=2) > 20
    assert 0.02 < dirty.mean() < 0.6
    assert np.abs(second - first)[dirty].mean() < 5


def test_a_frozen_camera_repeats_its_frame_while_time_and_bin_go_on(robot):
    before = robot.look()
    robot.set_fault("frozen_frame", 1.0)
    robot.load({"tube": 1.0}, 6, seed=1)
    after = robot.look()
    assert np.array_equal(before.image, after.image)
    assert after.at > before.at
    assert "box" in robot.truth().kinds
    robot.set_fault("frozen_frame", 0.0)
    assert not np.array_equal(before.image, robot.look().image)
    assert set(robot.truth().kinds) == {"tube"}


@pytest.mark.parametrize(("severity", "least", "most"), [(0.3, 5, 25), (0.7, 25, 38)])
def test_a_camera_that_freezes_now_and_then_repeats_its_severitys_share_of_frames(
    robot, severity, least, most
):
    robot.set_fault("frozen_frame", severity)
    frames = [robot.look().image for _ in range(41)]
    repeated = sum(np.array_equal(a, b) for a, b in itertools.pairwise(frames))
    assert least <= repeated <= most


def test_all_faults_at_once_are_taken_out_one_by_one(robot):
    healthy = robot.look().image
    floor = _difference(healthy, robot.look().image)
    for name in FAULTS:
        robot.set_fault(name, 0.6)
    assert set(robot.faults) == set(FAULTS)
    for name in FAULTS:
        robot.set_fault(name, 0)
        assert name not in robot.faults
    assert _difference(healthy, robot.look().image) < 1.2 * floor


def test_a_knock_really_moves_the_camera(robot):
    robot.look()
    before = robot.truth().ids > 0
    robot.set_fault("camera_knocked", 1.0)
    robot.look()
    after = robot.truth().ids > 0
    assert (before & after).sum() < 0.85 * before.sum()


@pytest.mark.parametrize(
    ("name", "severity"), [("gremlins", 0.5), ("defocus", 1.5), ("defocus", float("nan"))]
)
def test_unknown_faults_and_severities_are_refused(robot, name, severity):
    with pytest.raises(InvalidInput, match=name):
        robot.set_fault(name, severity)
    assert robot.faults == {}


def test_sensing_leaves_the_scene_as_it_was():
    scene = np.full((32, 32, 3), 100, np.uint8)
    faults = dict.fromkeys(FAULTS, 1.0)
    seen = sensed(scene, faults, np.random.default_rng(0))
    assert (scene == 100).all()
    assert seen.shape == scene.shape
    assert seen.dtype == np.uint8
