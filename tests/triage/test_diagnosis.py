from dataclasses import astuple, replace
from datetime import UTC, datetime

import numpy as np
import pytest

from januscl.core import (
    Conflict,
    Frame,
    Instances,
    InvalidInput,
    Observation,
    Outcome,
    Pick,
    Signal,
    encode_mask,
    new_id,
)
from januscl.triage.diagnosis import Diagnosis, diagnose
from januscl.triage.mask_readings import read_mask
from januscl.triage.mask_rules import by_rules
from januscl.triage.surfaces import find_edges

AT = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 96
EMPTY = np.full((SIZE, SIZE), 1.0, np.float32)
LEFT, RIGHT = (20, 20, 60, 45), (20, 49, 60, 74)
"""Two boxes side by side, as rows and columns from and to."""


def inside(place):
    top, left, bottom, right = place
    mask = np.zeros((SIZE, SIZE), bool)
    mask[top:bottom, left:right] = True
    return mask


def frame(*things):
    """A bin with flat boxes in it, given as place, height in metres and colour."""
    depth = EMPTY.copy()
    image = np.full((SIZE, SIZE, 3), 90, np.uint8)
    for place, height, colour in things:
        depth[inside(place)] = 1.0 - height
        image[inside(place)] = colour
    return Frame(image, "camera", "robot", AT, depth)


TWO = frame((LEFT, 0.06, (200, 160, 110)), (RIGHT, 0.04, (190, 170, 120)))


TWO_LATER = Observation(new_id(AT, b"2" * 10), TWO, Instances.empty(), "m")


def failed(view, masks, instance=0, outcome=Outcome.MISSED, unseen=()):
    seen = Instances.of_masks([encode_mask(m) for m in masks], [1] * len(masks))
    seen = seen.with_unexplained(
        [encode_mask(m) for m in unseen], np.zeros((len(unseen), 0), np.float32)
    )
    point = None if instance is None else (30.5, 30.5)
    return Observation(new_id(AT, b"0" * 10), view, seen, "m", Pick(instance, point, outcome, AT))


def ruled(observation, after=None, empty=EMPTY):
    """What rules say of a pick's mask, and why."""
    view, pick = observation.frame, observation.pick
    edges = find_edges(view.image, view.depth, 40.0)
    later = None if after is None else after.frame.depth
    read = read_mask(pick.instance, observation.instances, edges, view.depth, empty, later)
    return by_rules(read, 1.0, pick.outcome)


def test_a_mask_that_fits_its_package_is_not_perceptions_fault():
    observation = failed(TWO, [inside(LEFT), inside(RIGHT)])
    diagnosis, evidence = ruled(observation)
    assert diagnosis is Diagnosis.NOT_PERCEPTION
    assert "100% of its outline lies on an edge" in evidence
    found = diagnose(observation, [], None, EMPTY)
    assert (found.diagnosis, found.instance) == (Diagnosis.NOT_PERCEPTION, 0)


def test_a_mask_over_two_packages_is_merged():
    both = inside(LEFT) | inside(RIGHT)
    diagnosis, evidence = ruled(failed(TWO, [both]))
    assert diagnosis is Diagnosis.MERGED
    assert "another surface" in evidence
    assert diagnose(failed(TWO, [both]), [], None, EMPTY).diagnosis is Diagnosis.MERGED


def test_a_pick_that_brought_up_another_package_was_made_on_a_merged_mask():
    wrong = failed(TWO, [inside(LEFT), inside(RIGHT)], outcome=Outcome.WRONG_PICK)
    after = Observation(
        new_id(AT, b"1" * 10), frame((RIGHT, 0.04, (9, 9, 9))), Instances.empty(), "m"
    )
    diagnosis, evidence = ruled(wrong, after)
    assert diagnosis is Diagnosis.MERGED
    assert "100% of its mask went" in evidence


def test_half_a_package_beside_its_other_half_is_split():
    upper, lower = inside((20, 20, 40, 45)), inside((40, 20, 60, 45))
    assert ruled(failed(TWO, [upper, lower, inside(RIGHT)]))[0] is Diagnosis.SPLIT


