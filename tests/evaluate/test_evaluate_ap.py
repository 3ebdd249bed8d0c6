import numpy as np
import pytest
from coco_reference import coco_ap
from drawn_piles import cut, cuts, ellipse, pile, piles, seen

from januscl.core import Instances, InvalidInput, Rle, decode_mask, encode_mask, mask_iou
from januscl.evaluate import average_precision, match, match_by_kind, precision_at
from januscl.evaluate.overlap import overlaps_of
from januscl.evaluate.runs import runs_of, shared_pixels


def noise(seed, frames):
    """Masks of random pixels that overlap at will, and frames without truths or detections."""
    rng = np.random.default_rng(seed)
    sets = []
    for most in (5, 8):
        made = []
        for _ in range(frames):
            n = int(rng.integers(0, most))
            # Few distinct patterns, so that many pairs overlap exactly alike.
            masks = [np.kron(rng.random((2, 3)) < 0.6, np.ones((4, 5))) > 0 for _ in range(n)]
            scores = np.round(rng.random(n), 1)
            made.append(seen(masks, rng.integers(1, 4, n).tolist(), scores.tolist()))
        sets.append(made)
    return [Instances.of_masks(t.masks, t.labels.tolist()) for t in sets[0]], sets[1]


def drawn(seed, frames, skill=0.6):
    truths = piles(seed, frames)
    truths[1], predictions = Instances.empty(), cuts(seed + 1, truths, skill)
    predictions[2] = Instances.empty()
    return truths, predictions


def figures(scores):
    return (scores.ap, scores.ap50, scores.ap75)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", [noise, drawn])
