"""``janus evaluate``: a model's AP on labelled pictures, alone or against another model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from januscl.cli.options import (
    DEFAULT_WORKSPACE,
    ForceOption,
    PageOption,
    ThreadsOption,
    WorkspaceOption,
    check_page,
    model_file,
)
from januscl.cli.output import console, print_json, print_rows
from januscl.cli.rejected import first_reasons, tell_rejects
from januscl.core import Answer, Instances, InvalidInput, Verdict

if TYPE_CHECKING:
    from januscl.annotate import Reject
    from januscl.core import LabelledFrame, Taxonomy
    from januscl.evaluate import SliceRow


@dataclass(frozen=True, eq=False)
class _Scored:
    """What a model came to on a set, and against another where one is named."""

    name: str
    taxonomy: "Taxonomy"
    frames: "Sequence[LabelledFrame]"
    rejects: "tuple[Reject, ...]"
    table: "tuple[SliceRow, ...]"
    seen: Sequence[Instances]
    before: Sequence[Instances] = ()
    verdict: Verdict | None = None


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model file, `factory`, `universal`, or the id of a workspace's model.",
        ),
    ],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A COCO file, or a folder that holds one.")
    ],
    against: Annotated[
        str | None, typer.Option(help="The champion to compare with; the gate answers.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    page: PageOption = None,
    force: ForceOption = False,
    threads: ThreadsOption = 2,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a model. With --against, exits with 3 when it is worse and 4 when one cannot tell."""
    from januscl.annotate import find_coco

    find_coco(data)
    if page is not None:
        check_page(page, force)
        if against is None:
            raise InvalidInput(
                "--page", "a champion to compare with", "none", "Name one with --against."
            )
    challenger = model_file(model, workspace)
    champion = None if against is None else model_file(against, workspace)

    from januscl.train import limited_threads

    with limited_threads(threads):
        scored = _score(challenger, data, champion)
        if page is not None and scored.verdict is not None:
            _write_page(page, scored, scored.verdict, model, str(against))
    tell_rejects(scored.rejects)
    if json:
        rejected = [f"{reject.thing}: {reject.reason}" for reject in scored.rejects]
        print_json({"table": scored.table, "verdict": scored.verdict, "rejected": rejected})
    else:
        _tell(f"{model} on {scored.name}", scored.table, scored.verdict)
    if scored.verdict is not None and scored.verdict.answer is not Answer.PASS:
        raise typer.Exit(3 if scored.verdict.answer is Answer.FAIL else 4)


def _score(model: str, data: Path, against: str | None) -> _Scored:
    from januscl.annotate import read_set
    from januscl.cli.models import frames_of, joined, model_named
    from januscl.evaluate import SliceData, gate, match, slice_table

    first = model_named(model)
    coco = read_set(data, joined(first.taxonomy, read_set(data).taxonomy.kinds))
    if not coco.pictures:
        raise InvalidInput(
            str(data), "at least one picture", f"none ({len(coco.rejects)} rejected)",
            first_reasons(coco.rejects) or "Add pictures.",
        )  # fmt: skip
    frames = frames_of(coco)
    truths = [frame.truth for frame in frames]
    images = [frame.image for frame in frames]
    seen = first.predict(images)
    name = data.resolve().name
    table = slice_table({name: truths}, {name: seen}, coco.taxonomy)
    if against is None:
        return _Scored(name, coco.taxonomy, frames, coco.rejects, table, seen)
    before = model_named(against).predict(images)
    verdict = gate({name: SliceData(match(truths, before), match(truths, seen))}, target=None)
    return _Scored(name, coco.taxonomy, frames, coco.rejects, table, seen, before, verdict)


def _write_page(page: Path, scored: _Scored, verdict: Verdict, model: str, against: str) -> None:
    from januscl.line.report import Judged, VerdictCard, write_report
    from januscl.line.telling import asked_of_old, verdict_story

    limits = tuple(asked_of_old(score) for score in verdict.slices)
    title, other = (f"model {Path(name).stem}" for name in (model, against))
    card = VerdictCard(title, other, model, verdict, limits)
    judged = Judged(scored.name, scored.frames, scored.before, scored.seen)
    write_report(verdict_story([judged], card, scored.taxonomy), page)


def _tell(title: str, table: Sequence["SliceRow"], verdict: Verdict | None) -> None:
    rows = [
        {
            "kind": row.kind or "all",
            "pictures": row.frames,
            "packages": row.truths,
            "AP": f"{100 * row.ap:.1f}",
            "AP50": f"{100 * row.ap50:.1f}",
            "AP75": f"{100 * row.ap75:.1f}",
        }
        for row in table
    ]
    print_rows(title, rows, False, "No pictures.")
    if verdict is not None:
        console.print(f"[bold]{verdict.answer}[/]: {escape(' '.join(verdict.reasons))}")
