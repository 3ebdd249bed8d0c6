"""What can be measured of one mask in its frame, and of its place in the next."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from januscl.core import HALFWAY_SURE, UNEXPLAINED, BoolMask, Depth, Instances, decode_mask
from januscl.triage.surfaces import Edges, grown, measured, parts_of, wider

_STANDS = 0.005  # metres over the bin below which there may be nothing but the bin
_REACH = 40  # px that a surface is followed beyond the mask
_NEAR = 7  # px
_MOVED = 0.008  # metres
_SAME_PLANE = 0.008  # metres


@dataclass(frozen=True)
class MaskReadings:
    """Measures of one mask; shares lie in 0..1 unless said otherwise.

    Attributes:
        low: Share of the mask that is no higher than the empty bin; holes in depth are not low.
        on_edge: Share of its outline that lies on an edge in depth.
        solid: Its area over that of its convex hull; packages are convex.
        second: Share of the second largest surface that it falls into.
        beyond_others: Area on other instances over which its surface goes on, in areas of the mask.
        beyond_none: Area on no instance over which it goes on, in areas of the mask.
        open_border: Share of its outline that borders on another instance without any edge.
        swallowed: Largest share of another instance that lies within it.
        shared: Largest share of it that lies on another instance.
        unseen: Area of the largest region beside it that no instance covers, in areas of the mask.
        unseen_above: How far that region lies above the mask, metres; negative when below.
        gone: Share of the mask from which something was taken away before the next look; None
            where the two looks together measured no depth there.
    """

    low: float
    on_edge: float
    solid: float
    second: float
    beyond_others: float
    beyond_none: float
    open_border: float
    swallowed: float
    shared: float
    unseen: float
    unseen_above: float
    gone: float | None


def read_mask(
    row: int,
    seen: Instances,
    edges: Edges,
    depth: Depth | None,
    empty: Depth | None,
    after: Depth | None,
) -> MaskReadings:
    """Measure the mask of one instance.

    Args:
        row: Of the instance.
        seen: All instances of the frame of H rows and W columns.
        edges: Of the frame.
        depth: ``(H, W) float32`` metres, with holes of 0, NaN and infinity; None without a depth
            camera.
        empty: The same of the empty bin, where it is known.
        after: The same of the next look, where there was one at the same bin.
    """
    mask = decode_mask(seen.masks[row])
    area = max(int(mask.sum()), 1)
    stands = np.ones(mask.shape, np.bool_)
    if depth is not None and empty is not None:
        stands = _nearer(depth, empty) > _STANDS
    strength = edges.depth if depth is not None else edges.colour
    inner = _eroded(mask, 5)
    parts = parts_of(inner, strength) if inner.any() else [mask]
    others, swallowed, shared = _others(row, seen, mask)
    beyond = grown(mask, (wider(strength > 1, 3)) | ~stands, _REACH) & ~mask
    rim = mask & ~_eroded(mask, 3)
    unseen, above = _unseen(row, seen, mask, depth)
    return MaskReadings(
        low=_share(~stands, mask),
        on_edge=_share(wider(strength > 1, 5), rim),
        solid=_solid(mask),
        second=_second(parts, depth) / max(int(inner.sum()), 1),
        beyond_others=float((beyond & others).sum() / area),
        beyond_none=float((beyond & ~others).sum() / area),
        open_border=_share(wider(others, 5) & ~wider(strength > 1, 3), rim),
        swallowed=swallowed,
        shared=shared,
        unseen=unseen / area,
        unseen_above=above,
        gone=_gone(depth, after, mask),
    )


def _solid(mask: BoolMask) -> float:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return 1.0
    # The outline runs through the middles of pixels: half of one is missing all around.
    hull = cv2.convexHull(np.concatenate(outlines))
    area = cv2.contourArea(hull) + 0.5 * cv2.arcLength(hull, closed=True) + 1
    return float(min(mask.sum() / area, 1.0))


def _second(parts: Sequence[BoolMask], depth: Depth | None) -> float:
    """Return the pixels of the largest part that is another surface than the first.

    A part that does not touch the first and lies in its plane is the same package, on the other
    side of what lies across it.
    """
    for part in parts[1:]:
        touches = bool((wider(part, 5) & parts[0]).any())
        if touches or depth is None or _apart(parts[0], part, depth) > _SAME_PLANE:
            return float(part.sum())
    return 0.0


def _apart(first: BoolMask, second: BoolMask, depth: Depth) -> float:
    """Return how far a part lies from the plane through another, median, metres."""
    solid = measured(depth)
    here, there = (np.argwhere(part & solid).astype(np.float64) for part in (first, second))
    if len(here) < 6 or not len(there):
        return np.inf
    known = np.column_stack((here, np.ones(len(here))))
    plane = np.linalg.lstsq(known, depth[first & solid].astype(np.float64), rcond=None)[0]
    expected = np.column_stack((there, np.ones(len(there)))) @ plane
    return float(np.median(np.abs(depth[second & solid] - expected)))


def _others(row: int, seen: Instances, mask: BoolMask) -> tuple[BoolMask, float, float]:
    """Return where the other instances lie, and what is most of one of them, and of the mask."""
    union, swallowed, shared = np.zeros(mask.shape, np.bool_), 0.0, 0.0
    for other in np.flatnonzero(seen.scores >= HALFWAY_SURE).tolist():
        if other != row:
            theirs = decode_mask(seen.masks[other])
            both = float((theirs & mask).sum())
            union |= theirs
            swallowed = max(swallowed, both / max(int(theirs.sum()), 1))
            shared = max(shared, both / max(int(mask.sum()), 1))
    return union, swallowed, shared


def _unseen(row: int, seen: Instances, mask: BoolMask, depth: Depth | None) -> tuple[float, float]:
    """Return pixels of the largest unexplained region beside a mask, and how far above it lies."""
    around, largest, above = wider(mask, 2 * _NEAR + 1), 0.0, 0.0
    for other in np.flatnonzero(seen.labels == UNEXPLAINED).tolist():
        region = decode_mask(seen.masks[other])
        if other == row or not (region & around).any() or region.sum() <= largest:
            continue
        largest, above = float(region.sum()), 0.0
        if depth is None:
            continue
        solid = measured(depth)
        beside, there = mask & wider(region, 2 * _NEAR + 1) & solid, region & around & solid
        if beside.any() and there.any():
            above = float(np.median(depth[beside]) - np.median(depth[there]))
    return largest, above


def _gone(depth: Depth | None, after: Depth | None, mask: BoolMask) -> float | None:
    if depth is None or after is None:
        return None
    known = mask & measured(depth) & measured(after)
    # Holes count as taken until the speckle is off, so that they eat nothing of what is around.
    taken = (_nearer(depth, after) > _MOVED).astype(np.uint8)
    opened = cv2.morphologyEx(taken, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    return _share(np.asarray(opened), known) if known.any() else None


def _nearer(depth: Depth, ground: Depth) -> Depth:
    """Return how much nearer than the ground each pixel is, metres; infinity at holes of either."""
    known = measured(depth) & measured(ground)
    return np.subtract(ground, depth, out=np.full(depth.shape, np.inf, np.float32), where=known)


def _share(where: BoolMask, of: BoolMask) -> float:
    """Return the share of some pixels that another mask holds; 0 of none."""
    return float(where[of].mean()) if of.any() else 0.0


def _eroded(where: BoolMask, side: int) -> BoolMask:
    return np.asarray(cv2.erode(where.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)
