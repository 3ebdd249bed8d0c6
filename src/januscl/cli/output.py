"""How the command prints: tables for people, JSON for programs, one line for an error."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Protocol, TypeVar

from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from januscl.core import Cost, NotFound

_UNBOUNDED = 100_000


class Output(Console):
    """Breaks and cuts lines for a terminal alone: a file and a program get them whole."""

    @property
    def size(self) -> ConsoleDimensions:
        """Columns and lines of the terminal; so many that nothing is broken where there is none."""
        found = super().size
        bounded = self.is_terminal or self._width is not None
        return found if bounded else ConsoleDimensions(_UNBOUNDED, found.height)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size


console = Output()
errors = Output(stderr=True)

_SHORT_ID, _WHOLE_ID = 13, 14
_LEAST_BROKEN = 12
_NARROWEST = 10
"""Of what is broken where there is no room: a date stays whole."""
_IDS = frozenset({"id", "deck", "observation", "subject", "parent", "champion", "model"})
"""Columns of ids, of which a person needs only as much as tells them apart."""


class Named(Protocol):
    """Whatever has an id."""

    @property
    def id(self) -> str:
        """Unique among its kind."""


Thing = TypeVar("Thing", bound=Named)


def one_of(things: Sequence[Thing], start: str, what: str, group: str | None = None) -> Thing:
    """Return the one thing that has this id, or whose id alone begins so.

    Args:
        things: Decks, releases and the like.
        start: Of an id.
        what: What each is, such as ``deck``.
        group: What the command that lists them is called; like the thing when omitted.

    Raises:
        NotFound: No id begins so, or several do.
    """
    for thing in things:
        if thing.id == start:
            return thing
    found = [thing for thing in things if thing.id.startswith(start)]
    if not found:
        raise NotFound(
            f"no {what} begins with {start!r}; `janus {group or what} list` shows their ids"
        )
    if len(found) > 1:
        ids = ", ".join(short_ids([thing.id for thing in found])[:3])
        raise NotFound(f"{len(found)} {what}s begin with {start!r}, such as {ids}; type more of it")
    return found[0]


def short_ids(ids: Sequence[str]) -> list[str]:
    """Return the starts of long ids, of 13 characters or as many more as tell them apart."""
    length = _SHORT_ID
    while length < max(map(len, ids), default=0) and len({id[:length] for id in ids}) < len(
        set(ids)
    ):
        length += 1
    return [id if len(id) <= _WHOLE_ID else id[:length] for id in ids]


def as_plain(value: Any) -> Any:
    """Return a value as JSON has it: dataclasses as objects, times as ISO 8601, NaN as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return as_plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        return None
    return value


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output, and nothing else."""
    print(json.dumps(as_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values for a person, one line each."""
    # In columns, so that a long value goes on below its beginning.
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        shown = "none" if value in ([], (), {}) else _cell(value)
        grid.add_row(name.replace("_", " "), shown)
    console.print(grid, highlight=False)


def print_rows(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    as_json: bool,
    empty: str,
    json_only: Collection[str] = (),
    sentences: Collection[str] = (),
) -> None:
    """Print rows of equal keys as a table, or as a JSON list.

    Ids, times, numbers and words stand on one line; only names and lists are broken. Where the
    terminal is too narrow for that, all is broken but the ids, which people copy. A table shows the
    start of an id and the time to the minute; JSON has both whole. Where there is no terminal,
    nothing is broken.

    Args:
        title: The table's heading.
        rows: One mapping a row; the first one's keys are the columns.
        as_json: Print JSON.
        empty: What a person reads when there is no row.
        json_only: Keys that a program needs and a person does not.
        sentences: Keys of sentences, which go below their row where there is no room beside it.
    """
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        console.print(empty)
        return
    columns = {name: [row[name] for row in rows] for name in rows[0] if name not in json_only}
    cells = {name: _column(name, values) for name, values in columns.items()}
    widths = {name: _width(name, columns[name], cells[name]) for name in columns}
    below = _below(widths, sentences)
    beside = {name: values for name, values in columns.items() if name not in below}
    fitted = _fitted(beside, widths)
    whole = list(zip(*(cells[name] for name in beside), strict=True))
    # With something below each row, each row is a table of its own, as wide as the others.
    parts = [[row] for row in whole] if below else [whole]
    for number, part in enumerate(parts):
        heading = escape(title) if number == 0 else None
        console.print(_table(heading, beside, fitted, part), crop=False)
        for name in below:
            told = f"[dim]{name.replace('_', ' ')}: {cells[name][number]}[/]"
            console.print(Padding(Text.from_markup(told), (0, 0, 0, 4)))


