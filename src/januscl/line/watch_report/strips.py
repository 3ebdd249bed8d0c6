"""A camera's readings over time as strips that stretch to the width of their place.

Places along a strip are in per cent, and curves are in an SVG of their own that is stretched, so
that one drawing serves every width and no word in it is ever distorted.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from januscl.core import Ticket
from januscl.line.report.svg import element, text, tooltip
from januscl.line.report.words import clock, count
from januscl.line.watch_report.story import Camera, Health, Reading, Track
from januscl.line.watch_report.words import measured, named

_HEIGHT, _STRAIN_HEIGHT, _AXIS_HEIGHT = 40.0, 18.0, 20.0
_ALARM = 5.0
_BRIDGED = 3
"""Columns without a reading over which a curve goes on."""
_SHADES = (0.5, 0.75, 0.9, 1.0)
"""From which strain on a column is darker."""
_TICKS = 8
_STEPS = tuple(
    timedelta(minutes=m) for m in (5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10080)
)


def strain_strip(camera: Camera, health: Health) -> str:
    """Return all causes of a camera in one strip: the darker the worse, darkest at a fault."""
    runs = _shaded(camera.strain)
    parts = [
        element(
            "rect",
            class_=f"strain q{shade}",
            x=_share(begin, health.columns),
            y=0,
            width=_share(end - begin, health.columns),
            height=_STRAIN_HEIGHT,
        )
        for begin, end, shade in runs
    ]
    faulty = f"{camera.faulty} of {count(camera.frames, 'frame')} with a fault"
    told = f"{camera.name}: {faulty}, {count(len(camera.tickets), 'ticket')}"
    spans = [
        _band(ticket, health, _STRAIN_HEIGHT, f"outline{' open' if ticket.closed is None else ''}")
        for ticket in camera.tickets
    ]
    return _svg("strain-strip", _STRAIN_HEIGHT, told, [*parts, *spans])


def track_strip(track: Track, camera: Camera, health: Health) -> str:
    """Return one cause of a camera: its worst and its mean over time, alarms and tickets."""
    name = named(track.cause)
    high = max(1.15 * track.worst, name.scale, 1.5 * (name.least or 0.0))
    parts = [
        _band(ticket, health, _HEIGHT, "own" if ticket.cause == track.cause else "other")
        for ticket in camera.tickets
    ]
    if name.least is not None:
        y = _HEIGHT * (1 - name.least / high)
        parts.append(element("line", class_="least", x1="0%", x2="100%", y1=y, y2=y))
    parts.append(
        element(
            "svg",
            *_curves(track.columns, high),
            class_="curves",
            viewBox=f"0 0 {health.columns} 100",
            preserveAspectRatio="none",
            width="100%",
            height=_HEIGHT,
        )
    )
    parts += _alarms(track.columns, health.columns)
    told = (
        f"{name.name} of {camera.name}: worst {measured(track.worst, name.unit)} at "
        f"{clock(track.worst_at)}, {count(track.alarms, 'frame')} with this fault"
    )
    return _svg("track-strip", _HEIGHT, told, parts)


def time_axis(health: Health) -> str:
    """Return the times under the strips."""
    span = health.end - health.begin
    step = next((s for s in _STEPS if span / s <= _TICKS), span)
    midnight = health.begin.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + -(-(health.begin - midnight) // step) * step
    parts: list[str] = []
    while moment <= health.end:
        share = (moment - health.begin) / span
        anchor = "start" if share < 0.03 else "end" if share > 0.97 else "middle"
        style = "tick" if len(parts) % 2 == 0 else "tick spare"
        form = (
            "%d %b" if moment.hour == moment.minute == 0 and span > timedelta(days=1) else "%H:%M"
        )
        words = f"{moment:{form}}".lstrip("0") if form == "%d %b" else f"{moment:{form}}"
        parts.append(text(words, class_=style, x=f"{100 * share:.2f}%", y=14, text_anchor=anchor))
        moment += step
    return element(
        "svg", *parts, class_="time-axis", width="100%", height=_AXIS_HEIGHT, aria_hidden="true"
    )


def _svg(style: str, height: float, told: str, parts: Sequence[str]) -> str:
    """Return a drawing that is as wide as its place, and what it shows in words."""
    return element(
        "svg", tooltip(told), *parts, class_=style, width="100%", height=height, role="img",
        aria_label=told,
    )  # fmt: skip


def _share(place: float, columns: int) -> str:
    return f"{100 * place / columns:.3f}%"


def _band(ticket: Ticket, health: Health, height: float, style: str) -> str:
    """Return the time of a ticket as a band."""
    begin = _within(ticket.began, health)
    end = 1.0 if ticket.closed is None else _within(ticket.closed, health)
    return element(
        "rect",
        class_=f"ticket {style}",
        x=f"{100 * begin:.3f}%",
        y=0,
        width=f"{100 * max(end - begin, 0.003):.3f}%",
        height=height,
    )


def _within(at: datetime, health: Health) -> float:
    return min(max((at - health.begin) / (health.end - health.begin), 0.0), 1.0)


def _shaded(strain: Sequence[float | None]) -> Iterator[tuple[int, int, int]]:
    """Give runs of columns of one shade, with where they begin and end."""
    shades = [None if v is None else sum(v >= least for least in _SHADES) for v in strain]
    begin = 0
    for end in range(1, len(shades) + 1):
        if end == len(shades) or shades[end] != shades[begin]:
            if shades[begin] is not None:
                yield begin, end, int(shades[begin] or 0)
            begin = end


def _runs(columns: Sequence[Reading | None]) -> Iterator[list[tuple[int, Reading]]]:
    """Give runs of readings that belong together, a gap of a few columns bridged."""
    run: list[tuple[int, Reading]] = []
    for place, reading in enumerate(columns):
        if reading is None:
            continue
        if run and place - run[-1][0] > _BRIDGED:
            yield run
            run = []
        run.append((place, reading))
    if run:
        yield run


def _curves(columns: Sequence[Reading | None], high: float) -> Iterator[str]:
    def y(value: float) -> float:
        return 100 * (1 - min(max(value, 0.0), high) / high)

    for run in _runs(columns):
        # A lone reading has the width of its column.
        ends = [
            (run[0][0], run[0][1]),
            *((p + 0.5, r) for p, r in run),
            (run[-1][0] + 1, run[-1][1]),
        ]
        means = " ".join(f"{x:g},{y(reading.mean):.1f}" for x, reading in ends)
        yield element(
            "polygon", class_="mean", points=f"{ends[0][0]:g},100 {means} {ends[-1][0]:g},100"
        )
        worst = " ".join(f"{x:g},{y(reading.worst):.1f}" for x, reading in ends)
        yield element("polyline", class_="worst", points=worst)


def _alarms(columns: Sequence[Reading | None], count: int) -> Iterator[str]:
    """Draw a mark at the top for each run of columns with an alarm."""
    raised = [reading is not None and reading.alarms > 0 for reading in columns]
    begin: int | None = None
    for place, alarm in enumerate([*raised, False]):
        if alarm and begin is None:
            begin = place
        elif not alarm and begin is not None:
            yield element(
                "rect",
                class_="alarm",
                x=_share(begin, count),
                y=0,
                width=_share(place - begin, count),
                height=_ALARM,
            )
            begin = None
