"""``janus evaluate``: a model's AP on labelled pictures, alone or against another model."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from januscl.cli.options import check_model_file
from januscl.cli.output import console, print_json, print_rows
from januscl.core import Answer, InvalidInput


def evaluate(
    model: Annotated[str, typer.Argument(help="A model file, or `factory`.")],
    data: Annotated[Path, typer.Argument(help="A COCO file, or a folder that holds one.")],
    against: Annotated[
        str | None, typer.Option(help="The champion to compare with; the gate answers.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a model. With --against, exits with 3 when it is worse and 4 when one cannot tell."""
    from januscl.annotate import find_coco, read_set

    find_coco(data)
    for name in (model, against):
        check_model_file(name)

    from januscl.cli.models import frames_of, joined, model_named
    from januscl.evaluate import SliceData, gate, match, slice_table

    first = model_named(model)
    coco = read_set(data, joined(first.taxonomy, read_set(data).taxonomy.kinds))
    if not coco.pictures:
        raise InvalidInput(
            str(data), "at least one picture", f"none ({len(coco.rejects)} rejected)",
            coco.rejects[0].reason if coco.rejects else "Add pictures.",
        )  # fmt: skip
    frames = frames_of(coco)
    truths = [frame.truth for frame in frames]
    images = [frame.image for frame in frames]
    seen = first.predict(images)
    name = data.resolve().name
    table = slice_table({name: truths}, {name: seen}, coco.taxonomy)
    verdict = None
    if against is not None:
        champion = match(truths, model_named(against).predict(images))
        verdict = gate({name: SliceData(champion, match(truths, seen))}, target=None)
    if json:
        print_json({"table": table, "verdict": verdict})
    else:
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
        print_rows(f"{model} on {name}", rows, False, "No pictures.")
        if verdict is not None:
            console.print(f"[bold]{verdict.answer}[/]: {escape(' '.join(verdict.reasons))}")
    if verdict is not None and verdict.answer is not Answer.PASS:
        raise typer.Exit(3 if verdict.answer is Answer.FAIL else 4)