def _below(widths: Mapping[str, int], sentences: Collection[str]) -> list[str]:
    """Return the sentences that do not fit beside the rest, the longest first to go."""
    beside, below = dict(widths), set[str]()
    for name in sorted(sentences, key=lambda name: -widths[name]):
        if sum(beside.values()) + 2 * len(beside) - 2 > console.width:
            below.add(name)
            del beside[name]
    return [name for name in widths if name in below]


def _fitted(columns: Mapping[str, Sequence[Any]], widths: Mapping[str, int]) -> dict[str, int]:
    """Return how wide each column is, so that all fit: names and lists give way first."""
    wide = {name: widths[name] for name in columns}
    room = console.width - 2 * len(wide) + 2
    free = [name for name in wide if name not in _IDS]
    broken = [name for name in free if _may_break(columns[name])]
    for names, least in ((broken, _LEAST_BROKEN), (free, _NARROWEST)):
        while sum(wide.values()) > room and any(wide[name] > least for name in names):
            wide[max(names, key=lambda name: wide[name])] -= 1
    return wide


def _table(
    title: str | None,
    columns: Mapping[str, Sequence[Any]],
    widths: Mapping[str, int],
    rows: Sequence[Sequence[str]],
) -> Table:
    """Return the table of some rows; the columns are named where it has a title."""
    table = Table(
        title=title, title_justify="left", show_header=title is not None, header_style="bold",
        box=None, padding=(0, 2, 0, 0), pad_edge=False,
    )  # fmt: skip
    # Where even that is too wide, the terminal breaks lines, and the ids are still whole.
    table.width = sum(widths.values()) + 2 * len(widths) - 2
    for name, values in columns.items():
        header = _header(name, values)
        table.add_column(header, overflow="fold", no_wrap=name in _IDS, width=widths[name])
    for row in rows:
        table.add_row(*row)
    return table


def _header(name: str, values: Sequence[Any]) -> str:
    dated = any(isinstance(value, datetime) for value in values)
    return f"{name.replace('_', ' ')} (UTC)" if dated else name.replace("_", " ")


def _column(name: str, values: Sequence[Any]) -> list[str]:
    if name in _IDS:
        given = [str(value) for value in values if value is not None]
        short = dict(zip(given, short_ids(given), strict=True))
        values = [None if value is None else short[str(value)] for value in values]
    return [_cell(value) for value in values]


def _width(name: str, values: Sequence[Any], cells: Sequence[str]) -> int:
    """Return the least width at which no cell is broken, and the header between words only."""
    words = _header(name, values).split()
    return max(*map(cell_len, words), *(Text.from_markup(cell).cell_len for cell in cells))


def _may_break(values: Sequence[Any]) -> bool:
    return any(isinstance(value, list | tuple | Mapping) for value in values) or any(
        isinstance(value, str) and len(value) > _SHORT_ID for value in values
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Cost):
        return f"{value.expected:.0f} ({value.low:.0f}–{value.high:.0f})"
    if isinstance(value, Mapping):
        # Each part is escaped already.
        return ", ".join(f"{escape(str(key))} {_cell(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return escape(", ".join(str(item) for item in value))
    return escape(str(value))


def progress_bars(quiet: bool) -> Progress:
    """Return the bars that show anything that takes over two seconds; on standard error."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", style="bold", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=quiet,
        transient=False,
    )
