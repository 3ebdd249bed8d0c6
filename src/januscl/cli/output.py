"""How the command prints: tables for people, JSON for programs, one line for an error."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from math import isfinite
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from januscl.core import Cost, NotFound

console = Console()
errors = Console(stderr=True)


class Named(Protocol):
    """Whatever has an id."""

    @property
    def id(self) -> str:
        """Unique among its kind."""


Thing = TypeVar("Thing", bound=Named)


def one_of(things: Sequence[Thing], start: str, group: str) -> Thing:
    """Return the one thing whose id begins with ``start``.

    Args:
        things: Decks, releases and the like.
        start: Of an id.
        group: What the command that lists them is called, such as ``deck``.

    Raises:
        NotFound: No id begins so, or several do.
    """
    found = [thing for thing in things if thing.id.startswith(start)]
    if len(found) != 1:
        raise NotFound(
            f"{len(found)} {group}s begin with {start!r}; `janus {group} list` shows their ids"
        )
    return found[0]


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
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        shown = "none" if value in ([], (), {}) else _cell(value)
        console.print(f"[bold]{name.replace('_', ' '):>{width}}[/]  {shown}", highlight=False)


def print_rows(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    as_json: bool,
    empty: str,
    json_only: Collection[str] = (),
) -> None:
    """Print rows of equal keys as a table, or as a JSON list.

    Args:
        title: The table's heading.
        rows: One mapping a row; the first one's keys are the columns.
        as_json: Print JSON.
        empty: What a person reads when there is no row.
        json_only: Keys that a program needs and a person does not.
    """
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        console.print(empty)
        return
    table = Table(title=escape(title), title_justify="left", header_style="bold", expand=False)
    columns = [name for name in rows[0] if name not in json_only]
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.strftime("%d %b %H:%M")
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Cost):
        return f"{value.expected:.0f} ({value.low:.0f}–{value.high:.0f})"
    if isinstance(value, Mapping):
        return escape(", ".join(f"{key} {item}" for key, item in value.items()))
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
