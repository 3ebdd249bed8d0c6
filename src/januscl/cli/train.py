"""``janus train``: a model from labelled pictures, or the factory model again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from januscl.cli.options import (
    ForceOption,
    SeedOption,
    TeachOption,
    ThreadsOption,
    check_base,
    check_model_out,
)
from januscl.cli.output import console, print_json, progress_bars
from januscl.cli.rejected import first_reasons, tell_rejects
from januscl.core import InvalidInput, JanusError, LabelledFrame, Taxonomy

if TYPE_CHECKING:
    from januscl.annotate import CocoSet, Reject
    from januscl.train import FitReport, Settings, TorchModel


def _strategy(name: str) -> str:
    """Return the name of a strategy, or say at once that there is none."""
    from januscl.train import strategy_named

    try:
        strategy_named(name)
    except JanusError as error:
        raise typer.BadParameter(str(error)) from error
    return name


def train(  # noqa: PLR0913 - a command has as many options as it has
    data: Annotated[
        Path | None,
        typer.Argument(metavar="DATA", help="A COCO file, or a folder that holds one."),
    ] = None,
    base: TeachOption = "factory",
    out: Annotated[Path, typer.Option(help="Where to write the model.")] = Path(
        "model.safetensors"
    ),
    history: Annotated[
        Path | None, typer.Option(help="A COCO set that must not be forgotten.")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, metavar="N", help="Training steps of eight pictures.")
    ] = 200,
    strategy: Annotated[
        str | None,
        typer.Option(
            parser=_strategy,
            metavar="NAME",
            help="Against forgetting: naive, joint, replay, or several joined by +; by default "
            "replay+interpolate, and joint for a new model.",
        ),
    ] = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = 2,
    factory: Annotated[
        bool, typer.Option("--factory", help="Make the shipped model again, from simulated piles.")
    ] = False,
    force: ForceOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a model on labelled pictures. A run that was stopped goes on where it was."""
    if (data is None) is not factory:
        raise typer.BadParameter("give either a COCO set or --factory", param_hint="DATA")
    if data is None:
        from januscl.cli.factory import make_factory

        make_factory(threads, json)
        return
    _check(data, history, base, out, force)

    from januscl.cli.models import model_named
    from januscl.train import Settings, is_new, limited_threads

    new_one = is_new(base)
    # There is nothing in a new model to go back to, and its norms are still to be learned.
    strategy = strategy or ("joint" if new_one else "replay+interpolate")
    with limited_threads(threads):
        kinds = _kinds(data, history, Taxonomy()) if new_one else Taxonomy()
        model = model_named(base, kinds, seed)
        known, new, old, rejects = _read(data, history, model.taxonomy)
        tell_rejects(rejects)
        settings = Settings(steps=steps, seed=seed, threads=threads, frozen_norm=not new_one)
        report = _fit(model.grown(known), new, old, strategy, settings, out, json)
    if json:
        print_json(_facts(new, rejects, report, out))
    else:
        console.print(
            f"Trained on {len(new)} pictures in {report.seconds:.0f} s, loss "
            f"{report.losses[0]:.2f} to {report.losses[-1]:.2f}. Wrote {out}.",
            markup=False,
        )


def _check(data: Path, history: Path | None, base: str, out: Path, force: bool) -> None:
    """Refuse wrong paths before anything slow begins."""
    from januscl.annotate import find_coco

    for given in (data, history):
        if given is not None:
            find_coco(given)
    check_base(base)
    check_model_out(out, force)


def _kinds(data: Path, history: Path | None, known: Taxonomy) -> Taxonomy:
    """Return the kinds that are known, and those of both sets beside them."""
    from januscl.annotate import read_set
    from januscl.cli.models import joined

    for path in (data, history):
        if path is not None:
            known = joined(known, read_set(path).taxonomy.kinds)
    return known


def _read(
    data: Path, history: Path | None, known: Taxonomy
) -> tuple[Taxonomy, "CocoSet", list[LabelledFrame], list["Reject"]]:
    """Return the kinds of the model and both sets, the new set, history, and what was left out."""
    from januscl.annotate import read_set
    from januscl.cli.models import frames_of

    given = [path for path in (data, history) if path is not None]
    known = _kinds(data, history, known)
    sets = [read_set(path, known) for path in given]
    for path, part in zip(given, sets, strict=True):
        if not part.pictures:
            raise InvalidInput(
                str(path), "at least one picture", f"none ({len(part.rejects)} rejected)",
                first_reasons(part.rejects) or "Add pictures.",
            )  # fmt: skip
    if not any(picture.labels for picture in sets[0].pictures):
        raise InvalidInput(
            str(data), "at least one picture with a label", "none",
            first_reasons(sets[0].rejects) or "Label some of its pictures.",
        )  # fmt: skip
    rejects = [reject for part in sets for reject in part.rejects]
    new, *old = sets
    return known, new, [frame for part in old for frame in frames_of(part)], rejects


def _fit(
    model: "TorchModel",
    new: "CocoSet",
    old: list[LabelledFrame],
    strategy: str,
    settings: "Settings",
    out: Path,
    quiet: bool,
) -> "FitReport":
    """Train, show how it goes, and write the model; a stopped run has its checkpoint beside it."""
    from januscl.cli.models import frames_of
    from januscl.decks import Augmenter, Recipe
    from januscl.train import Checkpoint, fit, strategy_named

    checkpoint = out.with_suffix(".checkpoint")
    with progress_bars(quiet) as bars:
        bar = bars.add_task("training", total=settings.steps)
        report = fit(
            model,
            frames_of(new),
            old,
            strategy_named(strategy),
            settings,
            augment=Augmenter(Recipe()),
            checkpoint=Checkpoint(checkpoint),
            progress=lambda done, of, loss: bars.update(
                bar, completed=done, description=f"training, loss {loss:.2f}"
            ),
        )
    report.model.save(out)
    checkpoint.unlink(missing_ok=True)
    return report


def _facts(
    new: "CocoSet", rejects: Sequence["Reject"], report: "FitReport", out: Path
) -> dict[str, Any]:
    return {
        "model": str(out),
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "pictures": len(new),
        "rejected": [f"{r.thing}: {r.reason}" for r in rejects],
        "steps": len(report.losses),
        "seconds": round(report.seconds, 1),
        "last_loss": round(report.losses[-1], 4),
    }
