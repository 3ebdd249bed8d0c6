"""Small vector pictures as text: elements, colour swatches, the bar of a difference.

Colours come from the page's style sheet by class, so that they follow the reader's theme.
"""

from collections.abc import Sequence
from html import escape
from math import copysign, sqrt

from januscl.core import SliceScore
from januscl.line.report.pictures import colour_of
from januscl.line.report.words import signed

_BAR_WIDTH, _BAR_HEIGHT = 300.0, 26.0


def element(name: str, *children: str, **attributes: str | float) -> str:
    """Return an SVG element; attribute values are escaped, children are markup already.

    Underscores in attribute names become hyphens, and a trailing one is dropped (``class_``).
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
    )
    return f"<{name}{written}>{''.join(children)}</{name}>"


def text(content: str, **attributes: str | float) -> str:
    """Return a ``text`` element whose content is escaped."""
    return element("text", escape(content), **attributes)


def tooltip(content: str) -> str:
    """Return the ``title`` of an element: what a pointer over it and a screen reader tell."""
    return element("title", escape(content))


def swatch(kind: int) -> str:
    """Return a small square in the colour of a class id."""
    fill = "#{:02x}{:02x}{:02x}".format(*colour_of(kind))
    square = element("rect", width=12, height=12, rx=3, fill=fill)
    return element("svg", square, class_="swatch", viewBox="0 0 12 12", aria_hidden="true")


def reach_of(scores: Sequence[SliceScore]) -> float:
    """Return the largest distance from 0 that any interval or margin has, to share one axis."""
    return max((max(abs(s.low), abs(s.high), abs(s.delta), s.margin) for s in scores), default=0.0)


def standing(score: SliceScore) -> str:
    """Say where the interval of a difference lies: ``worse``, ``unsure``, ``kept`` or ``better``.

    Against the tolerated margin, and ``better`` only when the interval excludes zero.
    """
    if score.high < -score.margin:
        return "worse"
    if score.low > 0:
        return "better"
    return "kept" if score.low >= -score.margin else "unsure"


def interval_bar(score: SliceScore, reach: float) -> str:
    """Return the difference of AP with its interval, the zero line and the tolerated margin.

    The scale is the square root of the difference to either side of zero: a loss of one point
    stays visible beside a gain of forty.

    Args:
        score: The slice's score.
        reach: AP at either end of the axis; see `reach_of`.
    """
    middle, half = _BAR_WIDTH / 2, _BAR_WIDTH / 2 - 8

    def x(value: float) -> float:
        return middle + half * copysign(sqrt(min(1.0, abs(value) / (reach or 1.0))), value)

    y = _BAR_HEIGHT / 2
    low, high, tolerated = x(score.low), x(score.high), x(-score.margin)
    parts = (
        element("line", class_="axis", x1=8, x2=_BAR_WIDTH - 8, y1=y, y2=y),
        element("line", class_="zero", x1=middle, x2=middle, y1=2, y2=_BAR_HEIGHT - 2),
        element("line", class_="margin", x1=tolerated, x2=tolerated, y1=2, y2=_BAR_HEIGHT - 2),
        element("rect", class_="range", x=low, y=y - 5, width=max(2, high - low), height=10, rx=5),
        element("circle", class_="point", cx=x(score.delta), cy=y, r=4),
    )
    told = f"{signed(score.delta)}, interval {signed(score.low)} to {signed(score.high)}"
    return element(
        "svg",
        tooltip(f"{told}; tolerated: {signed(-score.margin)}"),
        *parts,
        class_=f"interval {standing(score)}",
        viewBox=f"0 0 {_BAR_WIDTH:g} {_BAR_HEIGHT:g}",
        role="img",
    )


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 2):g}"
