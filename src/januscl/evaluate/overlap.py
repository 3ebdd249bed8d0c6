"""What detections and truths of each frame share, measured once for all that follows.

Letters in comments: F frames, D detections, G truths, P pairs of the two in one frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances, InvalidInput, Rle
from januscl.evaluate.runs import runs_of, shared_pixels

MAX_DETECTIONS = 100
"""How many detections of a frame count, the best ones, as in COCO."""
_TOGETHER = 32
"""Frames that are measured at once: few enough for a processor's cache, enough to hide Python."""
_Placed = tuple[Sequence[Rle], NDArray[np.int64]]
"""Masks, frame by frame, and the frame of each."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The best D detections and the G truths of F frames, frame by frame.

    Detections of one frame stand by falling score; of equal scores the model's order holds.

    Attributes:
        pictures: ``(F,) int64`` pixels of each picture; 0 where a frame has no mask at all.
        scores: ``(D,) float32``.
        seen: ``(D,) int64`` class ids that the model gave.
        seen_frames: ``(D,) int64`` frame of each detection, 0..F - 1.
        seen_pixels: ``(D,) int64`` area of each detection.
        true, true_frames, true_pixels: ``(G,) int64`` the same of the truths.
        detection, truth: ``(P,) int64`` rows of each pair that shares a pixel, in the order of
            the detections, and of the truths within one.
        shared: ``(P,) float64`` pixels that they share.
        iou: ``(P,) float64`` intersection over union of the masks.
    """

    pictures: NDArray[np.int64]
    scores: NDArray[np.float32]
    seen: NDArray[np.int64]
    seen_frames: NDArray[np.int64]
    seen_pixels: NDArray[np.int64]
    true: NDArray[np.int64]
    true_frames: NDArray[np.int64]
    true_pixels: NDArray[np.int64]
    detection: NDArray[np.int64]
    truth: NDArray[np.int64]
    shared: NDArray[np.float64]
    iou: NDArray[np.float64]

    def covers(self) -> NDArray[np.int64]:
        """Return the truth ``(D,)`` that each detection covers most, -1 where it covers none."""
        most = np.zeros(self.scores.size)
        np.maximum.at(most, self.detection, self.shared)
        best = np.flatnonzero(self.shared == most[self.detection])[::-1]
        rows = np.full(self.scores.size, -1)
        # Of truths that are covered alike the first counts: the last to be written stays.
        rows[self.detection[best]] = self.truth[best]
        return rows


def overlaps_of(truths: Sequence[Instances], predictions: Sequence[Instances]) -> Overlaps:
    """Measure F frames.

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
    true_masks, true, true_frames = _flat(truths)
    masks, labels, frames = _flat(predictions)
    pictures = _pictures((*true_masks, *masks), np.concatenate((true_frames, frames)), len(truths))
    scores = np.concatenate([np.zeros(0, np.float32), *(i.scores for i in predictions)])
    best = _best(scores, frames)
    seen_masks, seen_frames = [masks[i] for i in best.tolist()], frames[best]
    seen_pixels, true_pixels, detection, truth, shared = _measure(
        (seen_masks, seen_frames), (true_masks, true_frames), pictures
    )
    iou = shared / (seen_pixels[detection] + true_pixels[truth] - shared)
    return Overlaps(
        pictures, scores[best], labels[best], seen_frames, seen_pixels,
        true, true_frames, true_pixels, detection, truth, shared, iou,
    )  # fmt: skip


def _measure(seen: _Placed, true: _Placed, pictures: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
    """Return the areas of both sides, and the pairs that share pixels: rows of both, and pixels."""
    (masks, frames), (true_masks, true_frames) = seen, true
    places = np.cumsum(pictures) - pictures
    leads = np.searchsorted(true_frames, np.arange(pictures.size))  # (F,) first truth of each frame
    bounds = np.append(np.arange(0, pictures.size, _TOGETHER), pictures.size)
    stops = np.searchsorted(frames, bounds).tolist()
    true_stops = np.searchsorted(true_frames, bounds).tolist()
    none = np.zeros(0, dtype=np.int64)
    parts = [(none, none, none, none, np.zeros(0))]
    for (a, b), (c, d) in zip(pairwise(stops), pairwise(true_stops), strict=True):
        left = runs_of(masks[a:b], places[frames[a:b]])
        right = runs_of(true_masks[c:d], places[true_frames[c:d]])
        table = shared_pixels(left, right, np.arange(c, d) - leads[true_frames[c:d]])
        row, column = np.nonzero(table)
        detection = a + row
        truth = leads[frames[detection]] + column
        parts.append((left.pixels, right.pixels, detection, truth, table[row, column]))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _flat(sets: Sequence[Instances]) -> tuple[list[Rle], NDArray[np.int64], NDArray[np.int64]]:
    """Return all masks, their labels and their frames."""
    labels = np.concatenate([np.zeros(0, np.int64), *(i.labels for i in sets)])
    frames = np.repeat(np.arange(len(sets)), [len(i) for i in sets])
    return [mask for i in sets for mask in i.masks], labels, frames


def _best(scores: NDArray[np.float32], frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of the detections that count, frame by frame, the best first."""
    order = np.lexsort((-scores, frames))
    rank = np.arange(order.size) - np.searchsorted(frames, frames)
    return order[rank < MAX_DETECTIONS]


def _pictures(masks: Sequence[Rle], frames: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the pixels ``(F,)`` of each frame's picture; its masks must agree on the size."""
    heights = np.fromiter((mask.height for mask in masks), np.int64, len(masks))
    widths = np.fromiter((mask.width for mask in masks), np.int64, len(masks))
    sizes = np.stack((heights, widths), axis=1)
    of_frame = np.zeros((count, 2), dtype=np.int64)
    of_frame[frames] = sizes
    other = (sizes != of_frame[frames]).any(axis=1)
    if other.any():
        frame = frames[other].min()
        raise InvalidInput(
            f"masks of frame {frame}",
            "one size",
            f"{sorted(set(map(tuple, sizes[frames == frame].tolist())))}",
            "Predict at the size of the labelled picture, or scale the masks first.",
        )
    return of_frame[:, 0] * of_frame[:, 1]
