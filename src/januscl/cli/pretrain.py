"""``janus pretrain``: one model for things of any kind, from many environments."""

import json as text
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from januscl.cli.adapt import read_labelled
from januscl.cli.budget import Budget, BudgetOption
from januscl.cli.options import (
    BaseOption,
    ForceOption,
    SeedOption,
    ThreadsOption,
    check_model_file,
    check_model_out,
    check_out_file,
)
from januscl.cli.output import console, print_json, progress_bars
from januscl.core import Instances, InvalidInput, LabelledFrame, Taxonomy
from januscl.core.files import write_atomically

if TYPE_CHECKING:
    from rich.progress import Progress

    from januscl.train import FitReport, TorchModel

INPUT_PX = 192
"""The side that a pretrained model takes pictures at."""
LEARNING_RATE = 1.5e-3
_JUDGES, _APART = 24, 2**31
_PILES = 4
"""Of so many simulated piles one is of the base kinds in the usual cell, the others are wild."""


def pretrain(  # noqa: PLR0913 - a command has as many options as it has
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DATA...", help="Real COCO sets to learn from too."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Model file to write, its card beside it.")] = Path(
        "universal.safetensors"
    ),
    base: BaseOption = "factory",
    drawn: Annotated[int, typer.Option(min=0, metavar="N", help="Composed pictures.")] = 3000,
    piles: Annotated[int, typer.Option(min=0, metavar="N", help="Simulated piles.")] = 1000,
    size: Annotated[
        int, typer.Option(min=64, max=1024, metavar="PX", help="Side to learn at.")
    ] = 128,
    budget: BudgetOption = "3000steps",  # type: ignore[assignment]  # typer parses it
    seed: SeedOption = 0,
    threads: ThreadsOption = 2,
    force: ForceOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a model for things of any kind. A run that was stopped goes on where it was."""
    sets, card_file = data or [], out.with_suffix(".json")
    _check_sources(sets, drawn + piles)
    check_model_file(base)
    check_model_out(out, force)
    check_out_file(card_file, force)

    from januscl.cli.models import model_named
    from januscl.line.adapting import sized
    from januscl.train import limited_threads

    with limited_threads(threads), progress_bars(json) as bars:
        model = _general(model_named(base), size)
        # First: a picture that is missing is told before scenes are simulated for minutes.
        real = [frame for given in sets for frame in _real(bars, given, model.taxonomy)]
        frames = _simulated(bars, model.taxonomy, drawn, piles, seed, size) + real
        report = _fit(model, frames, budget, seed, threads, out, bars)
        made = sized(report.model, INPUT_PX)
        made.save(out)
        scores = _scores(made, seed)
        out.with_suffix(".checkpoint").unlink(missing_ok=True)
    options = f"--base {Path(base).name} --drawn {drawn} --piles {piles} --size {size} "
    options += f"--budget {len(report.losses)}steps --seed {seed}"
    card = {
        "name": out.stem,
        "made": datetime.now(UTC).date().isoformat(),
        "command": " ".join(["janus pretrain", *(given.name for given in sets), options]),
        "pictures": len(frames),
        **_course(report),
        **scores,
    }
    write_atomically(card_file, (text.dumps(card, indent=2) + "\n").encode())
    if json:
        print_json(card)
    else:
        console.print(f"{len(report.losses)} steps in {report.spent:.0f} s. Wrote {out}.")


def _check_sources(sets: Iterable[Path], simulated: int) -> None:
    """Refuse what cannot be learned from, before anything is read or simulated.

    Args:
        sets: Real COCO sets.
        simulated: Pictures to be composed or simulated.
    """
    from januscl.annotate import find_coco

    found = [find_coco(given) for given in sets]
    if not found and not simulated:
        raise typer.BadParameter("give a COCO set, or more than 0 of --drawn or --piles")


def _course(report: "FitReport") -> dict[str, float]:
    last = report.losses[-50:]
    return {
        "steps": len(report.losses),
        "last_loss": round(sum(last) / len(last), 3),
        "seconds": round(report.spent),
    }


def _scores(model: "TorchModel", seed: int) -> dict[str, float]:
    """Return mask AP on composed pictures and on wild piles that no seed of a run reaches."""
    from januscl.evaluate import average_precision
    from januscl.sim import ODD, make_drawn, make_wild

    known, apart = model.taxonomy, _APART + seed
    judges: dict[str, Iterable[LabelledFrame]] = {
        "composed": make_drawn(_JUDGES, apart, known.named(ODD).id, INPUT_PX),
        "wild": make_wild(_JUDGES, apart, known, INPUT_PX),
    }
    scores = {}
    for name, source in judges.items():
        frames = list(source)
        seen = model.predict([frame.image for frame in frames])
        ap = average_precision([frame.truth for frame in frames], seen).ap
        scores[f"mask_ap_{name}"] = round(ap, 3)
    return scores


def _general(model: "TorchModel", size: int) -> "TorchModel":
    """Return the model with a row for whatever has no kind.

    Raises:
        InvalidInput: It lacks a base kind, of which the piles are that teach and judge, or cannot
            take pictures of this side or of those that it is made for in the end.
    """
    from januscl.line.adapting import sized
    from januscl.sim import BASE_MIX, ODD

    model.network.check_side(size, "--size")
    model.network.check_side(INPUT_PX, "side of --base")
    known = model.taxonomy
    if lacking := [name for name in BASE_MIX if not known.has(name)]:
        raise InvalidInput(
            "--base", "a model of the base kinds", f"one without {', '.join(lacking)}",
            "Start from `factory` or `universal`.",
        )  # fmt: skip
    return sized(model.grown(known if known.has(ODD) else known.with_kind(ODD)), size)


def _simulated(
    bars: "Progress", known: Taxonomy, drawn: int, piles: int, seed: int, size: int
) -> list[LabelledFrame]:
    """Return composed pictures, piles in wild cells, and piles of the base kinds as they are."""
    from januscl.sim import BASE_MIX, ODD, make_drawn, make_labelled, make_wild

    usual = piles // _PILES
    bar, frames = bars.add_task("simulating", total=drawn + piles), []
    sources: tuple[Iterable[LabelledFrame], ...] = (
        make_drawn(drawn, seed, known.named(ODD).id, size),
        make_wild(piles - usual, seed, known, size),
        make_labelled(usual, seed, BASE_MIX, known, size),
    )
    for source in sources:
        for frame in source:
            frames.append(frame)
            bars.advance(bar)
    return frames


def _real(bars: "Progress", path: Path, known: Taxonomy) -> list[LabelledFrame]:
    """Return a set's pictures; a kind keeps its name where the model has it.

    Raises:
        NotFound, InvalidInput: The set, or one of its pictures, cannot be read.
    """
    from januscl.sim import ODD

    found = read_labelled(path)
    bar, frames = bars.add_task(f"reading {path.name}", total=len(found.pictures)), []
    ids = {
        kind.id: known.named(kind.name if known.has(kind.name) else ODD).id
        for kind in found.taxonomy
    }
    for picture in found.pictures:
        truth = Instances.of_masks(picture.masks, [ids[label] for label in picture.labels])
        frames.append(LabelledFrame(picture.id, picture.image(), truth))
        bars.advance(bar)
    return frames


def _fit(
    model: "TorchModel", frames: list[LabelledFrame], budget: Budget, seed: int, threads: int,
    out: Path, bars: "Progress",
) -> "FitReport":  # fmt: skip
    """Train; a stopped run has its checkpoint beside the model's file."""
    from januscl.decks import Augmenter, Recipe
    from januscl.train import Checkpoint, Settings, fit, strategy_named

    settings = Settings(
        steps=budget.steps, seconds=budget.seconds, lr=LEARNING_RATE, warmup=20, seed=seed,
        threads=threads, frozen_norm=False,
    )  # fmt: skip
    bar = bars.add_task("training", total=settings.steps)

    def show(done: int, of: int, loss: float) -> None:
        bars.update(bar, completed=done, total=of, description=f"training, loss {loss:.2f}")

    return fit(
        model, frames, [], strategy_named("naive"), settings, augment=Augmenter(Recipe()),
        checkpoint=Checkpoint(out.with_suffix(".checkpoint")), progress=show,
    )  # fmt: skip
