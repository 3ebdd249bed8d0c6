"""The novelty map as a drawing that stretches to the width of its place.

Known instances are a grey density with their outliers as dots; each novelty has a colour and a
shape of its own, so that the map reads without colours too, and a picture of a typical instance.
Places are in per cent, as in `strips`; lengths that decide what overlaps are those of a wide page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.line.report.pictures import data_uri
from januscl.line.report.svg import element, text, tooltip
from januscl.line.report.words import count, listed
from januscl.line.watch_report.story import NoveltyMap, NoveltyPatch, Points

WIDTH, HEIGHT = 1100.0, 480.0
_NARROW = 0.33
"""Width of a telephone's page over that of a wide one."""
_THUMB = 72.0
_MARGIN = 0.07
_GRID = (96, 64)
_MASSES = (0.9, 0.7, 0.5, 0.3, 0.1)
_LETTER, _LINE = 6.6, 16.0
_MOST_KINDS, _LONGEST = 10, 24
_Extent = tuple[float, float, float]
"""The middle of words and half their length, px."""
SHAPES = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "M0 -5L4.6 3.6H-4.6Z",
    "M-3.7 -3.7H3.7V3.7H-3.7Z",
    "M0 -5.2L5.2 0L0 5.2L-5.2 0Z",
    "M0 5L4.6 -3.6H-4.6Z",
    "M-1.6 -5H1.6V-1.6H5V1.6H1.6V5H-1.6V1.6H-5V-1.6H-1.6Z",
    "M-5 -2H5V2H-5Z",
    "M-2 -5H2V5H-2Z",
)
"""A shape for each novelty of a map, about its own middle."""


@dataclass(frozen=True)
class _Frame:
    """From the map's two directions to shares of its width and height."""

    low: NDArray[np.float64]
    span: NDArray[np.float64]

    def of(self, points: Points) -> Points:
        """Return ``(N, 2)`` shares in 0..1; what lies far out is at the edge."""
        shares = (points - self.low) / self.span
        shares[:, 1] = 1 - shares[:, 1]
        return np.asarray(np.clip(shares, 0.01, 0.99))


def draw_map(drawn: NoveltyMap) -> str:
    """Return the map as an SVG element."""
    everything = np.concatenate([drawn.known, *(patch.points for patch in drawn.patches)])
    frame = _framed(everything)
    known = frame.of(drawn.known)
    patches = [frame.of(patch.points) for patch in drawn.patches]
    told = (
        f"Map of instances as the {drawn.model} sees them: {len(known)} known ones in grey, and "
        f"{listed([_told(patch) for patch in drawn.patches])}."
    )
    parts = [
        _density(known),
        *(_dot(x, y) for x, y in known.tolist()),
        *(
            _mark(patch.number, x, y)
            for patch, at in zip(drawn.patches, patches, strict=True)
            for x, y in at.tolist()
        ),
        *_pictures(drawn.patches, patches, known),
        *_words(drawn, frame, patches),
    ]
    return element(
        "svg", tooltip(told), *parts, class_="map", width="100%", height=HEIGHT, role="img",
        aria_label=told,
    )  # fmt: skip


def marker(number: int) -> str:
    """Return a novelty's mark as a drawing of its own, for the legend."""
    path = element("path", class_=f"mark n{number}", d=SHAPES[number])
    return element("svg", path, class_="marker", viewBox="-7 -7 14 14", aria_hidden="true")


def _told(patch: NoveltyPatch) -> str:
    return f"{count(len(patch.points), 'instance')} of {patch.name}"


def _framed(points: Points) -> _Frame:
    low, high = np.quantile(points, (0.005, 0.995), axis=0)
    span = np.maximum(high - low, 1e-9)
    return _Frame(low - _MARGIN * span, span * (1 + 2 * _MARGIN))


def _density(known: Points) -> str:
    """Return where the known instances lie densest: each shade holds a share of them."""
    columns, rows = _GRID
    places = (known * (columns, rows)).astype(int)
    counts = np.zeros((rows, columns), np.float32)
    np.add.at(counts, (places[:, 1], places[:, 0]), 1.0)
    dense = cv2.GaussianBlur(counts, (0, 0), 2.2)
    large = cv2.resize(dense, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    ranked = np.sort(large.ravel())[::-1]
    mass = np.cumsum(ranked) / ranked.sum()
    paths = []
    for level, share in enumerate(_MASSES):
        least = ranked[min(int(np.searchsorted(mass, share)), len(ranked) - 1)]
        inside = (large >= max(float(least), 1e-6)).astype(np.uint8)
        outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)
        drawn = " ".join(
            _outline(np.asarray(line, np.float64)[:, 0], large.shape) for line in outlines
        )
        paths.append(element("path", class_=f"dense d{level}", d=drawn))
    return element(
        "svg", *paths, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%",
        height=HEIGHT,
    )  # fmt: skip


