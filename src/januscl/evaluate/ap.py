"""Mask average precision in COCO's sense."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances, InvalidInput
from januscl.evaluate.matching import FrameMatches, match_all, match_kinds
from januscl.evaluate.overlap import overlaps_of

_RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class KindScores:
    """AP of one kind, or of one size or visibility, in 0..1.

    Attributes:
        ap: Mean over the IoU thresholds 0.50, 0.55 ... 0.95.
        ap50, ap75: At one threshold.
        truths: Instances of it in the frames.
    """

    ap: float
    ap50: float
    ap75: float
    truths: int


@dataclass(frozen=True)
class ApScores:
    """AP over a set of frames, in 0..1.

    Attributes:
        ap: Mean over the IoU thresholds 0.50, 0.55 ... 0.95.
        ap50, ap75: At one threshold.
        frames: Pictures.
        truths: Instances in them.
        kinds: The same for each class id that has truths.
    """

    ap: float
    ap50: float
    ap75: float
    frames: int
    truths: int
    kinds: Mapping[int, KindScores]


def average_precision(
    truths: Sequence[Instances], predictions: Sequence[Instances], *, agnostic: bool = True
) -> ApScores:
    """Score what a model saw in F frames: COCO's mask AP with at most 100 detections a frame.

    Equal to ``pycocotools`` (``segm``, all areas). By default a detection may find a truth of any
    kind, since a pick needs the geometry and not the name (COCO with one category).

    AP per kind, class-agnostic: each detection is filed under the kind of the truth it covers
    most. So truths of other kinds are ignore regions, and what lies on them does not count
    against this kind. A detection that covers no truth counts against every kind. With
    ``agnostic=False`` a detection is filed under its own label, and the overall figures are the
    means over the kinds.

    Args:
        truths: One for each frame.
        predictions: What the model saw in the same frames.
        agnostic: Whether the name that the model gives does not matter.

    Raises:
        InvalidInput: The lengths differ, masks of one frame differ in size, or no frame has a
            truth, so that AP is undefined.
    """
    overlaps = overlaps_of(truths, predictions)
    kinds = {k: scores_of(m) for k, m in match_kinds(overlaps, agnostic=agnostic).items()}
    if not kinds:
        raise InvalidInput(
            "truths",
            "at least one instance",
            f"none in {len(truths)} frames",
            "AP is undefined without truths; label some frames.",
        )
    whole = scores_of(match_all(overlaps)) if agnostic else _mean(list(kinds.values()))
    return ApScores(whole.ap, whole.ap50, whole.ap75, len(truths), whole.truths, kinds)


def precision_at(
    matches: FrameMatches, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return AP at each IoU threshold for each weighting of the frames.

    Args:
        matches: Of F frames.
        weights: ``(R, F) float64``, how often each frame counts; once each when omitted.

    Returns:
        ``(R, 10) float64`` in 0..1; NaN in rows in which no frame with a truth counts.
    """
    if weights is None:
        weights = np.ones((1, matches.truths.size))
    truths = weights @ matches.truths
    each = weights[:, matches.frames]
    seen = np.cumsum(each, axis=1)
    result = np.full((len(weights), len(matches.hits)), np.nan)
    some = truths > 0
    for t, hits in enumerate(matches.hits):
        if matches.ignored is not None:
            seen = np.cumsum(each * ~matches.ignored[t], axis=1)
        # Recall and the upper envelope of precision change at hits only.
        at = np.flatnonzero(hits)
        found = np.cumsum(each[np.ix_(some, at)], axis=1)
        # The added spacing is pycocotools' guard against 0/0, kept so that the figures agree.
        precision = found / (seen[np.ix_(some, at)] + np.spacing(1))
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        reached = np.searchsorted(_RECALLS, found / truths[some, None], side="right")
        steps = np.diff(reached, axis=1, prepend=0)
        result[some, t] = (best * steps).sum(axis=1) / _RECALLS.size
    return result


def scores_of(matches: FrameMatches) -> KindScores:
    """Return the figures of one kind, or of another group of truths."""
    at = precision_at(matches)[0]
    return KindScores(float(at.mean()), float(at[0]), float(at[5]), int(matches.truths.sum()))


def _mean(kinds: Sequence[KindScores]) -> KindScores:
    ap, ap50, ap75 = np.mean([(k.ap, k.ap50, k.ap75) for k in kinds], axis=0).tolist()
    return KindScores(ap, ap50, ap75, sum(k.truths for k in kinds))
