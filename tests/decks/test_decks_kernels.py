import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from januscl.core import Instances, InvalidInput, LabelledFrame, decode_mask, encode_mask, masks_of
from januscl.decks import (
    Scene,
    affine,
    colour,
    colour_matrix,
    grain,
    ids_of,
    instances_of,
    mirror,
    mosaic,
    paste,
    resize_frame,
    soften,
    warp,
)


def picture(seed, height=60, width=80):
    smooth = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(smooth, (width, height))


def scene(seed=0, count=4, height=60, width=80):
    rng = np.random.default_rng(seed)
    ids = np.zeros((height, width), np.uint8)
    for k in range(count):
        y, x = rng.integers(0, height - 16), rng.integers(0, width - 16)
        ids[y : y + 15, x : x + 12] = k + 1
        ids[y + 5 : y + 8, x + 4 : x + 8] = 0
    return Scene(picture(seed, height, width), ids, np.arange(1, count + 1))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(0, 6))
def test_an_id_map_becomes_masks_and_boxes_and_comes_back_unchanged(seed, height, width, count):
    ids = np.random.default_rng(seed).integers(0, count + 1, (height, width)).astype(np.uint8)
    labels = np.arange(10, 10 + count)
    found = instances_of(ids, labels)
    seen = sorted(set(ids.ravel().tolist()) - {0})
    expected = [m for m in masks_of(ids.astype(np.int32), count) if m.area]
    assert list(found.masks) == expected
    assert found.labels.tolist() == [k + 9 for k in seen]
    assert np.array_equal(found.boxes, Instances.of_masks(expected, found.labels).boxes)
    again = ids_of(masks_of(ids.astype(np.int32), count), height, width)
    assert np.array_equal(again, ids)


def test_where_masks_overlap_the_later_one_wins():
    low, high = np.zeros((2, 5, 6), bool)
    low[1:4, 1:4] = high[2:5, 2:6] = True
    ids = ids_of([encode_mask(low), encode_mask(high)], 5, 6)
    assert ids[1, 1] == 1
    assert (ids[2:5, 2:6] == 2).all()


def test_a_mask_of_another_size_is_named():
    with pytest.raises(InvalidInput, match="mask 1 of the frame: expected size 5x6, found 6x5"):
        ids_of([encode_mask(np.ones((5, 6))), encode_mask(np.ones((6, 5)))], 5, 6)


def test_more_than_255_instances_keep_their_identity():
    ids = np.arange(1, 401).reshape(20, 20)
    again = ids_of(masks_of(ids.astype(np.int32)), 20, 20)
    assert np.array_equal(again, ids)
    assert len(instances_of(again, np.ones(400, np.int64))) == 400


def test_an_instance_with_too_few_pixels_leaves_the_truth():
    ids = np.zeros((10, 10), np.uint8)
    ids[:4, :4], ids[8, 8] = 1, 2
    assert instances_of(ids, np.asarray([5, 6]), min_pixels=2).labels.tolist() == [5]
    assert len(instances_of(ids, np.asarray([5, 6]), min_pixels=17)) == 0


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("down", [False, True])
def test_mirroring_moves_image_and_masks_alike(across, down):
    before = scene()
    after = mirror(before, across, down)
    axes = tuple(axis for axis, on in ((0, down), (1, across)) if on)
    assert np.array_equal(after.image, np.flip(before.image, axes))
    assert np.array_equal(after.ids, np.flip(before.ids, axes))


def test_a_warp_moves_every_mask_with_its_pixels():
    ids = np.zeros((90, 90), np.uint8)
    image = np.zeros((90, 90, 3), np.uint8)
    for k, (y, x) in enumerate([(20, 25), (40, 60), (65, 30)], start=1):
        ids[y : y + 14, x : x + 20] = k
    image[ids > 0] = 200
    moved = warp(Scene(image, ids, np.ones(3, np.int64)), affine((90, 90), 0.8, 33, (5, -4)))
    bright = (moved.image[:, :, 0] > 157) & (np.abs(moved.image[:, :, 0].astype(int) - 114) > 40)
    differing = (bright != (moved.ids > 0)).mean()
    assert differing < 0.02
    assert (moved.ids > 0).sum() == pytest.approx(0.64 * (ids > 0).sum(), rel=0.05)
    assert set(np.unique(moved.ids)) == {0, 1, 2, 3}


def test_a_quarter_turn_of_a_square_is_exact():
    before = scene(height=64, width=64)
    after = warp(before, affine((64, 64), 1.0, 90, (0, 0)))
    assert np.array_equal(after.ids, np.rot90(before.ids))
    assert np.abs(after.image.astype(int) - np.rot90(before.image).astype(int)).max() <= 1


