"""What can be measured of a failed pick: its mask, its package drawn again, its cup, its end."""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import UNEXPLAINED, BoolMask, Depth, Observation, Outcome, decode_mask
from januscl.triage.mask_readings import read_mask
from januscl.triage.redraw import Redrawn, channels_of, redraw
from januscl.triage.seat import Places, deepest, seat_at
from januscl.triage.surfaces import find_edges, measured, wider

_STANDS = 0.005  # metres over the bin below which there may be nothing but the bin
_WENT = 0.008  # metres
_HIGHER = 0.005  # metres
_DRAWN = 25  # px below which nothing was drawn again
_LOWEST = 0.001  # p-value that is told apart
_UNTOLD = -1.0

Readings = dict[str, float]


def read_pick(
    failed: Observation,
    p_values: Mapping[int, float],
    after: Depth | None,
    empty: Depth,
    field_of_view: float,
    cup: float,
) -> Readings:
    """Measure a failed pick on an instance whose mask is not empty.

    Shares lie in 0..1, lengths are metres; -1 is what cannot be told without a next look.

    Args:
        failed: With its pick, with depth.
        p_values: Of instances by their novelty.
        after: ``(H, W) float32`` metres at the next look.
        empty: The same of the empty bin.
        field_of_view: Of the picture's width, degrees.
        cup: Radius of the suction cup, metres.
    """
    pick, depth = failed.pick, failed.frame.depth
    assert pick is not None
    assert pick.instance is not None
    assert depth is not None
    row, seen = pick.instance, failed.instances
    mask = decode_mask(seen.masks[row])
    others = _others(failed, row)
    channels = channels_of(failed.frame.image, depth, empty, field_of_view)
    drawn = redraw(channels, mask, others)
    whole = drawn.whole if drawn.whole.sum() >= _DRAWN else mask
    edges = find_edges(failed.frame.image, depth, field_of_view)
    read = read_mask(row, seen, edges, depth, empty, after)
    named = {
        name: float(value) for name, value in vars(read).items() if name not in ("low", "gone")
    }
    solid = measured(depth) & measured(empty)
    stands = np.asarray(~solid | (empty - depth > _STANDS))
    places = Places.of_depth(depth, field_of_view)
    point = pick.point
    if point is None or not np.isfinite(point).all():
        point = deepest(mask)[0]
    return {
        "low": read.low,
        **named,
        **_fit(drawn, mask, others),
        **_cup(places, stands, mask, whole, point, cup),
        "point_fits": float(drawn.package[_pixel(point, mask)]),
        **_around(depth, whole, mask | others),
        **_went(depth, after, whole, mask),
        **_strangeness(failed, row, p_values, whole),
        **{f"ended_{end.value}": float(pick.outcome is end) for end in Outcome if end.failed},
    }


def _fit(drawn: Redrawn, mask: BoolMask, others: BoolMask) -> Readings:
    """Compare the mask with the package that was drawn again."""
    inside, total = float(drawn.package[mask].sum()), max(float(drawn.package.sum()), 1.0)
    area, beyond = float(mask.sum()), np.where(mask, 0, drawn.package)
    other = ((drawn.others > drawn.package) & (drawn.others > drawn.bin) & mask).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(other)
    likeliest = np.maximum(np.maximum(drawn.bin, drawn.package), drawn.others)
    return {
        "on_package": inside / area,
        "on_others": float(drawn.others[mask].mean()),
        "on_bin": float(drawn.bin[mask].mean()),
        "holds": inside / total,
        "fits": inside / (area + total - inside),
        "elsewhere": float(beyond[others].sum()) / total,
        "nowhere": float(beyond[~others].sum()) / total,
        "sure": float(likeliest[mask].mean()),
        "largest_other": float(stats[1:, cv2.CC_STAT_AREA].max(initial=0)) / area,
    }


