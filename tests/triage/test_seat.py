import numpy as np
import pytest

from januscl.triage.seat import Places, deepest, seat_at

SIZE, FIELD, CUP = 192, 40.0, 0.016


def box(top, left, bottom, right):
    mask = np.zeros((SIZE, SIZE), bool)
    mask[top:bottom, left:right] = True
    return mask


def seat(mask, point, height=0.06, slope=0.0):
    """Of a cup on a box of this height on a bin one metre away; the slope is metres a pixel."""
    lean = slope * (np.arange(SIZE) - point[0])
    depth = np.where(mask, 1.0 - height + lean, 1.0).astype(np.float32)
    return seat_at(Places.of_depth(depth, FIELD), mask, mask, point, CUP)


def test_a_cup_in_the_middle_of_a_flat_package_seals_all_around():
    found = seat(box(60, 60, 120, 120), (90.5, 90.5))
    assert found.sealed == found.within == 1
    assert found.upright == pytest.approx(1)


def test_a_cup_over_an_edge_seals_by_half():
    found = seat(box(60, 60, 120, 120), (90.5, 60.5))
    assert 0.3 < found.sealed < 0.7


def test_a_cup_finds_no_seat_on_what_is_narrower():
    assert seat(box(60, 88, 120, 93), (90.5, 90.5)).sealed < 0.5


def test_a_cup_does_not_seal_on_the_bin():
    depth = np.ones((SIZE, SIZE), np.float32)
    nothing, mask = np.zeros((SIZE, SIZE), bool), box(60, 60, 120, 120)
    places = Places.of_depth(depth, FIELD)
    assert seat_at(places, nothing, mask, (90.5, 90.5), CUP).sealed == 0


def test_a_cup_leans_with_the_surface_and_seals_on_it():
    found = seat(box(60, 60, 120, 120), (90.5, 90.5), slope=0.002)
    assert found.upright < 0.9
    assert found.sealed == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("hole", [0, np.nan, np.inf])
def test_where_depth_has_a_hole_nothing_is_known_to_seal(hole):
    mask = box(60, 60, 120, 120)
    depth = np.where(mask, 0.94, 1.0).astype(np.float32)
    depth[85:96, 85:96] = hole
    places = Places.of_depth(depth, FIELD)
    assert seat_at(places, mask, mask, (90.5, 90.5), CUP).sealed == 0
    depth[:] = hole
    assert seat_at(Places.of_depth(depth, FIELD), mask, mask, (90.5, 90.5), CUP).sealed == 0


def test_the_deepest_point_of_a_mask_is_counted_as_picks_are():
    point, away = deepest(box(60, 60, 121, 101))
    assert point[0] == 80.5
    assert away == pytest.approx(21, abs=1)
    assert deepest(box(7, 5, 8, 6))[0] == (5.5, 7.5)


def test_a_place_is_in_metres_from_the_camera():
    places = Places.of_depth(np.full((SIZE, SIZE), 2.0, np.float32), 90.0)
    assert places.under((SIZE / 2, SIZE / 2)) == pytest.approx((0, 0, 2), abs=0.02)
    assert places.under((SIZE - 0.5, SIZE / 2))[0] == pytest.approx(2, abs=0.02)
