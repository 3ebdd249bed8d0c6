"""The label-efficiency curve as a picture that stands alone: SVG in a file of its own."""

from collections.abc import Sequence
from math import ceil

from januscl.line.adapting import CurvePoint
from januscl.line.report.svg import element, text

_WIDTH, _HEIGHT = 640.0, 400.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 30.0, 88.0, 60.0
_INK, _QUIET, _FAINT, _LINE = "#1d2433", "#5a6375", "#e3e6ec", "#1f6feb"
_STEP = 0.1


def curve_picture(points: Sequence[CurvePoint], title: str, note: str = "") -> str:
    """Return an SVG file: labelled pictures to the right, mask AP in points upwards.

    A bar through each point is its interval. The scale ends a little above the highest of them.

    Args:
        points: One at least, from few pictures to many.
        title: Stands above.
        note: Stands below the title, smaller.
    """
    top = min(1.0, _STEP * ceil((max(point.high for point in points) + 0.04) / _STEP))
    most = max(max(point.pictures for point in points), 1)
    across = [_LEFT + (_WIDTH - _LEFT - _RIGHT) * point.pictures / most for point in points]
    path = " ".join(f"{x:.1f},{_y(p.ap, top):.1f}" for x, p in zip(across, points, strict=True))
    marks = [
        mark for x, point in zip(across, points, strict=True) for mark in _marks(point, x, top)
    ]
    return element(
        "svg",
        element("rect", width=_WIDTH, height=_HEIGHT, fill="white"),
        _words(title, _WIDTH / 2, 26, font_size=16),
        _words(note, _WIDTH / 2, 47, fill=_QUIET, font_size=12),
        *_grid(top),
        element("polyline", points=path, fill="none", stroke=_LINE, stroke_width=2.5),
        *marks,
        _words("labelled pictures learned from", (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 16),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        font_family="sans-serif",
        font_size=14,
        role="img",
    )


def _y(ap: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * ap / top


def _marks(point: CurvePoint, x: float, top: float) -> list[str]:
    """Return a point with its interval, its AP above and its pictures below."""
    low, high = _y(point.low, top), _y(point.high, top)
    return [
        element("line", x1=x, x2=x, y1=low, y2=high, stroke=_LINE, stroke_width=6, opacity=0.25),
        element("circle", cx=x, cy=_y(point.ap, top), r=5, fill=_LINE),
        _words(f"{100 * point.ap:.1f}", x, high - 8),
        _words(str(point.pictures), x, _HEIGHT - _BOTTOM + 20),
    ]


def _grid(top: float) -> list[str]:
    """Return a line for every ten points of AP, for every twenty on a high scale."""
    lines = []
    for level in range(0, round(100 * top) + 1, 10 if top < 0.55 else 20):
        y = _y(level / 100, top)
        lines.append(element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, stroke=_FAINT))
        lines.append(text(str(level), x=_LEFT - 14, y=y + 5, text_anchor="end", fill=_QUIET))
    return [*lines, text("mask AP, points", x=14, y=_TOP - 18, fill=_QUIET, font_size=12)]


def _words(content: str, x: float, y: float, fill: str = _INK, font_size: float = 14) -> str:
    return text(content, x=x, y=y, text_anchor="middle", fill=fill, font_size=font_size)