def _outline(line: Points, shape: tuple[int, ...]) -> str:
    points = (line + 0.5) / (shape[1], shape[0]) * 100
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points.tolist()) + "Z"


def _dot(x: float, y: float) -> str:
    return f'<circle class="known" cx="{100 * x:.2f}%" cy="{100 * y:.2f}%" r="1.6"/>'


def _mark(number: int, x: float, y: float) -> str:
    path = f'<path class="mark n{number}" d="{SHAPES[number]}"/>'
    return f'<svg class="at" x="{100 * x:.2f}%" y="{100 * y:.2f}%">{path}</svg>'


def _pictures(
    patches: Sequence[NoveltyPatch], places: Sequence[Points], known: Points
) -> Iterator[str]:
    """Draw a typical instance of each novelty, with its name, where there is room near it."""
    taken: list[tuple[float, float]] = []
    everything = np.concatenate([known, *places]) * (WIDTH, HEIGHT)
    for patch, here in zip(patches, places, strict=True):
        if not patch.crops:
            continue
        middle = np.median(here, axis=0)
        x, y = _room(everything, middle * (WIDTH, HEIGHT), taken)
        taken.append((x, y))
        left, top = _percent(x / WIDTH), _percent(y / HEIGHT)
        yield element(
            "line", class_=f"leader n{patch.number}", x1=left, y1=top, x2=_percent(middle[0]),
            y2=_percent(middle[1]),
        )  # fmt: skip
        half = _THUMB / 2
        inside = (
            element(
                "image", href=data_uri(patch.crops[0], 2 * round(_THUMB)), x=-half, y=-half,
                width=_THUMB, height=_THUMB,
            ),
            element(
                "rect", class_=f"frame n{patch.number}", x=-half, y=-half, width=_THUMB,
                height=_THUMB,
            ),
            text(
                _short(patch.name), class_=f"name n{patch.number}", x=0, y=half + _LINE,
                text_anchor="middle",
            ),
        )  # fmt: skip
        yield element("svg", *inside, class_="at thumb", x=left, y=top)


def _room(
    points: Points, middle: NDArray[np.float64], taken: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Return the middle of a free place for a picture, near the novelty's own, px."""
    edge = _THUMB / 2 + _LINE + 4
    x, y = np.meshgrid(np.arange(edge, WIDTH - edge, 20.0), np.arange(edge, HEIGHT - edge, 20.0))
    free = np.stack([x.ravel(), y.ravel()], axis=1)
    apart = np.abs(free[:, None] - points[None]).max(axis=2)
    cost = 60.0 * (apart < edge).sum(axis=1) + np.hypot(*(free - middle).T)
    for other in taken:
        cost += 1e6 * (np.abs(free - other).max(axis=1) < 2 * edge)
    best = free[cost.argmin()]
    return float(best[0]), float(best[1])


def _words(drawn: NoveltyMap, frame: _Frame, places: Sequence[Points]) -> Iterator[str]:
    """Name as many kinds as there is room for; on a narrow page, fewer, and the novelties."""
    wide: list[_Extent] = []
    narrow: list[_Extent] = []
    for patch, at in zip(drawn.patches, places, strict=True):
        x, y = np.median(at, axis=0).tolist()
        if _fits(narrow, x * WIDTH * _NARROW, y * HEIGHT, _short(patch.name)) or not patch.crops:
            style = "name narrow" if patch.crops else "name"
            yield _word(_short(patch.name), f"{style} n{patch.number}", x, y)
    for spot in drawn.kinds[:_MOST_KINDS]:
        x, y = frame.of(np.asarray([spot.at]))[0].tolist()
        if _fits(wide, x * WIDTH, y * HEIGHT, _short(spot.name)):
            fits = _fits(narrow, x * WIDTH * _NARROW, y * HEIGHT, _short(spot.name))
            yield _word(_short(spot.name), "kind" if fits else "kind spare", x, y)


def _word(words: str, style: str, x: float, y: float) -> str:
    anchor = "start" if x < 0.1 else "end" if x > 0.9 else "middle"
    return text(words, class_=style, x=_percent(x), y=_percent(y), text_anchor=anchor)


def _short(words: str) -> str:
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _fits(taken: list[_Extent], x: float, y: float, words: str) -> bool:
    """Say whether words fit beside those that were placed, px; if so they are placed."""
    half = len(words) * _LETTER / 2
    if any(abs(y - b) < _LINE and abs(x - a) < half + other + 4 for a, b, other in taken):
        return False
    taken.append((x, y, half))
    return True
