"""What many masks share with many others, from their run lengths alone.

The pictures of some frames stand one behind another on a line, pixel by pixel in column-major
order, as run lengths count. A mask is then a row of intervals on that line, and no mask is ever
decoded: the cost follows the outlines, not the size of the pictures.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from januscl.core import Rle


class Runs(NamedTuple):
    """The R runs inside N masks, mask by mask.

    Attributes:
        first: ``(R,) int64`` where on the line each run begins.
        last: ``(R,) int64`` where it has ended: the pixel after its last.
        mask: ``(R,) int64`` row of the mask that it is a part of.
        pixels: ``(N,) int64`` the area of each mask.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    mask: NDArray[np.int64]
    pixels: NDArray[np.int64]


def runs_of(masks: Sequence[Rle], places: NDArray[np.int64]) -> Runs:
    """Lay masks on the line.

    Args:
        masks: N masks.
        places: ``(N,)`` where on the line the picture of each begins.
    """
    if not masks:
        none = np.zeros(0, dtype=np.int64)
        return Runs(none, none, none, none)
    counts = [rle.counts for rle in masks]
    lengths = np.fromiter(map(len, counts), np.int64, len(counts))
    # Background that ends a mask is left out, so that every second length is inside one.
    odd = lengths % 2 == 1
    paired = np.delete(np.concatenate(counts), np.cumsum(lengths)[odd] - 1)
    runs = lengths // 2
    stops = np.concatenate(([0], np.cumsum(runs)))
    ends = np.cumsum(paired)
    behind = np.concatenate(([0], ends[1::2]))[stops[:-1]]
    moved = np.repeat(places - behind, runs)
    inside = np.concatenate(([0], np.cumsum(paired[1::2])))
    return Runs(
        ends[::2] + moved,
        ends[1::2] + moved,
        np.repeat(np.arange(len(masks)), runs),
        np.diff(inside[stops]),
    )


def shared_pixels(left: Runs, right: Runs, columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Count the pixels that each left mask shares with the right masks of its frame.

    Args:
        left: N masks.
        right: M masks on the same line.
        columns: ``(M,)`` number of each right mask within its frame, from 0.

    Returns:
        ``(N, C) float64``, C the highest number plus one.
    """
    width = int(columns.max(initial=-1)) + 1
    order = np.argsort(right.first, kind="stable")
    # A last run beyond the line is one that none reaches.
    first = np.append(right.first[order], np.iinfo(np.int64).max)
    last, column = right.last[order], columns[right.mask[order]]
    # Right masks may overlap; runs before the first whose reach is beyond a place end before it.
    reach = np.maximum.accumulate(last)
    met = np.searchsorted(reach, left.first, side="right")
    begin, end, cell = left.first, left.last, left.mask * width
    cells, pixels = [], []
    while met.size:
        # One right run at a time for all left runs that still reach one.
        still = np.flatnonzero(first[met] < end)
        met, begin, end, cell = met[still], begin[still], end[still], cell[still]
        overlap = np.minimum(end, last[met]) - np.maximum(begin, first[met])
        cells.append(cell + column[met])
        pixels.append(np.maximum(overlap, 0))
        met = met + 1
    size = left.pixels.size * width
    if not cells:
        return np.zeros((left.pixels.size, width))
    total = np.bincount(np.concatenate(cells), np.concatenate(pixels), size)
    return np.asarray(total, dtype=np.float64).reshape(left.pixels.size, width)
