import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as peer

from januscl.annotate import rle_of_polygon
from januscl.core import InvalidInput, box_of, box_of_rle, decode_mask, encode_mask


def fill(*parts, size=(20, 30)):
    return decode_mask(rle_of_polygon([np.asarray(p, float) for p in parts], *size))


def brute(points, height, width):
    inside = np.zeros((height, width), bool)
    for r in range(height):
        for c in range(width):
            x, y = c + 0.5, r + 0.5
            for (xa, ya), (xb, yb) in zip(points, np.roll(points, -1, axis=0), strict=True):
                if (xa <= x < xb or xb <= x < xa) and y >= ya + (x - xa) / (xb - xa) * (yb - ya):
                    inside[r, c] = not inside[r, c]
    return inside


def test_a_rectangle_fills_the_pixels_between_its_edges_and_no_more():
    mask = fill([(3, 2), (10, 2), (10, 8), (3, 8)])
    expected = np.zeros((20, 30), bool)
    expected[2:8, 3:10] = True
    assert np.array_equal(mask, expected)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(3, 9))
def test_any_polygon_fills_the_pixels_whose_centre_is_inside_by_the_even_odd_rule(seed, corners):
    points = np.random.default_rng(seed).uniform(-6, 22, (corners, 2))
    expected = brute(points, 13, 17)
    try:
        found = decode_mask(rle_of_polygon([points], 13, 17))
    except InvalidInput:
        found = np.zeros((13, 17), bool)
    assert np.array_equal(found, expected)


def test_masks_agree_with_pycocotools_up_to_its_sampling():
    rng = np.random.default_rng(0)
    for _ in range(20):
        turn = np.sort(rng.uniform(0, 2 * np.pi, 24))
        ring = np.stack((np.cos(turn), np.sin(turn)), 1) * rng.uniform(40, 60, (24, 1)) + (90, 70)
        ours = rle_of_polygon([ring], 150, 180)
        theirs = peer.decode(peer.frPyObjects([ring.ravel().tolist()], 150, 180))[:, :, 0]
        both = (decode_mask(ours) & (theirs > 0)).sum()
        assert both / (ours.area + theirs.sum() - both) > 0.985


def test_a_figure_of_eight_is_two_loops():
    mask = fill([(2, 2), (22, 12), (22, 2), (2, 12)])
    assert mask[5, 3]
    assert mask[5, 20]
    assert not mask[3, 12]
    assert not mask[10, 12]


def test_parts_are_joined_even_where_they_overlap():
    square = [(2, 2), (8, 2), (8, 8), (2, 8)]
    beside = [(5, 5), (12, 5), (12, 12), (5, 12)]
    far = [(20, 14), (24, 14), (24, 18), (20, 18)]
    assert fill(square, beside, far).sum() == 36 + 49 - 9 + 16


def test_what_lies_outside_the_picture_is_cut_off():
    assert fill([(-10, -10), (100, -10), (100, 100), (-10, 100)]).all()
    mask = fill([(25, 15), (1e6, 15), (1e6, 1e6), (25, 1e6)])
    assert mask.sum() == 25
    assert mask[15:, 25:].all()


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ([(0, 0), (5, np.nan), (5, 5)], "coordinates in px, found nan"),
        ([(0, 0), (5, np.inf), (5, 5)], "coordinates in px, found inf"),
        ([(0, 0), (5, 1e300), (5, 5)], "coordinates in px, found 1e\\+300"),
        ([(0, 0), (5, 5)], "three or more points, found 2"),
        ([(3, 3), (3, 3), (3, 3)], "found none inside it"),
        ([(1, 1), (9, 9), (5, 5)], "found none inside it"),
        ([(40, 2), (50, 2), (50, 9)], "found none inside it"),
        ([(2, -9), (9, -9), (9, -1)], "found none inside it"),
    ],
)
def test_an_outline_without_a_pixel_is_refused_with_its_name(points, says):
    with pytest.raises(InvalidInput, match=f"bag 7: expected .*{says}"):
        rle_of_polygon([np.asarray(points, float)], 20, 30, "bag 7")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 8), st.floats(0, 1))
def test_a_box_read_off_the_runs_is_the_box_of_the_mask(seed, height, width, share):
    mask = np.random.default_rng(seed).random((height, width)) < share
    assert np.array_equal(box_of_rle(encode_mask(mask)), box_of(mask))
