"""``janus begin``: a site with kinds of its own, from labelled pictures."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from januscl.cli.account import ap_points
from januscl.cli.options import (
    BaseOption,
    JsonOption,
    SeedOption,
    ThreadsOption,
    check_model_file,
)
from januscl.cli.output import console, print_json, progress_bars
from januscl.cli.rejected import tell_rejects
from januscl.cli.service import FolderOption

if TYPE_CHECKING:
    from rich.progress import TaskID

    from januscl.line.beginning import Begun
    from januscl.line.settings import Settings
    from januscl.store import Workspace
    from januscl.train import Settings as Training


def begin(
    coco: Annotated[Path, typer.Argument(help="A COCO file, or a folder that holds one.")],
    workspace: FolderOption = None,
    base: BaseOption = "factory",
    steps: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Training steps of eight pictures; 0 for none."),
    ] = 300,
    held_back: Annotated[float, typer.Option(help="Share of the pictures that judges.")] = 0.2,
    seed: SeedOption = 0,
    threads: ThreadsOption = 2,
    json: JsonOption = False,
) -> None:
    """Begin a site with your own kinds: a first champion, and a history that judges it.

    Run it once, before robots are plugged in. What was stopped goes on where it was.
    """
    from januscl.annotate import find_coco
    from januscl.line.remembering import check_history
    from januscl.line.settings import load_settings, open_workspace

    find_coco(coco)  # a wrong path makes no workspace
    check_model_file(base)
    check_history("history", held_back)
    settings = load_settings({"workspace": workspace})
    from januscl.train import Settings as Training
    from januscl.train import limited_threads

    with limited_threads(threads), open_workspace(settings) as opened:
        training = Training(steps=steps, seed=seed, threads=threads) if steps else None
        begun = _begin(opened, settings, coco, base, threads, training, held_back, json)
        facts = _facts(opened, begun)
    tell_rejects(begun.remembered.rejects)
    if json:
        print_json(facts)
        return
    console.print(
        f"{facts['champion']} is champion. It knows {', '.join(facts['kinds'])}.\n"
        f"{facts['teaching']} pictures teach; {facts['judging']} judge, in slice history: AP "
        f"{ap_points(facts['ap_before'])} before the training, {ap_points(facts['ap'])} after it.",
        markup=False,
        highlight=False,
    )


def _begin(
    opened: "Workspace",
    settings: "Settings",
    coco: Path,
    base: str,
    threads: int,
    training: "Training | None",
    held_back: float,
    quiet: bool,
) -> "Begun":
    """Read the set, and show how far it is kept and learned."""
    from januscl.annotate import read_set
    from januscl.cli.models import joined, model_named
    from januscl.compute.choose import executor_from
    from januscl.line.beginning import begin as begin_site
    from januscl.line.beginning import kinds_to_begin

    model = model_named(base)
    kinds = joined(kinds_to_begin(opened, model), read_set(coco).taxonomy.kinds)
    jobs = settings.jobs or opened.folder / "jobs"
    with progress_bars(quiet) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=of)

        return begin_site(
            opened,
            read_set(coco, kinds, partial(show, "reading pictures")),
            model,
            executor_from(settings.executor, jobs, threads=threads),
            training,
            datetime.now(UTC),
            held_back,
            show,
        )


def _facts(opened: "Workspace", begun: "Begun") -> dict[str, Any]:
    from januscl.line.judging import Judge
    from januscl.line.shelf import Shelf

    judge, part = Judge(opened, Shelf(opened)), begun.remembered.slice
    held = {item.id for deck in opened.catalogue.decks.list() for item in deck.items}
    return {
        "champion": begun.champion.id,
        "kinds": [kind.name for kind in begun.champion.taxonomy],
        "teaching": len(held),
        "judging": len(part.items),
        "ap_before": judge.ap(begun.untaught.id, part),
        "ap": judge.ap(begun.champion.id, part),
        "rejected": [f"{r.thing}: {r.reason}" for r in begun.remembered.rejects],
    }
