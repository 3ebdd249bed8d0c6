"""A day as a script: which cells there are, what arrives where and when, what breaks."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from januscl.core import Cell, InvalidInput, NotFound
from januscl.sim.faults import check_fault
from januscl.sim.kinds import check_mix


@dataclass(frozen=True)
class Arrival:
    """A kind that comes to some lines.

    Attributes:
        kind: Its name.
        share: Of the packages on those lines, 0..1.
        lines: Where.
        begins: First tick.
        ends: First tick without it; None when it stays.
    """

    kind: str
    share: float
    lines: tuple[str, ...]
    begins: int
    ends: int | None = None


@dataclass(frozen=True)
class ScriptedFault:
    """A fault that a camera gets and keeps until technicians mend it.

    Attributes:
        robot: Whose camera.
        fault: One of `januscl.sim.FAULTS`.
        severity: 0..1.
        at: Tick.
        repair: Ticks that technicians need once they were called.
    """

    robot: str
    fault: str
    severity: float
    at: int
    repair: int


@dataclass(frozen=True)
class Day:
    """The script of a day; see ``days/demo.yaml`` for its file.

    Attributes:
        site: Name of the site.
        start: Of tick 0, UTC.
        ticks: How many ticks the day has; in each, every robot looks and tries once.
        seconds_per_tick: Of simulated time.
        cells: The robots; at most one is the station.
        mix: Kind to weight, in ordinary work.
        arrivals, faults: What happens.
    """

    site: str
    start: datetime
    ticks: int
    seconds_per_tick: float
    cells: tuple[Cell, ...]
    mix: Mapping[str, float]
    arrivals: tuple[Arrival, ...] = ()
    faults: tuple[ScriptedFault, ...] = ()

    def mix_at(self, line: str, tick: int) -> dict[str, float]:
        """Return the shares of the kinds on a line at a tick; they sum to 1."""
        here = [
            a for a in self.arrivals
            if line in a.lines and a.begins <= tick and (a.ends is None or tick < a.ends)
        ]  # fmt: skip
        rest = max(0.0, 1.0 - sum(a.share for a in here))
        total = sum(self.mix.values())
        shares = {kind: rest * weight / total for kind, weight in self.mix.items()}
        for arrival in here:
            shares[arrival.kind] = shares.get(arrival.kind, 0.0) + arrival.share
        return shares


def read_day(path: Path) -> Day:
    """Read a day from a YAML file.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no YAML, or something in it is missing, unknown or out of range.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"day {path} does not exist; check the path") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(str(path), "UTF-8 text", str(error), "Save it as UTF-8.") from error
    return day_from_text(text, str(path))


def demo_day() -> Day:
    """Return the day of the demo: four robots on two lines, a station, two faults, two kinds."""
    name = "days/demo.yaml"
    return day_from_text(files("januscl.sim").joinpath(name).read_text(encoding="utf-8"), name)


def day_from_text(text: str, thing: str = "day") -> Day:
    """Return the day that a YAML text describes.

    Raises:
        InvalidInput: See `read_day`; ``thing`` names the text in the error.
    """
    top = _Fields(_parsed(text, thing), thing)
    lines = top.texts("lines")
    site = top.text("site")
    ticks = top.whole("ticks", 1)
    seconds = top.number("seconds_per_tick", 1.0, 86400.0)
    mix = top.take("mix")
    if not isinstance(mix, Mapping):
        raise top.wrong("mix", "kind names with weights", mix)
    for weight in mix.values():
        if not _is_number(weight, 0, 1e9):
            raise top.wrong("mix", "weights in 0..1e9", weight)
    check_mix({str(kind): float(weight) for kind, weight in mix.items()}, f"{thing}: mix")
    cells = tuple(_cell(row, lines, site) for row in top.rows("cells"))
    _check_cells(cells, thing)
    robots = tuple(cell.robot for cell in cells)
    day = Day(
        site,
        _start(top, ticks, seconds),
        ticks,
        seconds,
        cells,
        {str(kind): float(weight) for kind, weight in mix.items()},
        tuple(_arrival(row, lines) for row in top.rows("arrivals", optional=True)),
        tuple(_fault(row, robots) for row in top.rows("faults", optional=True)),
    )
    top.done()
    _check_shares(day, thing)
    return day