def test_half_a_package_alone_has_a_bad_boundary():
    diagnosis, evidence = ruled(failed(TWO, [inside((20, 20, 40, 45)), inside(RIGHT)]))
    assert diagnosis is Diagnosis.BOUNDARY
    assert "no instance is" in evidence


def test_a_mask_over_the_empty_bin_has_a_bad_boundary():
    observation = failed(TWO, [inside((66, 20, 90, 60))])
    diagnosis, evidence = ruled(observation)
    assert diagnosis is Diagnosis.BOUNDARY
    assert "no higher than the empty bin" in evidence
    found = diagnose(observation, [], None, EMPTY)
    assert found.diagnosis is Diagnosis.BOUNDARY
    assert "lies on no package" in found.evidence


def test_what_lies_unseen_on_the_package_is_missed():
    upon = (36, 16, 44, 40)
    view = frame((LEFT, 0.06, (200, 160, 110)), (upon, 0.08, (60, 60, 60)))
    below = inside(LEFT) & ~inside(upon)
    diagnosis, evidence = ruled(failed(view, [below], unseen=[inside(upon)]))
    assert diagnosis is Diagnosis.MISSED
    assert "20 mm higher" in evidence


def test_a_strange_instance_is_of_an_unknown_kind_whatever_its_watcher_is_called():
    observation = failed(TWO, [inside(LEFT), inside(RIGHT)])
    for name in ("novelty.distance", "novelty.chosen"):
        signals = [Signal(name, 9.0, 0.004, 0), Signal(name, 1.0, 0.6, 1)]
        assert diagnose(observation, signals).diagnosis is Diagnosis.UNKNOWN_KIND
    other = [Signal("novelty.chosen", 9.0, 0.004, 1), Signal("uncertainty.instance", 1.0, 0.001, 0)]
    assert diagnose(observation, other).diagnosis is Diagnosis.NOT_PERCEPTION


def test_where_nothing_was_tried_what_no_instance_covers_decides():
    infeasible = Outcome.INFEASIBLE
    nothing = failed(TWO, [inside(LEFT)], None, infeasible)
    assert diagnose(nothing, []).diagnosis is Diagnosis.NOT_PERCEPTION
    blind = failed(TWO, [inside(LEFT)], None, infeasible, unseen=[inside(RIGHT)])
    assert diagnose(blind, []).diagnosis is Diagnosis.MISSED
    strange = [Signal("novelty.chosen", 9.0, 0.004, 1)]
    assert diagnose(blind, strange).diagnosis is Diagnosis.UNKNOWN_KIND


def test_without_a_depth_camera_colour_divides():
    right = (40, 45, 80, 70)
    view = replace(frame((LEFT, 0.06, (220, 60, 40)), (right, 0.04, (30, 60, 220))), depth=None)
    both = inside(LEFT) | inside(right)
    assert diagnose(failed(view, [both]), []).diagnosis is Diagnosis.MERGED
    assert diagnose(failed(view, [inside(LEFT)]), []).diagnosis is Diagnosis.NOT_PERCEPTION


def test_holes_in_the_depth_do_no_harm():
    depth = TWO.depth.copy()
    depth[::7, ::5] = np.nan
    depth[3::9, 2::11] = 0
    view = replace(TWO, depth=depth)
    found = diagnose(failed(view, [inside(LEFT), inside(RIGHT)]), [], None, EMPTY)
    assert found.diagnosis in set(Diagnosis)


def test_the_same_pick_gets_the_same_diagnosis():
    observation = failed(TWO, [inside(LEFT) | inside(RIGHT)])
    assert diagnose(observation, [], None, EMPTY) == diagnose(observation, [], None, EMPTY)


def test_only_failed_picks_are_diagnosed_and_sizes_must_agree():
    picked = failed(TWO, [inside(LEFT)], outcome=Outcome.PICKED)
    with pytest.raises(Conflict, match="no failed pick"):
        diagnose(picked, [])
    with pytest.raises(Conflict, match="no failed pick"):
        diagnose(replace(picked, pick=None), [])
    with pytest.raises(InvalidInput, match="the empty bin of observation"):
        diagnose(failed(TWO, [inside(LEFT)]), [], None, np.ones((8, 8), np.float32))


