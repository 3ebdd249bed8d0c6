"""Small vector pictures as text: elements, and the bar of a difference against what is asked.

Colours come from the page's style sheet by class, so that they follow the reader's theme.
"""

from collections.abc import Iterable, Sequence
from html import escape
from math import ceil, floor

from januscl.core import SliceScore
from januscl.line.report.story import Group, Limits, VerdictCard
from januscl.line.report.words import signed

Axis = tuple[float, float]
_BAR_WIDTH, _BAR_HEIGHT, _EDGE = 560.0, 30.0, 14.0
_STEP = 0.1


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


def axis_of(cards: Iterable[VerdictCard]) -> Axis:
    """Return one axis for all cards, differences of AP in whole steps of ten points."""
    values = [0.0]
    for card in cards:
        values += [v for s in card.verdict.slices for v in (s.low, s.high, s.delta)]
        values += [v for one in card.limits for v in (one.measured, one.bound)]
    low = floor(round(min(values) / _STEP, 6)) * _STEP
    high = ceil(round(max(values) / _STEP, 6)) * _STEP
    return low, max(high, low + _STEP)


def standing(score: SliceScore, limits: Limits) -> str:
    """Say how a slice stands: ``refused``, ``unsure``, ``kept`` or ``better``; all but two pass."""
    if score.high < limits.refused:
        return "refused"
    sure = score.low > limits.bound if limits.target else score.low >= limits.bound
    if score.delta < limits.measured or not sure:
        return "unsure"
    return "better" if score.low > 0 else "kept"


def interval_bar(score: SliceScore, limits: Limits, axis: Axis) -> str:
    """Return the change of AP with its interval, and the two limits that decide, to scale.

    Args:
        score: The slice's score.
        limits: What is asked of it: a solid line for the dot, a dashed one for the bar's left end.
        axis: Change of AP at the left and the right end; see `axis_of`.
    """
    y = _BAR_HEIGHT / 2
    low, high = _x(score.low, axis), _x(score.high, axis)
    parts = (
        *_grid(axis),
        _upright("bound", _x(limits.bound, axis)),
        _upright("measured", _x(limits.measured, axis)),
        element("rect", class_="range", x=low, y=y - 5, width=max(2, high - low), height=10, rx=5),
        element("circle", class_="point", cx=_x(score.delta, axis), cy=y, r=4),
    )
    told = (
        f"{signed(score.delta)} points, interval {signed(score.low)} to {signed(score.high)}; "
        f"asked: measured {signed(limits.measured)} or more, interval from {signed(limits.bound)} "
        "on"
    )
    return element(
        "svg",
        tooltip(told),
        *parts,
        class_=f"interval {standing(score, limits)}",
        viewBox=f"0 0 {_BAR_WIDTH:g} {_BAR_HEIGHT:g}",
        role="img",
    )


def change_bar(group: Group, groups: Sequence[Group]) -> str:
    """Return a group's change of AP as a bar from zero, to the scale of the largest of all."""
    changes = [one.after - one.before for one in groups]
    axis = (min(0.0, *changes), max(_STEP, *changes))
    change = group.after - group.before
    left, right = sorted((_x(0.0, axis), _x(change, axis)))
    bar = element("rect", class_="range", x=left, y=9, width=max(1, right - left), height=12, rx=2)
    return element(
        "svg",
        _upright("zero", _x(0.0, axis)),
        bar,
        class_=f"interval {'better' if change > 0 else 'refused'}",
        viewBox=f"0 0 {_BAR_WIDTH:g} {_BAR_HEIGHT:g}",
        aria_hidden="true",
    )


def scale(axis: Axis) -> str:
    """Return the figures of the axis, in points, to stand above the bars."""
    every = 2 if axis[1] - axis[0] > 0.85 else 1
    figures = [
        text(f"{100 * value:+.0f}" if abs(value) > 1e-9 else "0", x=_x(value, axis), y=12)
        for number, value in _ticks(axis)
        if number % every == 0
    ]
    return element(
        "svg", *figures, class_="scale", viewBox=f"0 0 {_BAR_WIDTH:g} 16", aria_hidden="true"
    )


def _ticks(axis: Axis) -> list[tuple[int, float]]:
    """Return the steps of ten points, each with its number counted from zero."""
    first, last = round(axis[0] / _STEP), round(axis[1] / _STEP)
    return [(number, number * _STEP) for number in range(first, last + 1)]


def _grid(axis: Axis) -> list[str]:
    return [_upright("zero" if number == 0 else "grid", _x(v, axis)) for number, v in _ticks(axis)]


def _upright(style: str, x: float) -> str:
    return element("line", class_=style, x1=x, x2=x, y1=1, y2=_BAR_HEIGHT - 1)


def _x(value: float, axis: Axis) -> float:
    share = (value - axis[0]) / (axis[1] - axis[0])
    return _EDGE + min(max(share, 0.0), 1.0) * (_BAR_WIDTH - 2 * _EDGE)


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 2):g}"
