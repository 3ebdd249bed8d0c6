"""The day in one picture: rates over time, numbered marks above them, lanes of spans below.

Lengths are px of the SVG's own view box. Nothing is written over anything else: pins of nearly the
same moment are stacked, and spans whose bars or words would touch go into rows of their own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, isfinite

from januscl.line.report.story import Mark, Series, Span, Timeline
from januscl.line.report.svg import element, text, tooltip

KINDS = {
    "fault": "fault",
    "novelty": "novelty",
    "release": "release",
    "stop": "stopped or rolled back",
    "world": "change in the world that Janus was not told of",
}
SERIES_COLOURS = 6
_PIN, _ROW, _LANE_GAP, _LETTER = 19.0, 25.0, 10.0, 6.3
_RULE = 0.1
_STEPS = tuple(60 * m for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)) + tuple(
    86400 * d for d in (2, 7, 14, 30, 90, 365)
)


@dataclass(frozen=True)
class _Plot:
    """The rectangle of the curves and its two scales; times in seconds."""

    begin: float
    end: float
    high: float
    left: float
    right: float
    top: float
    bottom: float

    def x(self, at: datetime) -> float:
        share = (at.timestamp() - self.begin) / (self.end - self.begin)
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        share = min(max(value, 0.0), self.high) / self.high
        return self.bottom - share * (self.bottom - self.top)


def kind_class(kind: str) -> str:
    """Return the style class of a mark's or span's kind; an unknown kind looks like the world's."""
    return f"k-{kind if kind in KINDS else 'world'}"


def kinds_of(timeline: Timeline) -> list[str]:
    """Return the kinds that a timeline shows, in the legend's order."""
    shown = [mark.kind for mark in timeline.marks] + [span.kind for span in timeline.spans]
    met = {kind if kind in KINDS else "world" for kind in shown}
    return [kind for kind in KINDS if kind in met]


def numbered(timeline: Timeline) -> list[tuple[int, Mark]]:
    """Return the marks in order of time with the numbers that their pins carry."""
    return list(enumerate(sorted(timeline.marks, key=lambda mark: mark.at), start=1))


def draw_timeline(timeline: Timeline, width: int) -> str:
    """Return the timeline as an SVG element.

    Args:
        timeline: What to draw; at least one time.
        width: Of the view box, px. Under 600 the lanes' names stand above their lanes.
    """
    narrow = width < 600
    names = _lanes(timeline.spans)
    gutter = 42.0 if narrow else max(52.0, min(170.0, max(map(_length, names), default=0) + 18))
    begin, end = _range_of(timeline)
    plot = _Plot(begin, end, _ceiling_of(timeline.series), gutter, width - 12.0, 0.0, 0.0)
    tiers = _tiers(numbered(timeline), plot)
    top = 10 + _PIN * (1 + max(tiers, default=-1))
    plot = replace(plot, top=top, bottom=top + (170 if narrow else 210))
    lanes, height = _draw_lanes(timeline.spans, names, plot, narrow)
    parts = [*_grid(plot, 4 if narrow else 9), *lanes, *_pins(numbered(timeline), plot, tiers)]
    for index, series in enumerate(timeline.series):
        parts += _curve(timeline.times, series, index, plot)
    return element(
        "svg",
        tooltip(f"{timeline.title}: {timeline.value_name} over time"),
        *parts,
        class_="timeline narrow" if narrow else "timeline broad",
        viewBox=f"0 0 {width} {ceil(height)}",
        role="img",
    )


def pack(extents: Sequence[tuple[float, float]], gap: float) -> list[int]:
    """Return a row for each extent ``(from, to)`` so that none touch within a row.

    Extents come in order of their beginning; each takes the first row that is free again.
    """
    ends: list[float] = []
    rows: list[int] = []
    for begin, end in extents:
        row = next((i for i, taken in enumerate(ends) if begin >= taken + gap), len(ends))
        ends[row : row + 1] = [end]
        rows.append(row)
    return rows


def _range_of(timeline: Timeline) -> tuple[float, float]:
    moments = [at.timestamp() for at in timeline.times]
    moments += [mark.at.timestamp() for mark in timeline.marks]
    moments += [at.timestamp() for span in timeline.spans for at in (span.begin, span.end)]
    begin, end = min(moments), max(moments)
    return begin, max(end, begin + 60)


def _ceiling_of(series: Sequence[Series]) -> float:
    """Return the highest value to draw: a multiple of 0.2 over everything that was measured."""
    values = [v for one in series for v in one.values if v is not None and isfinite(v)]
    return min(1.0, max(0.2, ceil(round(max(values, default=0.0) * 5, 6)) / 5))


def _grid(plot: _Plot, ticks: int) -> Iterator[str]:
    for step in range(round(plot.high / _RULE) + 1):
        value = _RULE * step
        y = plot.y(value)
        yield element("line", class_="grid", x1=plot.left, x2=plot.right, y1=y, y2=y)
        yield text(f"{value:.0%}", class_="tick", x=plot.left - 8, y=y + 4, text_anchor="end")
    span = plot.end - plot.begin
    seconds = next((s for s in _STEPS if span / s <= ticks), _STEPS[-1])
    moment = ceil(plot.begin / seconds) * seconds
    while moment <= plot.end:
        at = datetime.fromtimestamp(moment, UTC)
        form = "%d %b" if moment % 86400 == 0 and span > 86400 else "%H:%M"
        x = min(max(plot.x(at), plot.left + 14), plot.right - 14)
        yield text(f"{at:{form}}", class_="tick", x=x, y=plot.bottom + 18, text_anchor="middle")
        moment += seconds