HOLES = pytest.mark.parametrize("hole", [0, np.nan, np.inf])


def with_holes(view, where, hole):
    depth = view.depth.copy()
    depth[where] = hole
    return replace(view, depth=depth)


def readings(view, masks, empty=None, after=None, unseen=()):
    seen = failed(view, masks, unseen=unseen).instances
    edges = find_edges(view.image, view.depth, 40.0)
    return read_mask(0, seen, edges, view.depth, empty, after)


@HOLES
def test_a_hole_in_the_depth_is_not_the_empty_bin(hole):
    third = inside((20, 20, 34, 45))
    view = with_holes(TWO, third, hole)
    assert readings(view, [inside(LEFT)], EMPTY).low == 0
    assert "no higher than the empty bin" not in ruled(failed(view, [inside(LEFT)]))[1]


@HOLES
def test_where_the_empty_bin_was_not_measured_nothing_is_taken_for_it(hole):
    empty = np.where(inside(LEFT), hole, EMPTY).astype(np.float32)
    assert readings(TWO, [inside(LEFT)], empty).low == 0


@HOLES
def test_what_went_is_a_share_of_what_both_looks_measured(hole):
    half = inside((20, 20, 40, 45))
    after = with_holes(frame((RIGHT, 0.04, (9, 9, 9))), half, hole).depth
    assert readings(TWO, [inside(LEFT)], after=after).gone == 1
    stays = with_holes(TWO, half, hole).depth
    assert readings(TWO, [inside(LEFT)], after=stays).gone == 0
    nothing = np.full_like(EMPTY, hole)
    assert readings(TWO, [inside(LEFT)], after=nothing).gone is None


@HOLES
def test_how_far_the_unseen_lies_above_is_told_by_measured_depth(hole):
    upon = (36, 16, 44, 40)
    view = frame((LEFT, 0.06, (200, 160, 110)), (upon, 0.08, (60, 60, 60)))
    below, region = inside(LEFT) & ~inside(upon), inside(upon)
    spoiled = (below & inside((28, 16, 36, 45))) | inside((36, 16, 42, 40))
    read = readings(with_holes(view, spoiled, hole), [below], unseen=[region])
    assert read.unseen_above == pytest.approx(0.02, abs=1e-6)
    nothing = with_holes(view, region, hole)
    assert readings(nothing, [below], unseen=[region]).unseen_above == 0


def test_without_a_next_look_nothing_is_said_of_what_went():
    wrong = failed(TWO, [inside(LEFT), inside(RIGHT)], outcome=Outcome.WRONG_PICK)
    assert readings(TWO, [inside(LEFT)]).gone is None
    assert ruled(wrong)[1] == "Another package came up than the one meant."


@pytest.mark.filterwarnings("error")
def test_an_empty_mask_has_a_bad_boundary():
    nothing = np.zeros((SIZE, SIZE), bool)
    found = diagnose(failed(TWO, [nothing, inside(RIGHT)]), [], TWO_LATER, EMPTY)
    assert (found.diagnosis, found.evidence) == (Diagnosis.BOUNDARY, "Its mask is empty.")
    read = readings(TWO, [nothing], EMPTY, TWO.depth)
    assert all(np.isfinite(v) for v in astuple(read) if v is not None)


@pytest.mark.filterwarnings("error")
def test_a_mask_of_the_whole_picture_has_no_outline_and_a_bad_boundary():
    whole = np.ones((SIZE, SIZE), bool)
    found = diagnose(failed(TWO, [whole]), [], None, EMPTY)
    assert found.diagnosis is Diagnosis.BOUNDARY
    assert all(np.isfinite(v) for v in astuple(readings(TWO, [whole], EMPTY, TWO.depth)))


def test_a_diagnosis_is_one_of_six_plain_words():
    assert [str(word) for word in Diagnosis] == [
        "merged", "split", "boundary", "missed", "unknown kind", "not perception's fault",
    ]  # fmt: skip
