import time

import numpy as np
import pytest

from januscl.core import Instances, InvalidInput, decode_mask, encode_mask
from januscl.picking import choose_pick

SIZE = (96, 128)


def rectangle(left, top, width, height):
    mask = np.zeros(SIZE, dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def saw(masks, scores):
    given = Instances.of_masks([encode_mask(m) for m in masks], [1] * len(masks))
    return Instances(given.masks, given.boxes, np.asarray(scores, np.float32), given.labels)


def test_the_cup_goes_to_the_deepest_inner_point_of_the_mask():
    row, point = choose_pick(saw([rectangle(20, 30, 41, 21)], [0.9]))
    assert row == 0
    assert point[1] == 40.5, "the middle of 21 rows from 30 on"
    assert 30 <= point[0] <= 50


def tilted(seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]] - np.reshape((48, 64), (2, 1, 1))
    angle, half = rng.uniform(0, np.pi), rng.uniform(10, 30, 2)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    across = rows * np.cos(angle) - columns * np.sin(angle)
    return (abs(along) < half[0]) & (abs(across) < half[1])


def test_the_same_mask_gives_the_same_point_wherever_it_lies_in_memory():
    # OpenCV's distances differ in the last bit with the alignment of its buffers.
    sizes, elsewhere = np.random.default_rng(0), []
    for seed in range(60):
        seen, points = saw([tilted(seed)], [0.9]), set()
        for _ in range(6):
            elsewhere.append(np.empty(int(sizes.integers(1, 5000)), np.uint8))
            points.add(choose_pick(seen, cup_radius=2.0))
        assert len(points) == 1


def test_the_point_of_a_ring_lies_on_the_ring_and_not_in_its_hole():
    mask = rectangle(20, 10, 70, 70) & ~rectangle(40, 30, 30, 30)
    _, (x, y) = choose_pick(saw([mask], [0.9]))
    assert mask[int(y), int(x)]


def test_the_edge_of_the_picture_is_an_edge_of_the_package():
    _, (x, _) = choose_pick(saw([rectangle(0, 20, 30, 50)], [0.9]))
    assert 13 <= x <= 16


def test_a_surer_package_goes_before_a_doubtful_one_of_the_same_size():
    masks = [rectangle(5, 5, 40, 40), rectangle(60, 40, 40, 40)]
    assert choose_pick(saw(masks, [0.95, 0.6]))[0] == 0
    assert choose_pick(saw(masks, [0.6, 0.95]))[0] == 1


def test_a_package_with_room_for_the_cup_goes_before_a_narrow_one():
    masks = [rectangle(5, 5, 100, 12), rectangle(60, 40, 40, 40)]
    assert choose_pick(saw(masks, [0.9, 0.8]))[0] == 1


def test_the_topmost_package_goes_first_when_there_is_depth():
    masks = [rectangle(5, 5, 40, 40), rectangle(60, 40, 40, 40)]
    depth = np.full(SIZE, 1.0, dtype=np.float32)
    depth[masks[1]] = 0.8
    assert choose_pick(saw(masks, [0.95, 0.7]))[0] == 0
    assert choose_pick(saw(masks, [0.95, 0.7]), depth)[0] == 1


@pytest.mark.parametrize("hole", [0.0, np.nan, np.inf])
def test_holes_in_the_depth_are_no_height(hole):
    masks = [rectangle(5, 5, 40, 40), rectangle(60, 40, 40, 40)]
    depth = np.full(SIZE, 0.9, dtype=np.float32)
    depth[masks[1]] = hole
    assert choose_pick(saw(masks, [0.9, 0.7]), depth)[0] == 0
    assert choose_pick(saw(masks, [0.9, 0.7]), np.full(SIZE, hole, np.float32))[0] == 0


def test_a_point_that_failed_just_before_is_left_alone():
    seen = saw([rectangle(10, 10, 80, 30), rectangle(20, 60, 30, 20)], [0.9, 0.9])
    row, first = choose_pick(seen)
    _, second = choose_pick(seen, tried=[first], keep_away=15)
    assert np.hypot(second[0] - first[0], second[1] - first[1]) >= 15
    assert decode_mask(seen.masks[row])[int(second[1]), int(second[0])]
    assert choose_pick(seen, tried=[first], keep_away=200) is None


def test_nothing_is_picked_that_is_doubtful_too_small_for_the_cup_or_empty():
    assert choose_pick(Instances.empty()) is None
    assert choose_pick(saw([rectangle(5, 5, 40, 40)], [0.4])) is None
    assert choose_pick(saw([rectangle(5, 5, 90, 8)], [0.9])) is None
    assert choose_pick(saw([np.zeros(SIZE, dtype=bool)], [0.9])) is None


def test_the_cup_goes_where_the_surface_is_flat_and_not_on_a_ridge():
    seen = saw([rectangle(20, 30, 60, 30)], [0.9])
    ridge = 0.8 + 0.002 * np.abs(np.arange(SIZE[1], dtype=np.float32) - 49.5)
    _, (x, _) = choose_pick(seen, np.tile(ridge, (SIZE[0], 1)))
    assert abs(x - 50) > 4, "the middle of the mask is the edge of a tilted box"
    tilted = 0.8 + 0.002 * np.arange(SIZE[1], dtype=np.float32)
    assert choose_pick(seen, np.tile(tilted, (SIZE[0], 1))) == choose_pick(seen)


def test_a_package_with_a_flat_place_goes_before_one_without():
    seen = saw([rectangle(10, 30, 40, 40), rectangle(70, 30, 36, 36)], [0.9, 0.9])
    depth = np.full(SIZE, 0.8, np.float32)
    depth[:, :60] += 0.01 * (np.indices((SIZE[0], 60)).sum(axis=0) % 2)
    assert choose_pick(seen)[0] == 0
    assert choose_pick(seen, depth)[0] == 1


def test_a_hole_in_the_depth_is_no_place_for_the_cup_unless_there_is_no_other():
    seen = saw([rectangle(20, 30, 60, 30)], [0.9])
    depth = np.full(SIZE, 0.8, np.float32)
    depth[:, 44:56] = np.nan
    _, (x, _) = choose_pick(seen, depth)
    assert not 44 - 5 <= x <= 56 + 5
    assert choose_pick(seen, np.full(SIZE, np.nan, np.float32)) is not None


def test_a_depth_of_another_size_is_refused():
    with pytest.raises(InvalidInput, match=r"depth: expected shape \(96, 128\)"):
        choose_pick(saw([rectangle(5, 5, 40, 40)], [0.9]), np.ones((4, 4), np.float32))


def test_twelve_packages_are_weighed_within_two_milliseconds():
    masks = []
    for row in range(3):
        for column in range(4):
            mask = np.zeros((192, 192), dtype=bool)
            mask[row * 60 + 5 : row * 60 + 60, column * 46 + 4 : column * 46 + 48] = True
            masks.append(mask)
    seen = saw(masks, np.linspace(0.95, 0.6, 12))
    depth = np.full((192, 192), 0.8, dtype=np.float32)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        choose_pick(seen, depth, tried=[(30.0, 30.0), (100.0, 90.0)])
        times.append(time.perf_counter() - start)
    assert min(times) < 0.002
