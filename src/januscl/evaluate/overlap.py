"""What detections and truths of a frame share, measured once for all that follows.

Letters in comments: D detections, G truths, R runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances, InvalidInput, Rle

MAX_DETECTIONS = 100
"""How many detections of a frame count, the best ones, as in COCO."""


@dataclass(frozen=True, eq=False)
class Overlap:
    """One frame: its best D detections by falling score, against its G truths.

    Attributes:
        scores: ``(D,) float32``.
        seen: ``(D,) int64`` class ids that the model gave.
        true: ``(G,) int64`` class ids of the truths.
        iou: ``(D, G) float64`` intersection over union of the masks.
        covered: ``(D,) int64`` class id of the truth that each detection covers most, 0 where it
            covers none.
    """

    scores: NDArray[np.float32]
    seen: NDArray[np.int64]
    true: NDArray[np.int64]
    iou: NDArray[np.float64]
    covered: NDArray[np.int64]


def overlaps_of(truths: Sequence[Instances], predictions: Sequence[Instances]) -> list[Overlap]:
    """Measure each frame.

    Raises:
        InvalidInput: The lengths differ, or masks of one frame differ in size.
    """
    if len(truths) != len(predictions):
        raise InvalidInput(
            "predictions",
            f"{len(truths)} frames, as many as have truths",
            f"{len(predictions)}",
            "Give one Instances for each frame, empty where the model saw nothing.",
        )
    pairs = zip(truths, predictions, strict=True)
    return [_overlap(true, seen, f"frame {i}") for i, (true, seen) in enumerate(pairs)]


def _overlap(truth: Instances, seen: Instances, thing: str) -> Overlap:
    sizes = {(m.height, m.width) for m in (*truth.masks, *seen.masks)}
    if len(sizes) > 1:
        raise InvalidInput(
            f"masks of {thing}",
            "one size",
            f"{sorted(sizes)}",
            "Predict at the size of the labelled picture, or scale the masks first.",
        )
    order = np.argsort(-seen.scores, kind="stable")[:MAX_DETECTIONS]
    masks = [seen.masks[int(i)] for i in order]
    shared = shared_pixels(masks, truth.masks)
    seen_area = np.asarray([m.area for m in masks], dtype=np.float64)
    true_area = np.asarray([m.area for m in truth.masks], dtype=np.float64)
    union = seen_area[:, None] + true_area[None, :] - shared
    iou = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    covered = np.zeros(len(masks), dtype=np.int64)
    if len(truth):
        covered = np.where(shared.max(axis=1) > 0, truth.labels[shared.argmax(axis=1)], 0)
    return Overlap(seen.scores[order], seen.labels[order], truth.labels, iou, covered)


def shared_pixels(left: Sequence[Rle], right: Sequence[Rle]) -> NDArray[np.float64]:
    """Return how many pixels each pair of masks shares, ``(len(left), len(right))``.

    No mask is decoded. How many pixels of a mask lie before a position is linear between the
    ends of its runs, so interpolation gives it exactly; a run of the other mask shares the
    difference between its two ends. The cost follows the outline, not the size of the picture.
    """
    shared = np.zeros((len(left), len(right)))
    runs = [_runs(rle) for rle in left]
    ends = np.concatenate([np.zeros(0), *(r.ravel() for r in runs)])
    stops = np.concatenate(([0], np.cumsum([len(r) for r in runs], dtype=np.int64)))
    for g, rle in enumerate(right):
        own = _runs(rle)
        if own.size == 0:
            continue
        after = np.cumsum(own[:, 1] - own[:, 0])
        before = np.stack((np.concatenate(([0.0], after[:-1])), after), axis=1)
        inside = np.interp(ends, own.ravel(), before.ravel())
        total = np.concatenate(([0.0], np.cumsum(inside[1::2] - inside[::2])))
        shared[:, g] = total[stops[1:]] - total[stops[:-1]]
    return shared


def _runs(rle: Rle) -> NDArray[np.float64]:
    """Return the first and the after-last position of each run inside the mask, ``(R, 2)``."""
    ends = np.cumsum(rle.counts)
    runs = ends[: ends.size // 2 * 2].reshape(-1, 2).astype(np.float64)
    return runs[runs[:, 0] < runs[:, 1]]