def _curve(times: Sequence[datetime], series: Series, index: int, plot: _Plot) -> Iterator[str]:
    """Draw one series; a value that is missing breaks the line, and a lone one is a dot."""
    style = f"series s{index % SERIES_COLOURS}"
    run: list[str] = []
    for at, value in [*zip(times, series.values, strict=True), (times[-1], None)]:
        if value is not None and isfinite(value):
            run.append(f"{plot.x(at):.1f},{plot.y(value):.1f}")
            continue
        if len(run) > 1:
            yield element("polyline", tooltip(series.name), class_=style, points=" ".join(run))
        elif run:
            x, y = map(float, run[0].split(","))
            yield element("circle", tooltip(series.name), class_=f"{style} dot", cx=x, cy=y, r=3)
        run = []


def _tiers(marks: Sequence[tuple[int, Mark]], plot: _Plot) -> list[int]:
    """Return how high each pin is stacked, 0 for those just above the curves."""
    return pack([(plot.x(mark.at) - _PIN / 2, plot.x(mark.at) + _PIN / 2) for _, mark in marks], 0)


def _pins(marks: Sequence[tuple[int, Mark]], plot: _Plot, tiers: Sequence[int]) -> Iterator[str]:
    """Draw the pins, each over its moment; leaders first, so that they run behind the pins."""
    for leader in (True, False):
        for (number, mark), tier in zip(marks, tiers, strict=True):
            x, y = plot.x(mark.at), plot.top - _PIN * (tier + 0.5) - 2
            style = kind_class(mark.kind)
            if leader:
                route = f"M{x:.1f} {y:.1f} V{plot.bottom:.1f}"
                yield element("path", class_=f"leader {style}", d=route)
                continue
            yield element(
                "g",
                tooltip(f"{number}. {mark.text}"),
                element("circle", cx=x, cy=y, r=8.5),
                text(str(number), x=x, y=y + 3.6, text_anchor="middle"),
                class_=f"pin {style}",
            )


def _lanes(spans: Sequence[Span]) -> list[str]:
    return list(dict.fromkeys(span.lane for span in spans))


def _draw_lanes(
    spans: Sequence[Span], names: Sequence[str], plot: _Plot, narrow: bool
) -> tuple[list[str], float]:
    """Return the lanes' elements and the height at which they end."""
    parts: list[str] = []
    y = plot.bottom + 34
    for name in names:
        parts.append(element("line", class_="rule", x1=0, x2=plot.right, y1=y, y2=y))
        if narrow:
            parts.append(text(_cut(name, plot.right), class_="lane", x=0, y=y + 15))
            y += 14
        else:
            parts.append(text(_cut(name, plot.left - 14), class_="lane", x=0, y=y + 20))
        inside = sorted((s for s in spans if s.lane == name), key=lambda span: span.begin)
        drawn, rows = _draw_spans(inside, plot, y + 4, 0.0 if narrow else plot.left)
        parts += drawn
        y += rows * _ROW + _LANE_GAP
    return parts, y + 2 if names else plot.bottom + 28


def _draw_spans(
    spans: Sequence[Span], plot: _Plot, top: float, left: float
) -> tuple[list[str], int]:
    """Return the bars of one lane, each with its words above it, and the rows they take."""
    extents: list[tuple[float, float]] = []
    for span in spans:
        begin, end = plot.x(span.begin), max(plot.x(span.end), plot.x(span.begin) + 4)
        word = max(left, min(begin, plot.right - _length(span.text)))
        extents.append((min(begin, word), max(end, min(word + _length(span.text), plot.right))))
    order = sorted(range(len(spans)), key=lambda i: extents[i])
    rows = dict(zip(order, pack([extents[i] for i in order], 10), strict=True))
    parts = []
    for index, span in enumerate(spans):
        begin, y = plot.x(span.begin), top + rows[index] * _ROW
        length = max(4.0, plot.x(span.end) - begin)
        parts.append(
            element(
                "g",
                tooltip(f"{span.text}, {span.begin:%H:%M} to {span.end:%H:%M}"),
                text(
                    _cut(span.text, plot.right - left), class_="word", x=extents[index][0], y=y + 11
                ),
                element("rect", x=begin, y=y + 15, width=length, height=6, rx=3),
                class_=f"span {kind_class(span.kind)}",
            )
        )
    return parts, max(rows.values(), default=0) + 1


def _length(words: str) -> float:
    """Estimate the width of words at the style sheet's 12 px, on the wide side."""
    return len(words) * _LETTER


def _cut(words: str, room: float) -> str:
    letters = int(room / _LETTER)
    return words if len(words) <= letters else words[: max(1, letters - 1)].rstrip() + "…"
