"""Where a camera looks: how far its background is from where it belongs, and how it is turned."""

from functools import cache, cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask
from januscl.watch.background import Background

_IN_PLACE = 0.65  # share of the background's edges that match where they belong
_BETTER = 1.12  # times by which a turned background has to match better
_BETTER_MOVED = 1.02  # where it is known to have moved
_MOVED = 0.4  # px of `View.small`
_FARTHEST = 0.3  # share of a side by which two pictures of a moving camera may be apart
_TURNS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0)  # degrees, either way

Edges = NDArray[np.float32]
Spectrum = NDArray[np.float32]


class Place:
    """Searches a picture for the background's edges.

    The whole visible picture is searched by cross-correlation: to whiten it, as phase correlation
    does, would favour the outline of the masks. Turned backgrounds are tried only when the one as
    it was is not found where it belongs.

    Args:
        background: What the camera should see.
    """

    def __init__(self, background: Background) -> None:
        self._stable = background.stable
        self._edges = background.edges
        self._ought = _centred(background.edges, background.stable)
        self._weight = self._ought**2
        self._size = tuple(cv2.getOptimalDFTSize(n + n // 3) for n in self._ought.shape)
        self._spectrum = self._transformed(self._ought)

    def of(self, soft: Edges, hidden: BoolMask) -> tuple[int, tuple[float, float, float]]:
        """Return the quarter turns of the picture and how the background has moved.

        Args:
            soft: ``(h, w)``, `smooth_edges` of the frame.
            hidden: ``(h, w)``, true where instances are.

        Returns:
            Quarter turns counter-clockwise, 0..3, and ``(x, y)`` in px of ``soft`` with the
            degrees counter-clockwise about the picture's middle.
        """
        seen = _centred(soft, ~hidden)
        whole = float(np.vdot(self._weight, (~hidden).astype(np.float32)))
        at_rest = self._at_rest(seen, _IN_PLACE * whole)
        if at_rest is not None:
            return 0, (*at_rest, 0.0)
        now = self._transformed(seen)
        match = self._match(now, self._spectrum)
        if match[0, 0] >= _IN_PLACE * whole:
            # Edges that are where they belong have not gone far, whatever matches better elsewhere:
            # packages that the model missed may look like a bin that has moved.
            near = _near(match, 2)
            row, column = (int(i) - 2 for i in np.unravel_index(int(near.argmax()), near.shape))
            if max(abs(row), abs(column)) > 1:
                return 0, (0.0, 0.0, 0.0)  # no peak, but the slope of one far away
            peak = _peak_at(match, row, column)
            if np.hypot(*peak) < _MOVED:
                return 0, (*peak, 0.0)
            degrees, _ = self._degrees(now, match, _BETTER_MOVED)
            return 0, (*peak, degrees)
        best = float(match.max())
        quarters = self._quarters(now, best, whole)
        if quarters:
            return quarters, (0.0, 0.0, 0.0)
        degrees, match = self._degrees(now, match, _BETTER)
        row, column = (int(i) for i in np.unravel_index(int(match.argmax()), match.shape))
        return 0, (*_peak_at(match, row, column), degrees)

    def _at_rest(self, seen: Edges, enough: float) -> tuple[float, float] | None:
        """Return ``(x, y)`` of edges that match best where they belong; None for all others.

        Five products tell what a search of the whole picture costs ten times as much to tell.
        """
        now, ought, width = seen.ravel(), self._ought.ravel(), seen.shape[1]
        middle = float(np.dot(now, ought))
        if middle < enough:
            return None
        # Rows follow each other in memory; what wraps from one to the next is a single column.
        right, left = float(np.dot(now[1:], ought[:-1])), float(np.dot(now[:-1], ought[1:]))
        down = float(np.dot(now[width:], ought[:-width]))
        up = float(np.dot(now[:-width], ought[width:]))
        if middle < max(right, left, down, up):
            return None
        x, y = _peak(left, middle, right), _peak(up, middle, down)
        return (x, y) if np.hypot(x, y) < _MOVED else None

    def _quarters(self, now: Spectrum, best: float, whole: float) -> int:
        reach = max(2, self._ought.shape[0] // 16)
        heights = {
            q: float(_near(self._match(now, s), reach).max()) for q, s in self._quartered.items()
        }
        quarters = max(heights, key=heights.__getitem__)
        found = heights[quarters] >= max(_BETTER * best, 0.8 * _IN_PLACE * whole)
        return quarters if found else 0

    def _degrees(self, now: Spectrum, match: Edges, better: float) -> tuple[float, Edges]:
        matches = {0.0: match} | {d: self._match(now, s) for d, s in self._turned.items()}
        heights = {d: float(m.max()) for d, m in matches.items()}
        degrees = max(heights, key=heights.__getitem__)
        if heights[degrees] < better * heights[0.0]:
            return 0.0, match
        return _refined(heights, degrees), matches[degrees]

    @cached_property
    def _turned(self) -> dict[float, Spectrum]:
        height, width = self._ought.shape
        middle = (width - 1) / 2, (height - 1) / 2
        degrees = (*_TURNS, *(-d for d in _TURNS))
        turns = {d: cv2.getRotationMatrix2D(middle, d, 1.0) for d in degrees}
        return {
            d: self._transformed(cv2.warpAffine(self._ought, turn, (width, height)))
            for d, turn in turns.items()
        }

    @cached_property
    def _quartered(self) -> dict[int, Spectrum]:
        height, width = self._ought.shape
        possible = (1, 2, 3) if height == width else (2,)
        return {q: self._transformed(np.rot90(self._ought, q)) for q in possible}

    def _transformed(self, edges: Edges) -> Spectrum:
        padded = np.zeros(self._size, np.float32)
        padded[: edges.shape[0], : edges.shape[1]] = edges
        return np.asarray(cv2.dft(padded, nonzeroRows=edges.shape[0]))

    def _match(self, now: Spectrum, ought: Spectrum) -> Edges:
        both = cv2.mulSpectrums(now, ought, 0, conjB=True)
        return np.asarray(cv2.idft(both, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT))


def darkest_before(light: NDArray[np.float32], before: Edges, now: Edges) -> NDArray[np.float32]:
    """Return how dark an earlier picture was where its scene is now, or at the place itself.

    Of two pictures whose scene has moved as a whole the phases of the spectra tell how far (Kuglin
    and Hines, The phase correlation image alignment method, 1975). Nothing may have edges, and what
    has may turn besides, so the darker of the two counts.

    Args:
        light: ``(h, w)``, log light of the earlier picture.
        before: ``(h, w)``, its `smooth_edges`.
        now: ``(h, w)``, those of the picture now.

    Returns:
        ``(h, w) float32``, minus infinity where the earlier picture does not tell.
    """
    height, width = light.shape
    # OpenCV fades the pictures in place where they need no padding.
    (x, y), _ = cv2.phaseCorrelate(before.copy(), now.copy(), _fading(height, width))
    if max(abs(x) / width, abs(y) / height) > _FARTHEST:
        return light
    # Whole px, as what lies between two would be smoother.
    move = np.asarray([[1, 0, round(x)], [0, 1, round(y)]], np.float32)
    size, flags = (width, height), cv2.INTER_NEAREST
    moved = cv2.warpAffine(light, move, size, flags=flags, borderValue=-np.inf)
    return np.asarray(np.minimum(light, moved))


@cache
def _fading(height: int, width: int) -> NDArray[np.float32]:
    return np.asarray(cv2.createHanningWindow((width, height), cv2.CV_32F))


def _centred(edges: Edges, where: BoolMask) -> Edges:
    mean = float((edges * where).sum()) / max(1, int(np.count_nonzero(where)))
    return np.asarray((edges - np.float32(mean)) * where, dtype=np.float32)


def _near(match: Edges, reach: int) -> Edges:
    """Return the match ``(2 reach + 1, 2 reach + 1)`` about no movement."""
    around = np.arange(-reach, reach + 1)
    return np.asarray(match[np.ix_(around, around)])


def _peak_at(match: Edges, row: int, column: int) -> tuple[float, float]:
    """Return ``(x, y)`` of the peak at or beside a place, to a part of a pixel."""
    rows, columns = match.shape
    down = _peak(*(float(match[(row + d) % rows, column]) for d in (-1, 0, 1)))
    right = _peak(*(float(match[row, (column + d) % columns]) for d in (-1, 0, 1)))
    y, x = (row + rows // 2) % rows - rows // 2, (column + columns // 2) % columns - columns // 2
    return x + right, y + down


def _refined(heights: dict[float, float], degrees: float) -> float:
    """Return where the heights peak between the degrees that were tried."""
    tried = sorted(heights)
    k = tried.index(degrees)
    if not 0 < k < len(tried) - 1:
        return degrees
    a, b, c = np.polyfit(tried[k - 1 : k + 2], [heights[d] for d in tried[k - 1 : k + 2]], 2)
    del c
    return float(np.clip(-b / (2 * a), tried[k - 1], tried[k + 1])) if a < 0 else degrees


def _peak(left: float, middle: float, right: float) -> float:
    """Return where the parabola through three values peaks, -0.5..0.5 from the middle."""
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0
