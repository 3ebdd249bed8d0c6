"""Diagnoses of masks on simulated piles, where depth and the empty bin are known."""

from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from januscl.core import (
    Frame,
    Instances,
    Observation,
    Outcome,
    Pick,
    Signal,
    encode_mask,
    new_id,
)
from januscl.sim import BASE_MIX, Look, Pile
from januscl.sim.camera import Camera
from januscl.sim.eye import eye
from januscl.sim.truth import truth_of
from januscl.triage.diagnosis import Diagnosis, diagnose, readings_of
from januscl.triage.seat import deepest

AT = datetime(2026, 1, 1, tzinfo=UTC)
LOOK = Look()
CAMERA = Camera.of_look(LOOK)


@pytest.fixture(scope="module")
def empty():
    return eye(192).shoot(Pile((), np.zeros((0, 7)), LOOK), CAMERA).depth


@pytest.fixture(scope="module")
def piles():
    """Frames of settled piles, with the true masks of each."""
    found = []
    for seed in range(6):
        pile = Pile.poured(BASE_MIX, 7, np.random.default_rng(seed), LOOK)
        shot = eye(192).shoot(pile, CAMERA)
        truth = truth_of(pile, CAMERA, shot)
        masks = [truth.ids == k + 1 for k in truth.shown]
        found.append((Frame(shot.image, "camera", "robot", AT, shot.depth), masks))
    return found


def failed(frame, masks, row, outcome=Outcome.MISSED):
    seen = Instances.of_masks([encode_mask(mask) for mask in masks], [1] * len(masks))
    point = deepest(masks[row])[0]
    return Observation(new_id(AT, b"0" * 10), frame, seen, "m", Pick(row, point, outcome, AT))


def largest(masks):
    return max(range(len(masks)), key=lambda k: masks[k].sum())


def beside(masks, row):
    """Return the package that a mask touches most."""
    wide = cv2.dilate(masks[row].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    touching = [(int((mask & wide).sum()), k) for k, mask in enumerate(masks) if k != row]
    return max(touching)[1]


def told(observation, empty, signals=()):
    return diagnose(observation, signals, None, empty).diagnosis


def test_masks_over_two_packages_are_merged(piles, empty):
    found = []
    for frame, masks in piles:
        row = largest(masks)
        other = beside(masks, row)
        merged = [masks[row] | masks[other]]
        merged += [mask for k, mask in enumerate(masks) if k not in (row, other)]
        found.append(diagnose(failed(frame, merged, 0, Outcome.WRONG_PICK), [], None, empty))
    right = [f for f in found if f.diagnosis is Diagnosis.MERGED]
    assert len(right) >= 5
    assert all("of its mask lies on another package" in f.evidence for f in right)
    assert all("another came up than the one meant" in f.evidence for f in right)


def test_true_masks_are_seldom_blamed(piles, empty):
    found = [told(failed(frame, masks, largest(masks)), empty) for frame, masks in piles]
    assert found.count(Diagnosis.NOT_PERCEPTION) >= 5


def test_a_mask_on_the_empty_bin_has_a_bad_boundary(piles, empty):
    found = []
    for frame, masks in piles:
        covered = np.any(masks, axis=0)
        away = cv2.distanceTransform((~covered).astype(np.uint8), cv2.DIST_L2, 5)
        away[:45], away[-45:], away[:, :45], away[:, -45:] = 0, 0, 0, 0
        row, column = np.unravel_index(int(away.argmax()), away.shape)
        disc = np.zeros(covered.shape, np.uint8)
        cv2.circle(disc, (int(column), int(row)), 9, 1, -1)
        found.append(told(failed(frame, [disc > 0, *masks], 0), empty))
    assert found.count(Diagnosis.BOUNDARY) >= 5


def test_a_diagnosis_by_depth_says_how_sure_it_is_and_why(piles, empty):
    frame, masks = piles[0]
    found = diagnose(failed(frame, masks, 0), [], None, empty)
    assert 1 / 6 < found.sure <= 1
    assert found.evidence.endswith(".")
    assert diagnose(failed(frame, masks, 0), [], None, empty) == found


def test_without_depth_or_the_empty_bin_rules_decide_and_nothing_says_how_surely(piles):
    frame, masks = piles[0]
    assert diagnose(failed(frame, masks, 0), []).sure is None


def test_strange_pieces_speak_for_an_unknown_kind(piles, empty):
    frame, masks = piles[0]
    observation = failed(frame, masks, 0)
    known = readings_of(observation, [Signal("novelty.chosen", 1.0, 0.6, 0)], None, empty)
    strange = readings_of(observation, [Signal("novelty.chosen", 9.0, 0.002, 0)], None, empty)
    assert known["strange"] == pytest.approx(np.log(0.6))
    assert strange["strangest"] == pytest.approx(np.log(0.002))


def test_what_went_is_told_by_the_next_look(piles, empty):
    frame, masks = piles[0]
    row = largest(masks)
    later = frame.depth.copy()
    later[masks[row]] = empty[masks[row]]
    after = Observation(
        new_id(AT, b"1" * 10),
        Frame(frame.image, "camera", "robot", AT, later),
        Instances.empty(),
        "m",
    )
    observation = failed(frame, masks, row, Outcome.DROPPED)
    assert readings_of(observation, [], after, empty)["mask_went"] > 0.9
    assert readings_of(observation, [], None, empty)["mask_went"] == -1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("point", [None, (np.nan, 3.0), (-9.0, 900.0)])
def test_an_odd_point_of_the_cup_does_no_harm(piles, empty, point):
    frame, masks = piles[0]
    seen = failed(frame, masks, 0).instances
    pick = Pick(0, point, Outcome.INFEASIBLE, AT)
    observation = Observation(new_id(AT, b"0" * 10), frame, seen, "m", pick)
    assert all(np.isfinite(v) for v in readings_of(observation, [], None, empty).values())


@pytest.mark.filterwarnings("error")
def test_a_mask_without_any_measured_depth_is_told_by_rules(piles, empty):
    frame, masks = piles[0]
    depth = frame.depth.copy()
    depth[masks[0]] = np.nan
    blind = Frame(frame.image, "camera", "robot", AT, depth)
    assert readings_of(failed(blind, masks, 0), [], None, empty) is None
    assert diagnose(failed(blind, masks, 0), [], None, empty).sure is None
