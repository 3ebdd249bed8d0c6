from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import (
    Conflict,
    Frame,
    Instances,
    InvalidInput,
    Observation,
    decode_mask,
    encode_mask,
)
from januscl.watch import UnexplainedForeground

START = datetime(2026, 3, 1, tzinfo=UTC)


def observation(number, depth, masks=()):
    image = np.zeros((96, 96, 3), np.uint8)
    frame = Frame(image, "cam", "robot", START + timedelta(minutes=number), depth)
    return Observation(f"o{number}", frame, Instances.of_masks(masks, [1] * len(masks)), "m")


def bin_with(*boxes):
    """An empty bin 1 m away with boxes ``(top, left, bottom, right)`` 5 cm high."""
    depth = np.full((96, 96), 1.0, np.float32)
    for top, left, bottom, right in boxes:
        depth[top:bottom, left:right] -= 0.05
    return depth


def mask_of(top, left, bottom, right):
    mask = np.zeros((96, 96), bool)
    mask[top:bottom, left:right] = True
    return encode_mask(mask)


@pytest.fixture
def watcher():
    places = [(5 + 3 * k, 10, 35 + 3 * k, 40) for k in range(16)]
    return UnexplainedForeground().fit([observation(k, bin_with(p)) for k, p in enumerate(places)])


def test_a_package_that_the_model_is_blind_to_is_found_whole(watcher):
    seen, unseen = (5, 5, 40, 40), (50, 50, 85, 90)
    strange = observation(20, bin_with(seen, unseen), [mask_of(*seen)])
    regions = watcher.regions(strange.frame, strange.instances)
    assert len(regions) == 1
    assert (decode_mask(regions[0]) & decode_mask(mask_of(*unseen))).sum() > 0.9 * 35 * 40


def test_what_the_model_sees_and_the_empty_bin_are_explained(watcher):
    box = (30, 30, 70, 70)
    explained = observation(21, bin_with(box), [mask_of(*box)])
    assert watcher.regions(explained.frame, explained.instances) == ()
    empty = observation(22, bin_with())
    assert watcher.regions(empty.frame, empty.instances) == ()


def test_the_thin_edge_that_a_mask_leaves_out_is_no_region(watcher):
    box, smaller = (30, 30, 70, 70), (34, 34, 66, 66)
    seen = observation(23, bin_with(box), [mask_of(*smaller)])
    assert watcher.regions(seen.frame, seen.instances) == ()


@pytest.mark.parametrize("depth", [None, np.zeros((96, 96)), np.full((96, 96), np.nan)])
def test_a_frame_without_depth_is_not_taken_for_an_empty_bin(watcher, depth):
    flat = observation(24, depth)
    with pytest.raises(InvalidInput, match="depth of camera cam: expected metres"):
        watcher.regions(flat.frame, flat.instances)


def test_the_empty_bin_is_learned_from_frames_of_which_most_have_depth():
    deep = [observation(k, bin_with()) for k in range(10)]
    flat = [observation(k, None) for k in range(10, 20)]
    some = UnexplainedForeground().fit([*deep, *flat])
    assert len(some.regions(observation(30, bin_with((30, 30, 70, 70))).frame,
                            Instances.empty())) == 1  # fmt: skip
    holes = [observation(k, np.full((96, 96), np.nan)) for k in range(12)]
    for short in ([*deep, *flat, flat[0]], flat, [*deep, *holes]):
        with pytest.raises(InvalidInput, match="mostly frames with depth"):
            UnexplainedForeground().fit(short)


def test_without_a_reference_nothing_is_read():
    with pytest.raises(Conflict, match="call fit"):
        UnexplainedForeground().regions(observation(24, bin_with()).frame, Instances.empty())


@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf])
def test_a_hole_in_the_depth_is_no_package_and_spoils_no_reference(hole):
    def seen(number, *boxes):
        depth = bin_with(*boxes)
        depth[60:90, 5:35] = hole  # always
        if number % 2:
            depth[5:30, 60:90] = hole  # now and then
        return observation(number, depth)

    watcher = UnexplainedForeground().fit([seen(k) for k in range(12)])
    assert watcher.regions(seen(20).frame, Instances.empty()) == ()
    assert watcher.regions(seen(21).frame, Instances.empty()) == ()
    (region,) = watcher.regions(seen(22, (5, 60, 30, 90)).frame, Instances.empty())
    assert region.area > 0.8 * 25 * 30
