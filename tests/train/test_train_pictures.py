import numpy as np
import pytest
from train_piles import draw

from januscl.core import Instances, LabelledFrame, Rle, box_of, decode_mask, encode_mask
from januscl.train.paste import crop_to_rle, paste
from januscl.train.prepare import fitted_frame, fitted_mask, to_input, to_target


@pytest.mark.parametrize("seed", range(8))
def test_run_lengths_of_a_crop_are_those_of_the_whole_mask(seed):
    rng = np.random.default_rng(seed)
    height, width = int(rng.integers(1, 30)), int(rng.integers(1, 30))
    y, x = np.sort(rng.integers(0, height + 1, 2)), np.sort(rng.integers(0, width + 1, 2))
    whole = np.zeros((height, width), bool)
    part = rng.random((y[1] - y[0], x[1] - x[0])) < (0.5, 0.9)[seed % 2]
    whole[y[0] : y[1], x[0] : x[1]] = part
    if whole.any():
        assert crop_to_rle(part, x[0], y[0], height, width) == encode_mask(whole)


def test_a_mask_that_fills_the_picture_is_one_run():
    rle = crop_to_rle(np.ones((3, 4), bool), 0, 0, 3, 4)
    assert rle == encode_mask(np.ones((3, 4)))


def test_a_full_mask_is_pasted_over_its_box():
    box = np.array([10, 5, 38, 33], np.float32)
    mask = decode_mask(paste(np.ones((28, 28), np.float32), box, 50, 60))
    assert np.array_equal(box_of(mask), box)


def test_a_mask_is_pasted_upright_and_to_scale():
    half = np.zeros((28, 28), np.float32)
    half[:14] = 1
    mask = decode_mask(paste(half, np.array([0, 0, 56, 112], np.float32), 120, 60))
    assert mask[:56, :56].all()
    assert not mask[56:].any()


def test_a_mask_without_pixels_is_left_out():
    box = np.array([1, 1, 9, 9], np.float32)
    assert paste(np.zeros((28, 28), np.float32), box, 20, 20) is None
    assert paste(np.ones((28, 28), np.float32), np.array([5, 5, 5, 5], np.float32), 20, 20) is None


@pytest.mark.parametrize("size", [16, 48, 96])
def test_a_mask_is_resized_as_its_centres_fall(size):
    mask = np.zeros((48, 24), bool)
    mask[10:30, 7:21] = True
    mask[15:20, 10:12] = False
    small = fitted_mask(encode_mask(mask), size)
    columns = ((np.arange(small.shape[1]) + 0.5) * 48 / size).astype(int)
    rows = ((np.arange(size) + 0.5) * 48 / size).astype(int)
    assert small.shape == (size, size // 2)
    assert np.array_equal(small.astype(bool), mask[rows][:, columns])


def test_an_empty_and_a_full_mask_survive_resizing():
    assert not fitted_mask(Rle(10, 20, np.array([200])), 10).any()
    assert fitted_mask(Rle(10, 20, np.array([0, 200])), 10).all()


def test_a_wide_picture_is_laid_into_the_upper_left_corner():
    image = np.full((20, 40, 3), 255, np.uint8)
    x = to_input([image], 32)
    assert x.shape == (1, 3, 32, 32)
    assert (x[:, :, :16] > 1).all()
    assert (x[:, :, 16:] == 0).all()


def test_targets_have_tight_boxes_and_leave_out_what_vanished():
    mask = np.zeros((64, 64), bool)
    mask[8:24, 16:48] = True
    speck = np.zeros((64, 64), bool)
    speck[0, 0] = True
    truth = Instances.of_masks([encode_mask(speck), encode_mask(mask)], [7, 4])
    frame = LabelledFrame("a", np.zeros((64, 64, 3), np.uint8), truth)
    target = to_target(frame, 32, rows=(4, 7))
    assert target["boxes"].tolist() == [[8.0, 4.0, 24.0, 12.0]]
    assert target["labels"].tolist() == [1]
    assert target["masks"].shape == (1, 32, 32)


def test_a_large_frame_is_made_small_once_with_its_masks():
    frame = draw(3, height=200, width=300)
    small = fitted_frame(frame, 64)
    assert small.image.shape == (43, 64, 3)
    assert all((m.height, m.width) == (43, 64) for m in small.truth.masks)
    assert fitted_frame(small, 64) is small
    share = sum(m.area for m in frame.truth.masks) / (200 * 300)
    assert sum(m.area for m in small.truth.masks) / (43 * 64) == pytest.approx(share, abs=0.02)
