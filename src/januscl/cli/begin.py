"""``janus begin``: a site with kinds of its own, from labelled pictures."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from januscl.cli.account import ap_points
from januscl.cli.options import (
    SHIPPED,
    InputOption,
    JsonOption,
    SeedOption,
    TeachOption,
    ThreadsOption,
    check_base,
)
from januscl.cli.output import console, print_json, progress_bars
from januscl.cli.rejected import tell_rejects
from januscl.cli.service import FolderOption
from januscl.core import Executor, Taxonomy

if TYPE_CHECKING:
    from rich.progress import TaskID

    from januscl.line.beginning import Begun
    from januscl.store import Workspace
    from januscl.train import Settings as Training
    from januscl.train import TorchModel


def begin(  # noqa: PLR0913 - a command has as many options as it has
    coco: Annotated[
        Path, typer.Argument(metavar="COCO", help="A COCO file, or a folder that holds one.")
    ],
    workspace: FolderOption = None,
    base: TeachOption = "factory",
    steps: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Training steps of eight pictures; 0 for none."),
    ] = 300,
    held_back: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the pictures that judges.")
    ] = 0.2,
    input_px: InputOption = None,
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
    check_base(base)
    check_history("history", held_back)
    settings = load_settings({"workspace": workspace})
    from januscl.cli.models import model_named
    from januscl.compute.choose import executor_from
    from januscl.train import Settings as Training
    from januscl.train import is_new, limited_threads

    training = None
    if steps:
        training = Training(steps=steps, seed=seed, threads=threads, frozen_norm=not is_new(base))
    with limited_threads(threads), open_workspace(settings) as opened:
        model = model_named(base, _kinds(opened, coco) if is_new(base) else None, seed)
        side = input_px or (None if base in SHIPPED else model.input_px)
        model.network.check_side(side or model.input_px, "--input-px")  # before any is read
        jobs = settings.jobs or opened.folder / "jobs"
        runner = executor_from(settings.executor, jobs, threads=threads)
        begun = _begin(opened, coco, model, side, runner, training, held_back, json)
        facts = _facts(opened, begun)
    tell_rejects(begun.remembered.rejects)
    if json:
        print_json(facts)
        return
    before = f" ({ap_points(facts['ap_before'])} before its training)" if steps else ""
    console.print(
        f"{facts['champion']} is champion. It knows {', '.join(facts['kinds'])}.\n"
        f"{facts['teaching']} pictures teach; {facts['judging']} judge, in slice history: AP "
        f"{ap_points(facts['ap'])}{before}.",
        markup=False,
        highlight=False,
    )


def _kinds(opened: "Workspace", coco: Path) -> Taxonomy:
    """Return the kinds of the workspace, and those of the set beside them, for a new model."""
    from januscl.annotate import read_set
    from januscl.cli.models import joined
    from januscl.line.kinds import kinds_of

    return joined(kinds_of(opened.catalogue), read_set(coco).taxonomy.kinds)


def _begin(
    opened: "Workspace",
    coco: Path,
    base: "TorchModel",
    input_px: int | None,
    executor: Executor,
    training: "Training | None",
    held_back: float,
    quiet: bool,
) -> "Begun":
    """Read the set, fit the model's input to it, and show how far it is kept and learned."""
    from januscl.annotate import read_set
    from januscl.cli.models import fitting_size, joined
    from januscl.line.adapting import sized
    from januscl.line.beginning import begin as begin_site
    from januscl.line.beginning import kinds_to_begin

    kinds = joined(kinds_to_begin(opened, base), read_set(coco).taxonomy.kinds)
    with progress_bars(quiet) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=of)

        found = read_set(coco, kinds, partial(show, "reading pictures"))
        side = input_px or fitting_size(mask for one in found.pictures for mask in one.masks)
        model, now = sized(base, side), datetime.now(UTC)
        return begin_site(opened, found, model, executor, training, now, held_back, show)


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