class _Loader(yaml.SafeLoader):
    """A safe loader that takes no field twice, where YAML's own keeps the last one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for name, times in Counter(names).items():
            if times > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the field {name!r} twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _parsed(text: str, thing: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    # Beside its own errors the parser raises what a month of 13 or a thousand brackets cause.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(thing, "YAML", " ".join(str(error).split()), "Correct it.") from error


def _check_shares(day: Day, thing: str) -> None:
    """Raise `InvalidInput` where more than all packages of a line are said to be new kinds."""
    for line in {cell.line for cell in day.cells}:
        for arrival in day.arrivals:
            total = sum(day.mix_at(line, arrival.begins).values())
            if total > 1 + 1e-9:
                raise InvalidInput(
                    f"{thing}: arrivals",
                    f"shares on {line} that sum to at most 1 at any tick",
                    f"{total:g} at tick {arrival.begins}",
                    "Lower a share, or end one arrival before the next.",
                )


def _start(top: "_Fields", ticks: int, seconds_per_tick: float) -> datetime:
    start = top.take("start")
    if not isinstance(start, datetime) or start.tzinfo is None:
        raise top.wrong("start", "a UTC time such as 2026-11-02T06:00:00Z", start)
    try:
        start = start.astimezone(UTC)
        start + timedelta(seconds=ticks * seconds_per_tick)
    except OverflowError as error:
        raise top.wrong("start", "a day that lies within the years 1 to 9999", start) from error
    return start


def _cell(row: "_Fields", lines: tuple[str, ...], site: str) -> Cell:
    station = row.take("station", default=False)
    if not isinstance(station, bool):
        raise row.wrong("station", "true or false", station)
    robot = row.text("robot")
    cell = Cell(robot, row.text("camera"), row.among("line", lines), site, station)
    row.done()
    return cell


def _check_cells(cells: tuple[Cell, ...], thing: str) -> None:
    for name, values in (
        ("robots", [c.robot for c in cells]), ("cameras", [c.camera for c in cells])
    ):  # fmt: skip
        if not values or len(set(values)) < len(values):
            raise InvalidInput(
                f"{thing}: cells", f"unique {name}, at least one", f"{values}", "Rename one."
            )
    if sum(cell.station for cell in cells) > 1:
        raise InvalidInput(
            f"{thing}: cells", "at most one station", "several", "Keep `station: true` on one."
        )


def _arrival(row: "_Fields", lines: tuple[str, ...]) -> Arrival:
    kind = row.text("kind")
    check_mix({kind: 1.0}, row.thing)
    begins = row.whole("from", 0)
    ends = row.take("until", default=None)
    if ends is not None and (type(ends) is not int or ends <= begins):
        raise row.wrong("until", f"a tick after {begins}", ends)
    where = row.texts("lines")
    if unknown := sorted(set(where) - set(lines)):
        raise row.wrong("lines", f"lines among {list(lines)}", unknown)
    arrival = Arrival(kind, row.number("share", 0.0, 1.0), where, begins, ends)
    row.done()
    return arrival


def _fault(row: "_Fields", robots: tuple[str, ...]) -> ScriptedFault:
    name, severity = row.text("fault"), row.number("severity", 0.0, 1.0)
    check_fault(name, severity, row.thing)
    robot = row.among("robot", robots)
    fault = ScriptedFault(robot, name, severity, row.whole("at", 0), row.whole("repair", 0))
    row.done()
    return fault


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and bool(value)


def _is_number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most


_REQUIRED: Any = object()


class _Fields:
    """One mapping of the file, taken apart field by field; what is left over is an error."""

    def __init__(self, value: Any, thing: str) -> None:
        if not isinstance(value, Mapping):
            raise InvalidInput(
                thing, "fields with values", repr(value)[:80], "Write `name: value` lines."
            )
        self._left = dict(value)
        self.thing = thing

    def wrong(self, field: str, expected: str, found: object) -> InvalidInput:
        return InvalidInput(
            f"{self.thing}: {field}", expected, repr(found)[:80], "Correct the file."
        )

    def take(self, field: str, default: Any = _REQUIRED) -> Any:
        if field not in self._left and default is _REQUIRED:
            raise InvalidInput(f"{self.thing}: {field}", "a value", "none", "Add it to the file.")
        return self._left.pop(field, default)

    def _checked(self, field: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        value = self.take(field)
        if not fits(value):
            raise self.wrong(field, expected, value)
        return value

    def text(self, field: str) -> str:
        return str(self._checked(field, "a text in one line", _is_text))

    def among(self, field: str, known: tuple[str, ...]) -> str:
        return str(self._checked(field, f"one of {list(known)}", lambda v: v in known))

    def texts(self, field: str) -> tuple[str, ...]:
        def fits(value: Any) -> bool:
            return isinstance(value, list) and all(map(_is_text, value))

        return tuple(self._checked(field, "a list of texts", fits))

    def whole(self, field: str, least: int) -> int:
        def fits(value: Any) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and value >= least

        return int(self._checked(field, f"a whole number of {least} or more", fits))

    def number(self, field: str, least: float, most: float) -> float:
        expected = f"a number in {least:g}..{most:g}"
        return float(self._checked(field, expected, lambda v: _is_number(v, least, most)))

    def rows(self, field: str, optional: bool = False) -> list["_Fields"]:
        value = self.take(field, default=[]) if optional else self.take(field)
        if not isinstance(value, list):
            raise self.wrong(field, "a list", value)
        return [_Fields(row, f"{self.thing}: {field}[{k}]") for k, row in enumerate(value)]

    def done(self) -> None:
        if self._left:
            raise self.wrong(", ".join(map(str, self._left)), "no such field", "it in the file")
