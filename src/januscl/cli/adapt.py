"""``janus adapt``: a new robot's model from a handful of labelled pictures."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from januscl.cli.budget import BudgetOption
from januscl.cli.options import (
    SHIPPED,
    ForceOption,
    InputOption,
    SeedOption,
    ThreadsOption,
    check_base,
    check_model_out,
    check_out_file,
)
from januscl.cli.output import console, print_json, progress_bars
from januscl.cli.rejected import first_reasons, tell_rejects
from januscl.core import InvalidInput
from januscl.core.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from januscl.annotate import CocoSet
    from januscl.line.adapting import CurvePoint
    from januscl.train import TorchModel


def adapt(  # noqa: PLR0913 - a command has as many options as it has
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="`universal`, `factory`, a model file, the name of a new model, or `hf:` and a "
            "name or folder of transformers.",
        ),
    ],
    labels: Annotated[Path, typer.Option(help="COCO set of the robot's labelled pictures.")],
    budget: BudgetOption = "150steps",  # type: ignore[assignment]  # typer parses it
    out: Annotated[Path, typer.Option(help="Model file to write.")] = Path("adapted.safetensors"),
    curve: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.svg",
            help="Draw what more labels are worth: up to three more runs of this budget.",
        ),
    ] = None,
    input_px: InputOption = None,
    seed: SeedOption = 0,
    threads: ThreadsOption = 2,
    force: ForceOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a new robot's model from a few labelled pictures; it names that robot's kinds alone."""
    _check(model, out, curve, force)
    found = read_labelled(labels)

    from januscl.cli.models import frames_of
    from januscl.line.adapting import adapt as adapted
    from januscl.line.adapting import adapting, divided, label_curve
    from januscl.line.curve_picture import curve_picture
    from januscl.train import limited_threads

    frames = frames_of(found)
    judges = len(divided(frames, seed)[0]) if curve else 0  # refused before a model is fetched
    start = _start(model, input_px, found, seed)
    settings = adapting(budget.steps, budget.seconds, seed, threads)
    kept, points = out.with_suffix(".checkpoint"), []
    with limited_threads(threads), progress_bars(json) as bars:
        report = adapted(start, found.taxonomy, frames, settings, kept, _shown(bars, "training"))
        report.model.save(out)
        kept.unlink(missing_ok=True)
        if curve is not None:
            show = _shown(bars, "curve")
            points = label_curve(start, found.taxonomy, frames, settings, show)
            title = f"{Path(model).name} on {labels.name}, {budget} each"
            write_atomically(curve, curve_picture(points, title, _note(judges)).encode())
    if json:
        facts = {
            "model": str(out), "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
            "pictures": len(frames), "input_px": start.input_px, "steps": len(report.losses),
            "seconds": round(report.spent, 1), "last_loss": round(report.losses[-1], 4),
            "curve": [asdict(point) for point in points],
        }  # fmt: skip
        print_json(facts)
        return
    course = f"{len(report.losses)} steps at {start.input_px} px, {report.spent:.0f} s"
    said = [f"Adapted to {len(frames)} pictures in {course}."]
    if curve is not None:
        said += [f"What labels are worth. {_note(judges)}", *map(_worth, points)]
    said.append(f"Wrote {out}{f' and {curve}' if curve else ''}.")
    console.print("\n".join(said), markup=False, highlight=False)


def _start(model: str, input_px: int | None, found: "CocoSet", seed: int) -> "TorchModel":
    """Return the model that is named, fitted to the set's objects unless it is somebody's own."""
    from januscl.cli.models import fitting_size, model_named
    from januscl.line.adapting import sized

    start = model_named(model, found.taxonomy, seed)
    if input_px is None and model not in SHIPPED:
        return start
    masks = (mask for picture in found.pictures for mask in picture.masks)
    return sized(start, input_px or fitting_size(masks))


def _worth(point: "CurvePoint") -> str:
    ap, low, high = (f"{100 * value:.1f}" for value in (point.ap, point.low, point.high))
    return f"{point.pictures:5} pictures: mask AP {ap} ({low} to {high})"


def _note(judges: int) -> str:
    """Return how a curve is to be read."""
    pictures = f"{judges} picture{'' if judges == 1 else 's'} kept apart from these runs"
    return f"Judged by {pictures}, with 90% intervals over them."


def _check(model: str, out: Path, curve: Path | None, force: bool) -> None:
    """Refuse wrong paths before anything slow begins."""
    check_base(model)
    check_model_out(out, force)
    if curve is None:
        return
    check_out_file(curve, force, "--curve")
    if curve.resolve() == out.resolve():
        raise InvalidInput(
            "--curve", "another file than the model's", str(curve), "Call it curve.svg, for one."
        )


def read_labelled(path: Path) -> "CocoSet":
    """Return a COCO set with at least one label, and tell what was left out of it.

    Raises:
        InvalidInput: It has no label, or is no COCO set.
        NotFound: It is not there.
    """
    from januscl.annotate import read_set

    found = read_set(path)
    if not any(picture.labels for picture in found.pictures):
        raise InvalidInput(
            str(path), "at least one picture with a label", "none",
            first_reasons(found.rejects) or "Label some of its pictures.",
        )  # fmt: skip
    tell_rejects(found.rejects)
    return found


def _shown(bars: "Progress", what: str) -> "Callable[[int, int, float], None]":
    """Return what shows one run after another on a bar."""
    bar = bars.add_task(what, total=None)

    def show(done: int, of: int, loss: float) -> None:
        bars.update(bar, completed=done, total=of, description=f"{what}, loss {loss:.2f}")

    return show
