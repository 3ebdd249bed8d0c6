"""The label-efficiency curve as a picture that stands alone: SVG in a file of its own."""

from collections.abc import Sequence

from januscl.line.adapting import CurvePoint
from januscl.line.report.svg import element, text

_WIDTH, _HEIGHT = 640.0, 400.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 30.0, 50.0, 60.0
_INK, _FAINT, _LINE = "#1d2433", "#c9ced8", "#1f6feb"


def curve_picture(points: Sequence[CurvePoint], title: str) -> str:
    """Return an SVG file: labelled pictures to the right, mask AP in points upwards.

    Args:
        points: One at least, from few pictures to many.
        title: Stands above.
    """
    most = max(max(point.pictures for point in points), 1)
    places = [
        (
            _LEFT + (_WIDTH - _LEFT - _RIGHT) * point.pictures / most,
            _y(point.ap),
        )
        for point in points
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = [
        part
        for point, (x, y) in zip(points, places, strict=True)
        for part in (
            element("circle", cx=x, cy=y, r=5, fill=_LINE),
            _words(f"{100 * point.ap:.1f}", x, y - 12),
            _words(str(point.pictures), x, _HEIGHT - _BOTTOM + 20),
        )
    ]
    return element(
        "svg",
        element("rect", width=_WIDTH, height=_HEIGHT, fill="white"),
        _words(title, _WIDTH / 2, 26),
        *_grid(),
        element("polyline", points=path, fill="none", stroke=_LINE, stroke_width=2.5),
        *marks,
        _words("labelled pictures", (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 16),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        font_family="sans-serif",
        font_size=14,
        role="img",
    )


def _y(ap: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * ap


def _grid() -> list[str]:
    """Return a line for every twenty points of AP, with its figure."""
    lines = []
    for level in range(0, 101, 20):
        y = _y(level / 100)
        lines.append(element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, stroke=_FAINT))
        lines.append(text(str(level), x=_LEFT - 10, y=y + 5, text_anchor="end", fill=_INK))
    return [*lines, _words("mask AP", _LEFT, _TOP - 8)]


def _words(content: str, x: float, y: float) -> str:
    return text(content, x=x, y=y, text_anchor="middle", fill=_INK)
