"""Which detection finds which truth, frame by frame, at COCO's ten IoU thresholds.

Letters in comments: T thresholds, F frames, D detections, G truths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances
from januscl.evaluate.overlap import Overlaps, overlaps_of

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
        ignored: ``(T, D) bool``: detection d counts neither for nor against the model at
            threshold t; None where all count.
    """

    hits: NDArray[np.bool_]
    frames: NDArray[np.int64]
    truths: NDArray[np.int64]
    ignored: NDArray[np.bool_] | None = None


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


def match_all(overlaps: Overlaps) -> FrameMatches:
    """Match regardless of kind."""
    every = np.ones(overlaps.true.size, dtype=np.bool_)
    return _match_among(overlaps, np.ones(overlaps.seen.size, dtype=np.bool_), every)


def match_kinds(overlaps: Overlaps, *, agnostic: bool) -> dict[int, FrameMatches]:
    """Match within each kind that has truths."""
    # Kind 0 stands for no truth at all, which is row -1.
    filed = np.append(overlaps.true, 0)[overlaps.covers()] if agnostic else overlaps.seen
    matches = {}
    for kind in np.unique(overlaps.true).tolist():
        seen = (filed == kind) | (filed == 0) if agnostic else filed == kind
        matches[kind] = _match_among(overlaps, seen, overlaps.true == kind)
    return matches


def match_within(
    overlaps: Overlaps, seen: NDArray[np.bool_], true: NDArray[np.bool_]
) -> FrameMatches:
    """Match where only some truths count, as COCO does for a range of areas.

    A detection takes a truth that counts if one is free and near enough, and one that does not
    count otherwise. It is ignored if it took one that does not count, or none and is itself
    outside (``areaRng`` of ``pycocotools.cocoeval``).

    Args:
        overlaps: Of F frames.
        seen: ``(D,)`` the detections that count against the model if they find nothing.
        true: ``(G,)`` the truths that count.
    """
    found = assign(overlaps, np.ones(overlaps.iou.size, dtype=np.bool_), outside=~true)
    counts = np.append(true, False)[found]
    ignored = np.where(found >= 0, ~counts, ~seen[:, None])
    return _by_score(overlaps, counts, np.ones_like(seen), true, ignored)


def assign(
    overlaps: Overlaps,
    allowed: NDArray[np.bool_],
    *,
    thresholds: NDArray[np.float64] = IOU_THRESHOLDS,
    outside: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Return the truth ``(D, T)`` that each detection takes at each threshold, -1 for none.

    Args:
        overlaps: Of F frames.
        allowed: ``(P,)`` the pairs that may find each other.
        thresholds: ``(T,)`` least IoU, rising.
        outside: ``(G,)`` truths that are taken only where no other is to be had.
    """
    found = np.full((overlaps.seen.size, thresholds.size), -1)
    near = np.flatnonzero(allowed & (overlaps.iou >= thresholds[0]))
    if near.size == 0:
        return found
    detection, truth, iou = overlaps.detection[near], overlaps.truth[near], overlaps.iou[near]
    # What a detection likes best comes first; of equal overlaps the last truth, as in pycocotools.
    late = np.zeros(near.size) if outside is None else outside[truth]
    liked = np.lexsort((-truth, -iou, late, detection))
    rows, lead, options = np.unique(detection, return_index=True, return_counts=True)
    place = np.arange(near.size) - np.repeat(lead, options)
    choice = np.zeros((rows.size, options.max()), dtype=np.int64)
    reach = np.full(choice.shape, -1.0)
    of = np.repeat(np.arange(rows.size), options)
    choice[of, place], reach[of, place] = truth[liked], iou[liked]
    free = np.ones((overlaps.true.size, thresholds.size), dtype=np.bool_)
    for turn in _turns(overlaps.seen_frames[rows]):
        # (N, options, T), of N frames one detection each, so that none takes another's truth.
        can = free[choice[turn]] & (reach[turn][:, :, None] >= thresholds)
        taken = np.take_along_axis(choice[turn], can.argmax(axis=1), axis=1)
        which, at = np.nonzero(can.any(axis=1))
        free[taken[which, at], at] = False
        found[rows[turn[which]], at] = taken[which, at]
    return found


def _turns(frames: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split rows, which stand frame by frame, into the first of each frame, the second, ..."""
    turn = np.arange(frames.size) - np.searchsorted(frames, frames)
    return np.split(np.argsort(turn, kind="stable"), np.cumsum(np.bincount(turn))[:-1])


def _match_among(
    overlaps: Overlaps, seen: NDArray[np.bool_], true: NDArray[np.bool_]
) -> FrameMatches:
    """Match chosen detections ``(D,)`` with chosen truths ``(G,)`` as if there were no others."""
    found = assign(overlaps, seen[overlaps.detection] & true[overlaps.truth])
    return _by_score(overlaps, found >= 0, seen, true)


def _by_score(
    overlaps: Overlaps,
    hits: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    true: NDArray[np.bool_],
    ignored: NDArray[np.bool_] | None = None,
) -> FrameMatches:
    """Put the chosen detections in order; ``hits`` and ``ignored`` are ``(D, T)``."""
    chosen = np.flatnonzero(seen)
    order = chosen[np.argsort(-overlaps.scores[chosen], kind="stable")]
    return FrameMatches(
        np.ascontiguousarray(hits[order].T),
        overlaps.seen_frames[order],
        np.bincount(overlaps.true_frames[true], minlength=overlaps.pictures.size),
        None if ignored is None else ignored[order].T,
    )