def _cup(
    places: Places,
    stands: BoolMask,
    mask: BoolMask,
    whole: BoolMask,
    point: tuple[float, float],
    cup: float,
) -> Readings:
    """Compare how the cup sat with how it would sit in the middle of the package."""
    best, depth_of_best = deepest(whole)
    tried, better = (
        seat_at(places, stands, mask, point, cup),
        seat_at(places, stands, whole, best, cup),
    )
    cloud = places.at[whole]
    cloud = cloud[np.isfinite(cloud).all(axis=1)]
    middle = cloud.mean(axis=0) if len(cloud) else np.zeros(3)
    at, at_best = places.under(point), places.under(best)
    metres = float(middle[2]) / places.focal
    return {
        "sealed": tried.sealed,
        "sealed_within": tried.within,
        "upright": tried.upright,
        "could_seal": better.sealed,
        "could_upright": better.upright,
        "arm": _length(at - middle),
        "best_arm": _length(at_best - middle),
        "aside": _length(at - at_best),
        "room": depth_of_best * metres,
        "mask_room": deepest(mask)[1] * metres,
        "area": float(whole.sum()) * metres**2,
        "long": _length(np.std(cloud, axis=0)) if len(cloud) else 0.0,
    }


def _around(depth: Depth, whole: BoolMask, covered: BoolMask) -> Readings:
    """Measure what lies higher than the package beside it, and how much of that is not covered."""
    metres = np.where(measured(depth), depth, np.inf).astype(np.float32)
    ring = wider(whole, 7) & ~whole
    nearest = cv2.erode(np.where(whole, metres, np.inf).astype(np.float32), np.ones((9, 9)))
    finite = np.isfinite(nearest) & np.isfinite(metres)
    higher = np.zeros(whole.shape, np.bool_)
    higher[finite] = nearest[finite] - metres[finite] > _HIGHER
    if not ring.any():
        return {"under": 0.0, "under_unseen": 0.0}
    return {
        "under": float(higher[ring].mean()),
        "under_unseen": float((higher & ~covered)[ring].mean()),
    }


def _went(depth: Depth, after: Depth | None, whole: BoolMask, mask: BoolMask) -> Readings:
    """Measure what was there and is not at the next look."""
    names = ("mask_went", "package_went", "went_of_package", "went")
    if after is None:
        return dict.fromkeys(names, _UNTOLD)
    known = measured(depth) & measured(after)
    farther = np.subtract(after, depth, out=np.zeros_like(depth), where=known) > _WENT
    went = cv2.morphologyEx(farther.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3))) > 0
    total = float(went.sum())
    values = (
        went[mask].mean(), went[whole].mean(), (went & whole).sum() / max(total, 1),
        min(total / float(whole.sum()), 5),
    )  # fmt: skip
    return dict(zip(names, map(float, values), strict=True))


def _strangeness(
    failed: Observation, row: int, p_values: Mapping[int, float], whole: BoolMask
) -> Readings:
    """Measure how strange the package's instances are, as logarithms of p-values."""
    seen = failed.instances
    pieces = [row]
    for other in seen.counted().tolist():
        theirs = decode_mask(seen.masks[other])
        if other != row and (theirs & whole).sum() >= 0.5 * max(int(theirs.sum()), 1):
            pieces.append(other)
    logs = np.log([max(p_values.get(piece, 1.0), _LOWEST) for piece in pieces])
    sizes = np.asarray([seen.masks[piece].area for piece in pieces])
    named = {int(seen.labels[piece]) for piece in pieces} - {UNEXPLAINED}
    return {
        "strange": float(logs[0]),
        "strangest": float(logs.min()),
        "strange_on_average": float(np.average(logs, weights=np.maximum(sizes, 1))),
        "pieces": float(len(pieces)),
        "names": float(len(named)),
        "score": float(seen.scores[row]),
    }


def _others(failed: Observation, row: int) -> BoolMask:
    """Return where other instances than this one lie."""
    seen = failed.instances
    union = np.zeros((failed.frame.height, failed.frame.width), np.bool_)
    for other in seen.counted().tolist():
        if other != row and seen.labels[other] != UNEXPLAINED:
            union |= decode_mask(seen.masks[other])
    return union


def _pixel(point: tuple[float, float], mask: BoolMask) -> tuple[int, int]:
    height, width = mask.shape
    column, row = np.clip(np.floor(point), 0, (width - 1, height - 1)).astype(int)
    return int(row), int(column)


def _length(vector: NDArray[np.float64]) -> float:
    return float(np.nan_to_num(np.linalg.norm(vector)))
