import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from januscl.core import (
    InvalidInput,
    Rle,
    decode_mask,
    encode_mask,
    id_map_of,
    mask_cover,
    mask_iou,
    masks_of,
)
from januscl.core.masks import counts_from_text, counts_from_texts, counts_to_text

any_mask = arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(any_mask)
def test_a_mask_survives_run_lengths_and_text_unchanged(mask):
    rle = encode_mask(mask)
    text = counts_to_text(rle.counts)
    again = Rle(rle.height, rle.width, counts_from_text(text))
    assert np.array_equal(decode_mask(again), mask)
    assert rle.area == mask.sum()


@given(any_mask)
def test_the_text_is_the_text_that_pycocotools_writes(mask):
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert counts_to_text(encode_mask(mask).counts) == theirs["counts"].decode()


@given(arrays(np.int32, (17, 23), elements=st.integers(0, 5)))
def test_an_id_map_with_holes_and_several_regions_survives_the_way_there_and_back(id_map):
    masks = masks_of(id_map, 5)
    assert np.array_equal(id_map_of(masks, 17, 23), id_map)


def test_overlap_of_masks_is_measured_in_pixels():
    left, right = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:2], right[1:3] = True, True
    iou = mask_iou([encode_mask(left)], [encode_mask(right), encode_mask(~left)])
    assert iou.tolist() == [[pytest.approx(1 / 3), 0.0]]


def test_cover_is_the_share_of_a_mask_that_lies_on_another():
    part, whole, nothing = np.zeros((3, 4, 4), bool)
    part[:2, :2], whole[:, :3] = True, True
    masks = [encode_mask(mask) for mask in (part, whole, nothing)]
    cover = mask_cover(masks, masks)
    assert cover.tolist() == [[1, 1, 0], [pytest.approx(1 / 3), 1, 0], [0, 0, 0]]
    assert mask_cover([], masks).shape == (0, 3)


def test_run_lengths_of_another_size_are_refused_with_both_sizes():
    with pytest.raises(InvalidInput, match=r"sum to 4x5=20, found a sum of 12"):
        Rle(4, 5, np.array([6, 6]))


@pytest.mark.parametrize(
    "counts",
    [
        np.array([2**62] * 3 + [2**62 + 16]),  # in 64 bits they sum to 16
        np.array([2**63 + 8, 2**63 + 8], np.uint64),
        np.array([17, -1]),
    ],
)
def test_runs_whose_sum_is_right_by_accident_are_refused(counts):
    with pytest.raises(InvalidInput, match="non-negative runs that sum to 4x4=16"):
        Rle(4, 4, counts)


def test_runs_are_one_row_of_whole_numbers():
    for counts in (np.array([[16]]), np.array([16.0]), np.array([True] * 16), np.array(16)):
        with pytest.raises(InvalidInput, match="one row of whole numbers"):
            Rle(4, 4, counts)
    assert Rle(4, 4, np.array([16], np.uint8)) == Rle(4, 4, np.array([16]))
    assert hash(Rle(4, 4, np.array([16], np.uint8))) == hash(Rle(4, 4, np.array([16])))


def test_a_mask_larger_than_any_picture_is_refused_before_memory_is_taken():
    with pytest.raises(InvalidInput, match="at most 64000000 pixels, found 10000x10000"):
        Rle(10_000, 10_000, np.array([10**8]))


@pytest.mark.parametrize("text", ["\x7f", "0oo", "é"])
def test_damaged_text_is_refused(text):
    with pytest.raises(InvalidInput):
        counts_from_text(text)


@given(st.lists(st.lists(st.integers(0, 70_000_000), max_size=30), max_size=6), st.data())
def test_several_texts_at_once_are_read_as_one_by_one(runs, data):
    texts = [counts_to_text(np.asarray(counts, np.int64)) for counts in runs]
    if texts and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(texts) - 1))
        texts[place] += data.draw(st.text(max_size=3))

    def read(read_all):
        try:
            return [counts.tolist() for counts in read_all(texts)]
        except InvalidInput as error:
            return str(error)

    assert read(counts_from_texts) == read(lambda all: [counts_from_text(text) for text in all])
