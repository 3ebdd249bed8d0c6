"""``janus remember``: a workspace's labelled history, from a COCO set."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from januscl.cli.options import JsonOption
from januscl.cli.output import console, print_json, progress_bars
from januscl.cli.rejected import tell_rejects
from januscl.cli.service import FolderOption

if TYPE_CHECKING:
    from januscl.line.remembering import Remembered
    from januscl.store import Workspace


def remember(
    coco: Annotated[Path, typer.Argument(help="A COCO file, or a folder that holds one.")],
    workspace: FolderOption = None,
    name: Annotated[
        str, typer.Option("--slice", help="What the part that judges is called.")
    ] = "history",
    held_back: Annotated[float, typer.Option(help="Share of the pictures that judges.")] = 0.2,
    json: JsonOption = False,
) -> None:
    """Keep labelled pictures of ordinary work: no later model may forget what they show."""
    from januscl.annotate import find_coco
    from januscl.line.settings import load_settings, open_workspace

    settings = load_settings({"workspace": workspace})
    find_coco(coco)  # a wrong path makes no workspace
    with open_workspace(settings) as opened:
        done = _remember(opened, coco, name, held_back, quiet=json)
    judging = 0 if done.deck is None else len(done.slice.items)
    teaching = 0 if done.deck is None else len(done.deck.items)
    tell_rejects(done.rejects)
    if json:
        print_json(
            {
                "slice": done.slice.name,
                "judging": judging,
                "deck": None if done.deck is None else done.deck.id,
                "teaching": teaching,
                "known": done.known,
                "rejected": [f"{r.thing}: {r.reason}" for r in done.rejects],
            }
        )
        return
    told = f"{judging + teaching} pictures are history now"
    if done.deck is None:
        told = f"Nothing is new; see slice {done.slice.name}"
    else:
        told += f": {judging} judge, in slice {done.slice.name}, and {teaching} are replayed"
    again = f" {len(done.known)} were known before." if done.known else ""
    console.print(f"{told}.{again}", markup=False, highlight=False)


def _remember(
    opened: "Workspace", coco: Path, name: str, held_back: float, *, quiet: bool
) -> "Remembered":
    """Read the set and keep it, and show how far it is."""
    from januscl.annotate import read_set
    from januscl.line.remembering import check_history, known_kinds, remember_set

    check_history(name, held_back)
    with progress_bars(quiet) as bars:
        reading, keeping = (bars.add_task(f"{what} pictures") for what in ("reading", "keeping"))
        found = read_set(
            coco,
            known_kinds(opened),
            lambda done, of: bars.update(reading, completed=done, total=of),
        )
        return remember_set(
            opened,
            found,
            datetime.now(UTC),
            name,
            held_back,
            lambda done, of: bars.update(keeping, completed=done, total=of),
        )
