import numpy as np
import pytest

from januscl.triage.redraw import channels_of, redraw

SIZE, FIELD = 192, 40.0
EMPTY = np.full((SIZE, SIZE), 0.95, np.float32)
LEFT, RIGHT = (70, 50, 120, 92), (70, 96, 120, 138)


def inside(top, left, bottom, right):
    mask = np.zeros((SIZE, SIZE), bool)
    mask[top:bottom, left:right] = True
    return mask


def channels(*things):
    """Of a bin with flat boxes in it, given as place, height in metres and colour."""
    depth, image = EMPTY.copy(), np.full((SIZE, SIZE, 3), 110, np.uint8)
    for place, height, colour in things:
        depth[inside(*place)] -= height
        image[inside(*place)] = colour
    return channels_of(image, depth, EMPTY, FIELD)


TWO = channels((LEFT, 0.06, (190, 150, 100)), (RIGHT, 0.04, (180, 160, 120)))
NONE = np.zeros((SIZE, SIZE), bool)


def iou(left, right):
    return (left & right).sum() / (left | right).sum()


def test_half_a_mask_is_drawn_whole():
    drawn = redraw(TWO, inside(70, 50, 97, 92), NONE)
    assert iou(drawn.whole, inside(*LEFT)) > 0.75


def test_a_mask_over_two_packages_is_drawn_as_one_and_the_other():
    both = inside(*LEFT) | inside(*RIGHT)
    drawn = redraw(TWO, both, NONE)
    shares = [float(part[both].mean()) for part in (drawn.package, drawn.others, drawn.bin)]
    assert 0.3 < shares[0] < 0.7
    assert 0.3 < shares[1] < 0.7
    assert shares[2] < 0.1


def test_a_mask_on_the_empty_bin_is_drawn_as_the_bin():
    nothing = inside(140, 60, 170, 110)
    assert redraw(TWO, nothing, NONE).bin[nothing].mean() > 0.7


def test_shares_sum_to_one_around_the_mask_and_to_nothing_far_away():
    drawn = redraw(TWO, inside(*LEFT), inside(*RIGHT))
    total = drawn.bin + drawn.package + drawn.others
    assert total[inside(*LEFT)] == pytest.approx(1, abs=1e-5)
    assert total[0, -1] == 0


@pytest.mark.parametrize("hole", [0, np.nan, np.inf])
def test_holes_take_the_depth_of_what_is_nearest(hole):
    depth, image = EMPTY.copy(), np.full((SIZE, SIZE, 3), 110, np.uint8)
    depth[inside(*LEFT)] -= 0.06
    spoilt = depth.copy()
    spoilt[80:83, 60:63] = hole
    whole, filled = (channels_of(image, d, EMPTY, FIELD) for d in (depth, spoilt))
    assert np.isfinite(filled).all()
    assert np.allclose(whole[3], filled[3])
    assert filled[7].sum() == SIZE * SIZE - 9
    nothing = channels_of(image, np.full_like(EMPTY, hole), EMPTY, FIELD)
    assert np.isfinite(nothing).all()


def test_a_mask_of_one_pixel_at_the_edge_is_drawn():
    pixel = np.zeros((SIZE, SIZE), bool)
    pixel[0, -1] = True
    assert np.isfinite(redraw(TWO, pixel, NONE).package).all()


def test_the_same_mask_is_drawn_the_same_again():
    first, second = (redraw(TWO, inside(*LEFT), NONE).package for _ in range(2))
    assert np.array_equal(first, second)
