"""Masks as COCO writes them: run lengths, or polygons without a raster between.

Of a polygon a pixel is in when its centre is in.

OpenCV's ``fillPoly`` also fills every pixel that the outline touches, which makes masks half a
pixel fatter all round; annotation tools and COCO's own code do not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput, Rle, decode_mask, encode_mask
from januscl.core.wire import rle_from_json

_FARTHEST = 1e9


def read_mask(value: Any, height: int, width: int, thing: str) -> Rle:
    """Return the mask of a COCO ``segmentation``: run lengths, or polygons.

    Args:
        value: As it was read from JSON.
        height: Rows of the picture.
        width: Columns of the picture.
        thing: What to call it in an error.

    Raises:
        InvalidInput: It is neither, is damaged, of another picture's size, or empty.
    """
    if isinstance(value, Mapping):
        rle = rle_from_json(value, thing)
        if (rle.height, rle.width) != (height, width) or rle.area == 0:
            raise InvalidInput(
                thing,
                f"a mask of size {height}x{width} with pixels in it",
                f"{rle.height}x{rle.width} with {rle.area}",
                "It belongs to another picture, or is empty.",
            )
        return rle
    if not isinstance(value, list) or not value:
        raise InvalidInput(
            thing,
            "polygons or run lengths as segmentation",
            f"{value!r:.60}",
            "A box alone is no mask; outline the package.",
        )
    return rle_of_polygon([_points(part, thing) for part in value], height, width, thing)


def _points(part: Any, thing: str) -> NDArray[np.float64]:
    numbers = isinstance(part, list) and all(type(v) in (int, float) for v in part)
    if not numbers or len(part) < 6 or len(part) % 2:
        raise InvalidInput(
            thing,
            "polygons as lists of x, y, x, y, ... with three or more points",
            f"{part!r:.60}",
            "It is degenerate or damaged; outline the package again.",
        )
    try:
        return np.asarray(part, dtype=np.float64).reshape(-1, 2)
    except OverflowError as error:
        raise InvalidInput(thing, "coordinates in px", str(error), "Draw it again.") from error


def rle_of_polygon(
    parts: Sequence[NDArray[np.float64]], height: int, width: int, thing: str = "polygon"
) -> Rle:
    """Return the mask of one instance outlined by one or more polygons.

    A part that crosses itself is filled by the even-odd rule, so that a figure of eight is two
    loops and a region wound twice is a hole; parts are joined. What lies outside the picture is
    cut off.

    Args:
        parts: Each ``(P, 2) float64``, ``(x, y)`` px; pixel (row r, column c) has its centre at
            (c + 0.5, r + 0.5). Closed of itself.
        height: Rows of the picture.
        width: Columns of the picture.
        thing: What to call it in an error.

    Raises:
        InvalidInput: A coordinate is not a number below 1e9, a part has fewer than three points,
            or no pixel's centre in the picture is inside.
    """
    masks = [_fill(points, height, width, thing) for points in parts]
    if len(masks) == 1:
        whole = masks[0]
    else:
        union = np.zeros((height, width), dtype=np.bool_)
        for rle in masks:
            union |= decode_mask(rle)
        whole = encode_mask(union)
    if whole.area == 0:
        raise InvalidInput(
            thing,
            f"an outline around pixels of the {height}x{width} picture",
            "none inside it",
            "It is degenerate or lies wholly outside; draw it again.",
        )
    return whole


def _fill(points: NDArray[np.float64], height: int, width: int, thing: str) -> Rle:
    if not (np.abs(points) < _FARTHEST).all():
        found = str(points[~(np.abs(points) < _FARTHEST)][0])
        raise InvalidInput(thing, "coordinates in px", found, "It is damaged; draw it again.")
    if len(points) < 3:
        raise InvalidInput(thing, "three or more points", f"{len(points)}", "Draw an area.")
    x, y = points[:, 0], points[:, 1]
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    # Columns whose centre line c + 0.5 an edge crosses: min(x) <= c + 0.5 < max(x).
    first = np.clip(np.ceil(np.minimum(x, x2) - 0.5), 0, width).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(x, x2) - 0.5), 0, width).astype(np.int64)
    spans = last - first
    edges = np.repeat(np.arange(len(points)), spans)
    columns = np.arange(edges.size) - np.repeat(np.cumsum(spans) - spans - first, spans)
    share = (columns + 0.5 - x[edges]) / (x2 - x)[edges]
    rows = np.ceil(y[edges] + share * (y2 - y)[edges] - 0.5)
    # Down a column each crossing changes inside to outside; two at one place change nothing. The
    # column's end is the next one's start, where whatever ran over the edge is closed again.
    places = columns * height + np.clip(rows, 0, height).astype(np.int64)
    turns, times = np.unique(places, return_counts=True)
    turns = turns[(times % 2 == 1) & (turns < height * width)]
    return Rle(height, width, np.diff(np.concatenate(([0], turns, [height * width]))))
