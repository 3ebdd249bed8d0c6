"""Which package next, and where: a sure, large and high one, at its deepest inner point."""

from collections.abc import Collection
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Depth, Instances, InvalidInput, Rle, decode_mask

Point = tuple[float, float]
Weights = NDArray[np.float64]

_ROOM = 3.0
"""Interior radius, in cup radii, beyond which more room makes a pick no safer."""
_ROUGH = 0.2
"""Worth of a pick where no place for the cup is flat, against one where there is."""


def choose_pick(
    instances: Instances,
    depth: Depth | None = None,
    *,
    min_score: float = 0.5,
    tried: Collection[Point] = (),
    cup_radius: float = 5.0,
    keep_away: float = 10.0,
    layer: float = 0.05,
    flatness: float = 0.002,
) -> tuple[int, Point] | None:
    """Return the row of the instance to pick next and the point for the cup, or None.

    The point of an instance is the one furthest from the edge of its predicted mask, so that the
    cup has all of its rim on the package; with depth, among those where the surface under the cup
    is flat, so that it seals (a plane's residual, after the flatness that suction affords in Zeng
    et al., "Robotic pick-and-place of novel objects in clutter", ICRA 2018). Instances are ranked
    by score x room x height: room is the distance to the edge in cup radii, up to 3; height falls
    by a factor e for each `layer` that the package lies below the topmost candidate, since what
    lies below is held down. A package without a flat place is worth a fifth.

    Args:
        instances: What the model saw.
        depth: ``(H, W) float32``, metres from the camera plane; 0, NaN and infinity are holes.
        min_score: Less certain instances are left alone.
        tried: Points ``(x, y)`` px that failed just before, as they were returned.
        cup_radius: Of the suction cup, px; a package with less room than this is left alone.
        keep_away: Distance from every tried point, px.
        layer: Typical thickness of a package, metres.
        flatness: How far a surface may leave its plane under the cup, root mean square, metres.

    Returns:
        ``(row, (x, y))``, or None when nothing is worth trying. The point is the centre of a pixel,
        in px as `januscl.core.Pick` counts them.

    Raises:
        InvalidInput: The depth has another size than the masks.
    """
    flat = None if depth is None else _flat(depth, ceil(cup_radius), flatness)
    rows, points, rooms = [], [], []
    for row in np.flatnonzero(instances.scores >= min_score).tolist():
        rle = instances.masks[row]
        if depth is not None and depth.shape != (rle.height, rle.width):
            raise InvalidInput(
                "depth",
                f"shape {(rle.height, rle.width)}, as the masks have",
                f"{depth.shape}",
                "Register the depth to the picture that the model saw.",
            )
        point, room, smooth = _deepest(rle, flat, tried, keep_away, cup_radius)
        if room >= cup_radius:
            rows.append(row)
            points.append(point)
            rooms.append(min(room / cup_radius, _ROOM) * (1 if smooth or flat is None else _ROUGH))
    if not rows:
        return None
    value = instances.scores[rows] * np.asarray(rooms)
    if depth is not None:
        value = value * _heights(depth, points, cup_radius, layer)
    best = int(value.argmax())
    return rows[best], points[best]


def _deepest(
    rle: Rle, flat: BoolMask | None, tried: Collection[Point], keep_away: float, cup_radius: float
) -> tuple[Point, float, bool]:
    """Return the point for the cup, its distance to the mask's edge, px, and whether it is flat."""
    mask = decode_mask(rle)
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if ys.size == 0:
        return (0.0, 0.0), 0.0, False
    top, left = int(ys[0]), int(xs[0])
    crop = mask[top : ys[-1] + 1, left : xs[-1] + 1].astype(np.uint8)
    # A rim of background makes the edge of the picture an edge of the package: what lies beyond
    # it was not seen.
    ringed = cv2.copyMakeBorder(crop, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(ringed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    # Two calls may differ in the last bit (opencv/opencv#24082), and a tie would be broken by it;
    # squares of distances between pixels are whole numbers.
    distance = np.sqrt(np.rint(np.square(distance)))
    rows, columns = np.ogrid[: crop.shape[0], : crop.shape[1]]
    for x, y in tried:
        near = (columns + left + 0.5 - x) ** 2 + (rows + top + 0.5 - y) ** 2 < keep_away**2
        distance = np.where(near, 0, distance)
    smooth = False
    if flat is not None:
        there = np.where(flat[top : ys[-1] + 1, left : xs[-1] + 1], distance, 0)
        smooth = bool(there.max() >= cup_radius)
        distance = there if smooth else distance
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    point = (float(left + column) + 0.5, float(top + row) + 0.5)
    return point, float(distance[row, column]), smooth


def _flat(depth: Depth, reach: int, flatness: float) -> BoolMask:
    """Return ``(H, W)`` where a plane fits the square of this half side, px; holes are not flat."""
    known = np.isfinite(depth) & (depth > 0)
    metres = np.where(known, depth, 0).astype(np.float64)
    metres -= metres[known].mean() if known.any() else 0.0
    side = 2 * reach + 1
    along = np.arange(-reach, reach + 1, dtype=np.float64)
    even, slope = np.full(side, 1 / side), along / (along**2).sum()

    def over(values: NDArray[np.float64], x: Weights, y: Weights) -> NDArray[np.float64]:
        return np.asarray(cv2.sepFilter2D(values, cv2.CV_64F, x, y, borderType=cv2.BORDER_REFLECT))

    mean = over(metres, even, even)
    tilts = over(metres, slope, even) ** 2 + over(metres, even, slope) ** 2
    residual = over(metres**2, even, even) - mean**2 - tilts * (along**2).mean()
    whole = cv2.erode(known.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    return np.asarray(whole & (residual < flatness**2))


def _heights(
    depth: Depth, points: list[Point], cup_radius: float, layer: float
) -> NDArray[np.float64]:
    """Return ``(len(points),)`` in 0..1: 1 for the topmost, less by e for each layer below it.

    A package whose depth is a hole counts as being where the median candidate is.
    """
    reach = ceil(cup_radius)
    metres = np.full(len(points), np.nan)
    for i, (x, y) in enumerate(points):
        rows = slice(max(int(y) - reach, 0), int(y) + reach + 1)
        patch = depth[rows, max(int(x) - reach, 0) : int(x) + reach + 1]
        known = patch[np.isfinite(patch) & (patch > 0)]
        if known.size:
            metres[i] = np.median(known)
    if np.isnan(metres).all():
        return np.ones(len(points))
    metres = np.where(np.isnan(metres), np.nanmedian(metres), metres)
    return np.asarray(np.exp((metres.min() - metres) / layer))
