"""Which detection finds which truth, frame by frame, at COCO's ten IoU thresholds.

Letters in comments: T thresholds, F frames, D detections, G truths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances
from januscl.evaluate.overlap import Overlap, overlaps_of

IOU_THRESHOLDS: NDArray[np.float64] = np.linspace(0.5, 0.95, 10)
"""``(10,)``: 0.50, 0.55 ... 0.95, as COCO has them."""


@dataclass(frozen=True, eq=False)
class FrameMatches:
    """What a model's detections in F frames found, ready to be scored under any frame weights.

    Detections stand in order of falling score; of equal scores the earlier frame's come first.

    Attributes:
        hits: ``(T, D) bool``: detection d finds a truth at IoU threshold t.
        frames: ``(D,) int64``: the frame of each detection, 0..F - 1.
        truths: ``(F,) int64``: how many truths each frame has.
    """

    hits: NDArray[np.bool_]
    frames: NDArray[np.int64]
    truths: NDArray[np.int64]


def match(truths: Sequence[Instances], predictions: Sequence[Instances]) -> FrameMatches:
    """Match detections to truths regardless of kind, as COCO does with one category.

    Of each frame the 100 best detections count. From the best score down, each takes the free
    truth with the highest mask IoU, if that reaches the threshold (Lin et al., 2014, "Microsoft
    COCO", and ``pycocotools.cocoeval``).

    Args:
        truths: One for each of F frames.
        predictions: What the model saw in the same frames.

    Raises:
        InvalidInput: The lengths differ, or masks of one frame differ in size.
    """
    return match_all(overlaps_of(truths, predictions))


def match_by_kind(
    truths: Sequence[Instances], predictions: Sequence[Instances], *, agnostic: bool = True
) -> dict[int, FrameMatches]:
    """Match detections to truths within each kind that has truths.

    Args:
        truths: One for each of F frames.
        predictions: What the model saw in the same frames.
        agnostic: File a detection under the kind of the truth it covers most, and one that
            covers none under every kind, instead of under its own label.

    Raises:
        InvalidInput: The lengths differ, or masks of one frame differ in size.
    """
    return match_kinds(overlaps_of(truths, predictions), agnostic=agnostic)


def match_all(overlaps: Sequence[Overlap]) -> FrameMatches:
    """Match regardless of kind."""
    return _gather([(o.scores, o.iou) for o in overlaps])


def match_kinds(overlaps: Sequence[Overlap], *, agnostic: bool) -> dict[int, FrameMatches]:
    """Match within each kind that has truths."""
    matches = {}
    for kind in sorted({int(k) for o in overlaps for k in o.true}):
        parts = []
        for o in overlaps:
            filed = np.isin(o.covered, (kind, 0)) if agnostic else o.seen == kind
            parts.append((o.scores[filed], o.iou[filed][:, o.true == kind]))
        matches[kind] = _gather(parts)
    return matches


def _gather(parts: Sequence[tuple[NDArray[np.float32], NDArray[np.float64]]]) -> FrameMatches:
    """Match each frame, given as scores ``(D,)`` and IoU ``(D, G)``, and merge by score."""
    none = np.zeros((len(IOU_THRESHOLDS), 0), dtype=np.bool_)
    hits = np.concatenate([none, *(_greedy(iou) for _, iou in parts)], axis=1)
    scores = np.concatenate([np.zeros(0, np.float32), *(score for score, _ in parts)])
    frames = np.repeat(np.arange(len(parts)), [len(score) for score, _ in parts])
    order = np.argsort(-scores, kind="stable")
    truths = np.asarray([iou.shape[1] for _, iou in parts], dtype=np.int64)
    return FrameMatches(hits[:, order], frames[order], truths)


def _greedy(iou: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return ``(T, D)`` which detections, best first, find a free truth; ``iou`` is ``(D, G)``."""
    found = np.zeros((len(IOU_THRESHOLDS), iou.shape[0]), dtype=np.bool_)
    free = np.ones((len(IOU_THRESHOLDS), iou.shape[1]), dtype=np.bool_)
    each = np.arange(len(IOU_THRESHOLDS))
    # Of equal overlaps the last truth wins, as in pycocotools; hence the reversal.
    flipped = iou[:, ::-1]
    for d in np.flatnonzero((iou >= IOU_THRESHOLDS[0]).any(axis=1)):
        open_iou = np.where(free, flipped[d], -1.0)
        best = open_iou.argmax(axis=1)
        taken = open_iou[each, best] >= IOU_THRESHOLDS
        found[:, d] = taken
        free[each[taken], best[taken]] = False
    return found
