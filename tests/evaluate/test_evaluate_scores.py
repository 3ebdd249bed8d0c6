import numpy as np
import pytest
from coco_reference import coco_ap, coco_ap_within, coco_finds
from drawn_piles import cuts, ellipse, piles, seen

from januscl.core import Instances, InvalidInput, Rle, decode_mask, encode_mask, mask_iou
from januscl.evaluate import (
    SIZES,
    VISIBILITIES,
    average_precision,
    boundary_of,
    boundary_scores,
    calibration_error,
    localised_calibration_error,
    size_scores,
    visibility_scores,
)


def drawn(seed, frames=25, skill=0.6):
    truths = piles(seed, frames)
    truths[1], predictions = Instances.empty(), cuts(seed + 1, truths, skill)
    predictions[2] = Instances.empty()
    return truths, predictions


def figures(scores):
    return (scores.ap, scores.ap50, scores.ap75)


@pytest.mark.parametrize("seed", range(4))
def test_ap_of_a_size_is_that_of_pycocotools_on_areas_scaled_to_its_pictures(seed):
    truths, predictions = drawn(seed)
    scale = 640 * 480 / (72 * 96)
    areas = [[[m.area * scale for m in i.masks] for i in part] for part in (truths, predictions)]
    ranges = {name: [low, min(high, 1e10)] for name, (low, high) in SIZES.items()}
    theirs = coco_ap_within(truths, predictions, ranges, areas)
    ours = size_scores(truths, predictions)
    assert set(ours) == set(theirs) >= {"medium", "large"}
    for name, scores in ours.items():
        assert figures(scores) == pytest.approx(theirs[name], abs=1e-9)
    assert ours["large"].ap != pytest.approx(average_precision(truths, predictions).ap, abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_ap_of_a_visibility_is_that_of_pycocotools_with_shares_for_areas(seed):
    truths, predictions = drawn(seed)
    rng = np.random.default_rng(seed)
    visible = [rng.choice([0.2, 0.5, 0.7, 0.95, 1.0], len(t)) for t in truths]
    ours = visibility_scores(truths, predictions, visible)
    assert set(ours) == set(VISIBILITIES)
    for name, (low, high) in VISIBILITIES.items():
        shares = []
        for truth, given, share in zip(truths, predictions, visible, strict=True):
            most = [
                [(decode_mask(m) & decode_mask(t)).sum() for t in truth.masks] for m in given.masks
            ]
            # What covers nothing is given a share inside of the range, whichever it is.
            shares.append([share[int(np.argmax(a))] if any(a) else low for a in most])
        ranges = {name: [low, high - 1e-9]}
        theirs = coco_ap_within(truths, predictions, ranges, [visible, shares])
        assert figures(ours[name]) == pytest.approx(theirs[name], abs=1e-9)


def test_shares_that_fit_no_truth_are_refused():
    truths, predictions = drawn(0, 4)
    right = [np.ones(len(t)) for t in truths]
    for wrong in (right[:3], [*right[:3], right[3][1:]], [*right[:3], right[3] * 1.5]):
        with pytest.raises(InvalidInput, match=r"visible shares: expected one number in 0\.\.1"):
            visibility_scores(truths, predictions, wrong)


def king_boundary(mask, d):
    """Mark what is within d king's moves of a pixel outside of the mask or of the picture."""
    height, width = mask.shape
    padded = np.pad(mask, d)
    inner = np.ones_like(mask)
    for row in range(2 * d + 1):
        for column in range(2 * d + 1):
            inner &= padded[row : row + height, column : column + width]
    return mask & ~inner


@pytest.mark.parametrize(("size", "d"), [((72, 96), 2), ((30, 40), 1), ((150, 201), 5)])
def test_a_boundary_is_what_lies_near_the_outline_or_the_edge_of_the_picture(size, d):
    rng = np.random.default_rng(d)
    height, width = size
    for _ in range(5):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        mask = ellipse(height, width, x, y, width / 3, height / 4, rng.uniform(0, 3))
        mask &= ~ellipse(height, width, x + 5, y, 6, 4, 0)
        assert np.array_equal(decode_mask(boundary_of(encode_mask(mask))), king_boundary(mask, d))
    nothing = Rle(height, width, np.asarray([height * width]))
    assert boundary_of(nothing) == nothing


def test_boundary_ap_counts_a_find_by_the_worse_of_mask_and_outline():
    truths, predictions = drawn(0, 8, skill=0.85)
    # Each mask stands on rows of its own whose length gives pycocotools the IoU that is wanted.
    size, rows = 5000, 40
    stand_truths, stand_seen = [], []
    for truth, given in zip(truths, predictions, strict=True):
        iou = np.zeros((len(given), len(truth)))
        if iou.size:
            outlines = [[encode_mask(king_boundary(decode_mask(m), 2)) for m in part.masks]
                        for part in (given, truth)]  # fmt: skip
            iou = np.minimum(mask_iou(given.masks, truth.masks), mask_iou(*outlines))
        lines = np.zeros((len(truth), rows, size), dtype=bool)
        found = np.zeros((len(given), rows, size), dtype=bool)
        for g in range(len(truth)):
            lines[g, g] = True
        for d, line in enumerate(iou):
            if line.size and line.max() > 0:
                found[d, line.argmax(), : round(line.max() * size)] = True
        stand_truths.append(Instances.of_masks([encode_mask(m) for m in lines], truth.labels))
        masks = tuple(encode_mask(m) for m in found)
        stand_seen.append(Instances(masks, given.boxes, given.scores, given.labels))
    theirs, _ = coco_ap(stand_truths, stand_seen, agnostic=True)
    ours = boundary_scores(truths, predictions)
    assert figures(ours) == pytest.approx(theirs, abs=1e-9)
    assert 0.1 < ours.ap < average_precision(truths, predictions).ap


def test_boundary_ap_of_the_truth_itself_is_one_and_needs_a_truth():
    truths = piles(0, 3)
    assert boundary_scores(truths, truths).ap == pytest.approx(1)
    with pytest.raises(InvalidInput, match="AP is undefined without truths"):
        boundary_scores([Instances.empty()], [Instances.empty()])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("error", "threshold", "bins", "worth"),
    [
        (calibration_error, 0.5, 25, lambda iou: 1.0),
        (calibration_error, 0.75, 7, lambda iou: 1.0),
        (localised_calibration_error, 0.1, 25, lambda iou: iou),
    ],
)
def test_calibration_error_is_its_definition_over_the_finds_of_pycocotools(
    error, threshold, bins, worth, seed
):
    truths, predictions = drawn(seed)
    right = [np.zeros(len(p)) for p in predictions]
    for frame, d, g in coco_finds(truths, predictions, threshold):
        iou = mask_iou([predictions[frame].masks[d]], [truths[frame].masks[g]])[0, 0]
        right[frame][d] = worth(iou)
    scores, right = np.concatenate([p.scores for p in predictions]), np.concatenate(right)
    expected = 0.0
    for j in range(bins):
        inside = (scores >= np.float32(j / bins)) & (scores < np.float32((j + 1) / bins))
        inside |= (j == bins - 1) & (scores == 1)
        if inside.any():
            expected += inside.mean() * abs(scores[inside].mean() - right[inside].mean())
    ours = error(truths, predictions, threshold=threshold, bins=bins)
    assert ours == pytest.approx(expected, abs=1e-6)
    assert 0.01 < ours < 0.9


def test_a_score_that_is_right_as_often_as_it_says_has_no_error():
    bag = ellipse(40, 40, 12, 12, 8, 8, 0)
    other = ellipse(40, 40, 30, 30, 6, 6, 0)
    truths = [Instances.of_masks([encode_mask(bag)], [1])] * 4
    sure = [seen([bag if k else other], [1], [0.75]) for k in range(4)]
    assert calibration_error(truths, sure) == pytest.approx(0)
    boast = [Instances(p.masks, p.boxes, np.ones(1, np.float32), p.labels) for p in sure]
    assert calibration_error(truths, boast) == pytest.approx(0.25)


def test_without_detections_or_with_no_threshold_there_is_no_calibration():
    truths = piles(0, 2)
    with pytest.raises(InvalidInput, match="found 0 detections"):
        calibration_error(truths, [Instances.empty()] * 2)
    with pytest.raises(InvalidInput, match=r"threshold in \(0, 1\]"):
        localised_calibration_error(truths, truths, threshold=0)