def test_a_mosaic_holds_the_pixels_and_kinds_of_all_four():
    four = [scene(seed, count=3, height=60 + seed, width=80 - seed) for seed in range(4)]
    whole = mosaic((60, 80), four, (25, 30), np.zeros((4, 2)))
    assert np.array_equal(whole.image[:25, :30], four[0].image[:25, :30])
    assert np.array_equal(whole.image[25:, :30], four[2].image[:35, :30])
    part = four[3].ids[:35, :50]
    assert np.array_equal(whole.ids[25:, 30:], np.where(part > 0, part + 9, 0))
    assert whole.labels.tolist() == [1, 2, 3] * 4


def test_a_mosaic_of_small_pictures_is_filled_with_grey_background():
    four = [scene(0, count=1), *[scene(s, count=1, height=20, width=20) for s in (1, 2, 3)]]
    whole = mosaic((60, 80), four, (30, 40), np.ones((4, 2)))
    assert (whole.image[55, 75] == 114).all()
    assert whole.ids[55, 75] == 0


def test_a_mosaic_past_255_instances_widens_the_id_map():
    ids = np.arange(1, 101, dtype=np.uint8).reshape(10, 10)
    full = Scene(picture(0, 10, 10), ids, np.ones(100, np.int64))
    whole = mosaic((20, 20), [full] * 4, (10, 10), np.zeros((4, 2)))
    assert len(np.unique(whole.ids)) == 400


def test_a_pasted_instance_hides_what_it_covers():
    base = Scene(np.zeros((40, 40, 3), np.uint8), np.ones((40, 40), np.uint8), np.asarray([7]))
    given = np.zeros((30, 30), np.uint8)
    given[10:20, 10:22] = 1
    donor = Scene(np.full((30, 30, 3), 90, np.uint8), given, np.asarray([9]))
    after = paste(base, donor, 0, (20, 20))
    truth = instances_of(after.ids, after.labels)
    assert truth.labels.tolist() == [7, 9]
    assert [m.area for m in truth.masks] == [1600 - 120, 120]
    assert np.array_equal(after.image[:, :, 0] == 90, decode_mask(truth.masks[1]))
    assert (base.ids == 1).all()
    assert (base.image == 0).all()


@pytest.mark.parametrize(("centre", "area"), [((0, 0), 5 * 6), ((39, 39), 6 * 7)])
def test_a_pasted_instance_is_cut_off_at_the_edge(centre, area):
    base = Scene(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8), np.zeros(0, int))
    donor = Scene(np.full((10, 12, 3), 90, np.uint8), np.ones((10, 12), np.uint8), np.asarray([9]))
    after = paste(base, donor, 0, centre)
    assert int((after.ids == 1).sum()) == area == int((after.image[:, :, 0] == 90).sum())


def test_colour_changes_leave_grey_grey_and_the_unit_matrix_changes_nothing():
    image = picture(3)
    assert np.array_equal(colour(image, colour_matrix()), image)
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert (colour(grey, colour_matrix(hue=40, saturation=1.7)) == 100).all()
    assert (colour(grey, colour_matrix(brightness=0.5)) == 50).all()
    assert (colour(grey, colour_matrix(brightness=3)) == 255).all()
    assert colour(grey, colour_matrix(gains=(1.2, 1, 0.5)))[0, 0].tolist() == [120, 100, 50]


def test_a_hue_of_120_degrees_swaps_the_channels():
    red = np.full((2, 2, 3), (200, 10, 30), np.uint8)
    assert colour(red, colour_matrix(hue=120))[0, 0].tolist() == [30, 200, 10]
    flat = colour(red, colour_matrix(saturation=0))[0, 0].astype(int)
    assert np.ptp(flat) == 0


def test_noise_is_gaussian_unbiased_and_drawn_from_the_generator_alone():
    grey = np.full((201, 199, 3), 128, np.uint8)
    one = grain(grey, 6, np.random.default_rng(1))
    assert np.array_equal(one, grain(grey, 6, np.random.default_rng(1)))
    delta = one.astype(float) - 128
    assert abs(delta.mean()) < 0.1
    assert delta.std() == pytest.approx(6, rel=0.03)
    assert np.mean(delta**4) / np.mean(delta**2) ** 2 == pytest.approx(3, abs=0.25)
    assert abs(np.corrcoef(delta[:, :-1].ravel(), delta[:, 1:].ravel())[0, 1]) < 0.02


def test_blur_spreads_a_point_and_keeps_its_sum():
    image = np.zeros((31, 31, 3), np.uint8)
    image[15, 15] = 255
    soft = soften(image, 1.0)
    assert soft[15, 15, 0] < 60
    assert soft[:, :, 0].sum() == pytest.approx(255, abs=25)


def test_a_resized_frame_keeps_its_instances_in_place():
    before = scene()
    truth = instances_of(before.ids, before.labels)
    half = resize_frame(LabelledFrame("f", before.image, truth), 30, 40)
    assert half.image.shape == (30, 40, 3)
    assert np.abs(half.truth.boxes * 2 - truth.boxes).max() <= 2
