from collections import Counter

import cv2
import numpy as np
import pytest

from januscl.core import Cell, Conflict, Instances, InvalidInput, Outcome, decode_mask, encode_mask
from januscl.core.contracts import check_robot
from januscl.sim import BASE_MIX, BASE_TAXONOMY, CellRobot, Look


def _robot(seed=0, size=192):
    return CellRobot(Cell("r", "c", "l", "s"), Look(), seed, size)


def _room(mask):
    return cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]


def _deepest(mask):
    row, column = np.unravel_index(_room(mask).argmax(), mask.shape)
    return float(column) + 0.5, float(row) + 0.5


def _work(robot, attempts, choose, seed=0):
    rng, outcomes = np.random.default_rng(seed), Counter()
    for _ in range(attempts):
        robot.look()
        truth = robot.truth().instances(BASE_TAXONOMY)
        masks = [decode_mask(rle) for rle in truth.masks]
        k = int(rng.choice(np.argsort([-_room(mask).max() for mask in masks])[:3]))
        outcomes[robot.attempt(truth, k, choose(masks, k, rng))] += 1
    return outcomes


def _good(masks, k, rng):
    return _deepest(masks[k])


def _edge(masks, k, rng):
    room = _room(masks[k])
    rows, columns = np.nonzero((room > 0) & (room < 1.5))
    i = rng.integers(len(rows))
    return float(columns[i]) + 0.5, float(rows[i]) + 0.5


def test_it_keeps_the_robots_contract():
    check_robot(_robot(size=96))


def test_good_masks_and_points_mostly_succeed_and_edges_mostly_fail():
    good, edge = _work(_robot(1), 60, _good), _work(_robot(1), 30, _edge)
    assert good[Outcome.PICKED] >= 0.75 * 60
    assert edge[Outcome.PICKED] <= 0.25 * 30


def test_a_knocked_camera_makes_the_robot_miss():
    robot = _robot(2)
    robot.set_fault("camera_knocked", 1.0)
    assert _work(robot, 30, _good)[Outcome.PICKED] <= 0.7 * 30


def test_what_came_up_leaves_the_bin():
    robot = _robot(3)
    for _ in range(20):
        robot.look()
        before, truth = robot.remaining, robot.truth().instances(BASE_TAXONOMY)
        masks = [decode_mask(rle) for rle in truth.masks]
        k = int(np.argmax([_room(mask).max() for mask in masks]))
        if robot.attempt(truth, k, _deepest(masks[k])) is Outcome.PICKED:
            assert robot.remaining == before - 1
            assert robot.last_attempt.came_up == (robot.last_attempt.target,)
            return
    raise AssertionError("nothing was picked in 20 attempts")


def test_a_pick_on_the_empty_floor_misses_and_lifts_nothing():
    robot = _robot(4)
    robot.load({"cylinder": 1.0}, 1, seed=0)
    robot.look()
    truth = robot.truth()
    free = cv2.erode((truth.ids == 0).astype(np.uint8), np.ones((25, 25), np.uint8))
    free[:60], free[-60:], free[:, :60], free[:, -60:] = 0, 0, 0, 0
    row, column = np.argwhere(free)[0]
    outcome = robot.attempt(truth.instances(BASE_TAXONOMY), 0, (column + 0.5, row + 0.5))
    assert outcome is Outcome.MISSED
    assert robot.remaining == 1
    assert robot.last_attempt.pointed is None
    assert robot.last_attempt.touched == ()


def test_a_point_outside_the_bin_is_infeasible():
    robot = _robot(5)
    robot.look()
    truth = robot.truth().instances(BASE_TAXONOMY)
    assert robot.attempt(truth, 0, (2.0, 2.0)) is Outcome.INFEASIBLE
    assert robot.attempt(truth, None, None) is Outcome.INFEASIBLE
    assert robot.last_attempt.left == tuple(robot.truth().kinds)


def _two_boxes():
    """Return a robot before two packages that both show, and their masks."""
    robot = _robot(6)
    for seed in range(20):
        robot.load({"box": 1.0}, 2, seed=seed)
        robot.look()
        truth = robot.truth()
        if len(truth.shown) == 2 and min(truth.share) > 0.99:
            return robot, [truth.ids == 1, truth.ids == 2]
    raise AssertionError("two boxes always lay on each other")


def test_lifting_another_package_than_the_masks_is_a_wrong_pick():
    robot, (left, right) = _two_boxes()
    seen = Instances.of_masks([encode_mask(left)], [1])
    assert robot.attempt(seen, 0, _deepest(right)) is Outcome.WRONG_PICK
    assert robot.remaining == 1


