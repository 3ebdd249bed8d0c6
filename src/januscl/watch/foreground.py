"""Something lies there that no instance covers: what a model is blind to."""

import warnings
from collections.abc import Sequence
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import (
    HALFWAY_SURE,
    BoolMask,
    Conflict,
    Depth,
    Frame,
    Instances,
    InvalidInput,
    Observation,
    Rle,
    encode_mask,
)
from januscl.watch.background import hidden_by

_FARTHEST = 0.95


class UnexplainedForeground:
    """Finds regions that stand out of the empty bin in depth and that no instance covers.

    The empty bin of ONE camera is learned from its healthy frames: packages come and go, so the
    farthest depth that a pixel shows over time is the bin itself. Depths of 0, NaN and infinity are
    holes, in which nothing can stand out.

    Args:
        height: Least height over the bin, metres.
        room: Least inner radius of a region, px; thinner ones are edges of masks.
        area: Least area, px.
    """

    def __init__(self, height: float = 0.015, room: float = 5.0, area: int = 150) -> None:
        self.height, self.room, self.area = height, room, area
        self._empty: Depth | None = None

    def fit(self, reference: Sequence[Observation]) -> Self:
        """Learn the empty bin.

        Raises:
            InvalidInput: Most frames have no depth, or nothing but holes in it.
        """
        solid = [_solid(o.frame.depth) for o in reference if o.frame.depth is not None]
        depths = [depth for depth in solid if not np.isnan(depth).all()]
        if not depths or 2 * len(depths) < len(reference):
            raise InvalidInput(
                "foreground reference", "mostly frames with depth",
                f"{len(depths)} of {len(reference)}",
                "Without a depth camera, do without this watcher.",
            )  # fmt: skip
        stack = np.stack(depths)
        with warnings.catch_warnings():  # a pixel that is always a hole stays one
            warnings.simplefilter("ignore", RuntimeWarning)
            quantile = np.nanquantile if np.isnan(stack).any() else np.quantile
            self._empty = np.asarray(quantile(stack, _FARTHEST, axis=0), dtype=np.float32)
        return self

    @property
    def empty(self) -> Depth:
        """The empty bin as it was learned, ``(H, W) float32`` metres; raises `Conflict` before."""
        if self._empty is None:
            raise Conflict("UnexplainedForeground has no reference; call fit with healthy frames")
        return self._empty

    def regions(self, frame: Frame, instances: Instances) -> tuple[Rle, ...]:
        """Return the unexplained regions of a frame, the largest first.

        Raises:
            Conflict: It has not been fitted.
            InvalidInput: The frame has no depth, nothing but holes in it, or another size than
                the reference.
        """
        empty = self.empty
        depth = None if frame.depth is None else _solid(frame.depth)
        if depth is None or depth.shape != empty.shape or np.isnan(depth).all():
            raise InvalidInput(
                f"depth of camera {frame.camera}",
                f"metres, of shape {empty.shape}",
                "none" if depth is None else f"shape {depth.shape}, {_share_of_holes(depth)} holes",
                "Look at the depth camera.",
            )
        stands_out = empty - depth > self.height
        sure = instances.only(instances.scores >= HALFWAY_SURE)
        left = stands_out & ~hidden_by(sure, frame.height, frame.width, margin=2)
        return tuple(self._parts(left))

    def _parts(self, left: BoolMask) -> list[Rle]:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        opened = cv2.morphologyEx(left.astype(np.uint8), cv2.MORPH_OPEN, disc)
        count, ids, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
        inner = cv2.distanceTransform(opened, cv2.DIST_L2, 3)
        parts = []
        for number in sorted(range(1, count), key=lambda k: -int(stats[k, cv2.CC_STAT_AREA])):
            inside: NDArray[np.bool_] = ids == number
            if stats[number, cv2.CC_STAT_AREA] >= self.area and inner[inside].max() >= self.room:
                parts.append(encode_mask(inside))
        return parts


def _solid(depth: Depth) -> Depth:
    """Return the depth with NaN for every hole."""
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.nan).astype(np.float32)


def _share_of_holes(depth: Depth) -> str:
    return f"{100 * float(np.isnan(depth).mean()):.0f}%"