@pytest.mark.parametrize("agnostic", [True, False])
def test_ap_is_the_ap_of_pycocotools(make, seed, agnostic):
    truths, predictions = make(seed, 25)
    ours = average_precision(truths, predictions, agnostic=agnostic)
    theirs, kinds = coco_ap(truths, predictions, agnostic=agnostic)
    assert figures(ours) == pytest.approx(theirs, abs=1e-9)
    assert 0.01 < ours.ap < 0.95
    for kind, expected in kinds.items():
        assert figures(ours.kinds[kind]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_ap_of_a_kind_files_each_detection_under_the_truth_it_covers_most(seed):
    truths, predictions = drawn(seed, 20)
    ours = average_precision(truths, predictions).kinds
    for kind, scores in ours.items():
        own, filed = [], []
        for truth, given in zip(truths, predictions, strict=True):
            own.append(truth.only(truth.labels == kind))
            areas = [
                [(decode_mask(m) & decode_mask(t)).sum() for t in truth.masks] for m in given.masks
            ]
            keep = [not any(a) or truth.labels[int(np.argmax(a))] == kind for a in areas]
            filed.append(given.only(np.asarray(keep, dtype=bool)))
        assert figures(scores) == pytest.approx(coco_ap(own, filed, agnostic=True)[0], abs=1e-9)


def test_a_wrong_name_costs_nothing_unless_names_are_asked_for():
    truths = piles(0, 5)
    renamed = [Instances.of_masks(t.masks, [9] * len(t)) for t in truths]
    assert average_precision(truths, renamed).ap == pytest.approx(1)
    assert average_precision(truths, renamed, agnostic=False).ap == 0


def test_bad_masks_on_other_kinds_do_not_count_against_a_kind():
    bag, box = ellipse(60, 60, 15, 15, 10, 8, 0), ellipse(60, 60, 44, 44, 12, 12, 0)
    half = box & (np.arange(60) < 44)[:, None]
    truth = Instances.of_masks([encode_mask(bag), encode_mask(box)], [7, 1])
    scores = average_precision([truth], [seen([half, bag], [1, 1], [0.9, 0.4])])
    assert scores.kinds[7].ap == pytest.approx(1)
    assert scores.kinds[1].ap < 0.2
    assert scores.ap < 0.6


def test_a_detection_of_nothing_counts_against_every_kind():
    bag, nothing = ellipse(60, 60, 15, 15, 10, 8, 0), ellipse(60, 60, 44, 44, 9, 9, 0)
    truth = Instances.of_masks([encode_mask(bag)], [7])
    scores = average_precision([truth], [seen([nothing, bag], [1, 1], [0.9, 0.4])])
    assert scores.kinds[7].ap == pytest.approx(0.5)


def test_only_the_hundred_best_detections_of_a_frame_count():
    bag = ellipse(30, 30, 15, 15, 10, 8, 0)
    dot = np.zeros((30, 30), dtype=bool)
    dot[0, 0] = True
    truth = Instances.of_masks([encode_mask(bag)], [1])
    late = seen([dot] * 100 + [bag], [1] * 101, [0.9] * 100 + [0.1])
    assert average_precision([truth], [late]).ap == 0


def test_shared_pixels_are_counted_exactly_without_decoding():
    truths, predictions = noise(3, 70)
    overlaps = overlaps_of(truths, predictions)
    shared = np.zeros((overlaps.seen.size, overlaps.true.size))
    shared[overlaps.detection, overlaps.truth] = overlaps.shared
    iou = np.zeros_like(shared)
    iou[overlaps.detection, overlaps.truth] = overlaps.iou
    seen_masks = [m for p in predictions for m in p.masks]
    true_masks = [m for t in truths for m in t.masks]
    assert overlaps.seen_pixels.tolist() == [m.area for m in seen_masks]
    assert overlaps.true_pixels.tolist() == [m.area for m in true_masks]
    assert overlaps.shared.all()
    for d, mask in enumerate(seen_masks):
        for g, other in enumerate(true_masks):
            together = overlaps.seen_frames[d] == overlaps.true_frames[g]
            expected = (decode_mask(mask) & decode_mask(other)).sum() if together else 0
            assert shared[d, g] == expected
    for frame, (truth, given) in enumerate(zip(truths, predictions, strict=True)):
        part = iou[overlaps.seen_frames == frame][:, overlaps.true_frames == frame]
        assert np.allclose(part, mask_iou(given.masks, truth.masks))


def test_masks_that_overlap_and_span_the_picture_share_what_they_share():
    rng = np.random.default_rng(0)
    masks = [np.ones((9, 11)), np.zeros((9, 11)), *(rng.random((20, 9, 11)) < 0.5)]
    masks = [encode_mask(np.asarray(mask)) for mask in masks]
    # Runs of no length and a first run inside the mask, as other writers have them.
    masks.append(Rle(9, 11, np.asarray([0, 5, 0, 0, 3, 0, 40, 51])))
    runs = runs_of(masks, np.full(len(masks), 1000))
    shared = shared_pixels(runs, runs, np.arange(len(masks)))
    decoded = np.stack([decode_mask(mask).ravel() for mask in masks]).astype(int)
    assert np.array_equal(shared, decoded @ decoded.T)


def test_pictures_of_different_sizes_are_scored_together():
    small, large = drawn(1, 40), drawn(2, 40)
    rng = np.random.default_rng(3)
    big = [pile(rng, 6, size=(130, 60)) for _ in range(9)]
    other = (big, [cut(rng, truth, 0.7, size=(130, 60)) for truth in big])
    truths, predictions = (small[i] + other[i] + large[i] for i in range(2))
    ours = average_precision(truths, predictions)
    assert figures(ours) == pytest.approx(coco_ap(truths, predictions, agnostic=True)[0], abs=1e-9)


def test_counting_a_frame_twice_is_the_same_as_having_it_twice():
    truths, predictions = drawn(4, 6)
    weights = np.asarray([[1.0, 1, 2, 0, 1, 2]])
    twice = [0, 1, 2, 2, 4, 5, 5]
    again = match([truths[i] for i in twice], [predictions[i] for i in twice])
    weighted = precision_at(match(truths, predictions), weights)[0]
    # Copies of a detection stand one after another, which moves precision between them only.
    assert weighted == pytest.approx(precision_at(again)[0], abs=5e-3)


def test_matches_by_kind_score_as_the_table_does():
    truths, predictions = drawn(5, 8)
    matches = match_by_kind(truths, predictions)
    scores = average_precision(truths, predictions)
    assert {k: precision_at(m).mean() for k, m in matches.items()} == pytest.approx(
        {k: s.ap for k, s in scores.kinds.items()}
    )


def test_frames_without_any_truth_have_no_ap_and_the_error_says_so():
    with pytest.raises(InvalidInput, match=r"found none in 2 frames\. AP is undefined"):
        average_precision([Instances.empty()] * 2, [Instances.empty()] * 2)


def test_predictions_for_other_frames_are_refused():
    with pytest.raises(InvalidInput, match="expected 3 frames, as many as have truths, found 2"):
        match(piles(0, 3), piles(0, 2))


def test_masks_of_another_size_than_the_truths_are_refused():
    small = seen([np.ones((4, 4))], [1], [0.5])
    with pytest.raises(InvalidInput, match=r"masks of frame 1: expected one size"):
        match(piles(0, 2), [Instances.empty(), small])