def test_a_mask_that_merges_two_packages_means_neither():
    robot, (left, right) = _two_boxes()
    merged = Instances.of_masks([encode_mask(left | right)], [1])
    assert robot.attempt(merged, 0, _deepest(left)) is Outcome.WRONG_PICK
    assert robot.last_attempt.target is None


def test_a_cup_on_two_packages_takes_both():
    robot = _robot(7)
    outcomes = set()
    for seed in range(40):
        robot.load({"flat envelope": 1.0, "tall box": 1.0}, 9, seed=seed)
        robot.look()
        truth = robot.truth()
        kernel = np.ones((3, 3), np.uint8)
        for k in truth.shown:
            mask = truth.ids == k + 1
            others = (truth.ids != k + 1) & (truth.ids > 0)
            seam = mask & (cv2.dilate(others.astype(np.uint8), kernel) > 0)
            if seam.sum() >= 12:
                rows, columns = np.nonzero(seam)
                middle = len(rows) // 2
                robot.attempt(Instances.of_masks([encode_mask(mask)], [1]), 0,
                              (columns[middle] + 0.5, rows[middle] + 0.5))  # fmt: skip
                break
        attempt = robot.last_attempt
        if len(attempt.touched) == 2:
            outcomes.add((attempt.outcome, len(attempt.came_up)))
        if (Outcome.MULTI_PICK, 2) in outcomes:
            return
    raise AssertionError(f"no seal on two packages brought both up: {outcomes}")


def test_a_heavy_box_that_the_cup_holds_off_its_middle_is_dropped_and_stays_in_the_bin():
    taxonomy = BASE_TAXONOMY.with_kind("holiday box", "box")
    robot, outcomes = _robot(20), Counter()
    for seed in range(12):
        robot.load({"holiday box": 1.0}, 1, seed)
        robot.look()
        truth = robot.truth().instances(taxonomy)
        mask = decode_mask(truth.masks[0])
        room = _room(mask)
        middle = np.argwhere(mask).mean(axis=0)
        # As far off the middle as the whole cup still has room on the face.
        places = np.argwhere((room > 8) & (room < 11))
        row, column = places[np.hypot(*(places - middle).T).argmax()]
        outcome = robot.attempt(truth, 0, (column + 0.5, row + 0.5))
        outcomes[outcome] += 1
        if outcome is Outcome.DROPPED:
            assert robot.last_attempt.touched == ("holiday box",), "the cup did seal"
            assert robot.last_attempt.came_up == ()
            assert robot.remaining == 1
    assert outcomes[Outcome.DROPPED] >= 4


def test_a_bin_is_exchanged_when_it_was_tried_often_enough():
    robot = CellRobot(Cell("r", "c", "l", "s"), Look(), 8, 96, max_attempts_per_pile=3, patience=9)
    robot.look()
    first = robot.scene.packages
    for _ in range(2):
        robot.attempt(Instances.empty(), None, None)
        robot.look()
        assert robot.scene.packages is first
    robot.attempt(Instances.empty(), None, None)
    robot.look()
    assert robot.scene.packages is not first


def test_after_failures_in_a_row_the_bin_goes_to_a_person():
    robot = CellRobot(Cell("r", "c", "l", "s"), Look(), 8, 96, patience=2)
    robot.look()
    first = robot.scene.packages
    robot.attempt(Instances.empty(), None, None)
    robot.look()
    assert robot.scene.packages is first
    robot.attempt(Instances.empty(), None, None)
    robot.look()
    assert robot.scene.packages is not first


def test_a_scene_gives_its_truth_also_after_the_bin_has_changed():
    robot = _robot(9, size=96)
    robot.look()
    scene, truth = robot.scene, robot.truth()
    robot.load(BASE_MIX, 4, seed=1)
    assert np.array_equal(scene.truth().ids, truth.ids)


def test_nonsense_is_refused_before_anything_moves():
    robot = _robot(10, size=96)
    with pytest.raises(Conflict, match="look"):
        robot.truth()
    robot.look()
    truth = robot.truth().instances(BASE_TAXONOMY)
    with pytest.raises(InvalidInput, match="instance"):
        robot.attempt(truth, len(truth), (48.0, 48.0))
    with pytest.raises(InvalidInput, match="point"):
        robot.attempt(truth, 0, (float("nan"), 48.0))


def test_the_same_seed_gives_the_same_work():
    def work():
        robot = _robot(11, size=96)
        outcomes = _work(robot, 6, _good)
        return robot.look().image, outcomes, robot.last_attempt

    (image, outcomes, attempt), (image2, outcomes2, attempt2) = work(), work()
    assert np.array_equal(image, image2)
    assert (outcomes, attempt) == (outcomes2, attempt2)
