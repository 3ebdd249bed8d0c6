"""``janus verdict``: what the gate said of a model, and in which pictures it shows."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from januscl.cli.options import (
    DEFAULT_WORKSPACE,
    ForceOption,
    JsonOption,
    PageOption,
    ThreadsOption,
    WorkspaceOption,
    check_page,
    existing,
    model_version,
)
from januscl.cli.output import console, errors, print_json, print_rows
from januscl.core import Answer, InvalidInput, NotFound
from januscl.store import VerdictRow, Workspace


def verdict(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help="Id of a model version, or the start of it; all when omitted."
        ),
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    page: PageOption = None,
    force: ForceOption = False,
    threads: ThreadsOption = 2,
    json: JsonOption = False,
) -> None:
    """Tell the gate's verdicts; of one model, exits with 3 if it failed and 4 if undecided."""
    if page is not None:
        check_page(page, force)
        if model is None:
            raise InvalidInput(
                "--page", "a model version", "none", "Name one; `janus verdict` lists them."
            )
    with existing(workspace) as opened:
        if model is None:
            _list(opened, json)
            return
        row = _last(opened, model)
        if page is not None:
            _write_page(opened, row, page, threads)
    if json:
        print_json(row)
    else:
        _tell(row, page)
    if row.verdict.answer is not Answer.PASS:
        raise typer.Exit(3 if row.verdict.answer is Answer.FAIL else 4)


def _last(workspace: Workspace, model: str) -> VerdictRow:
    version = model_version(workspace, model)
    rows = workspace.catalogue.verdicts.list(model=version.id)
    if not rows:
        raise NotFound(f"the gate never judged {version.id}; `janus verdict` lists what it judged")
    return rows[-1]


def _list(workspace: Workspace, json: bool) -> None:
    rows = [
        {
            "at": row.at,
            "model": row.model,
            "champion": row.champion,
            "answer": row.verdict.answer,
            "why": row.verdict.reasons[0] if row.verdict.reasons else "",
        }
        for row in workspace.catalogue.verdicts.list()
    ]
    print_rows("Verdicts", rows, json, "No verdicts: no challenger was judged.", sentences=("why",))


def _tell(row: VerdictRow, page: Path | None) -> None:
    said = row.verdict
    console.print(f"[bold]{said.answer}[/]: {row.model} against {row.champion}", highlight=False)
    for reason in said.reasons:
        console.print(f"  {escape(reason)}", highlight=False)
    if page is not None:
        console.print(f"[bold]{escape(str(page))}[/] shows it with pictures.", soft_wrap=True)


def _write_page(workspace: Workspace, row: VerdictRow, page: Path, threads: int) -> None:
    from januscl.line.judging import Judge
    from januscl.line.report import Judged, write_report
    from januscl.line.shelf import Shelf
    from januscl.line.telling import model_names, verdict_card, verdict_story
    from januscl.train import limited_threads

    named = {score.slice for score in row.verdict.slices}
    slices = [part for part in workspace.catalogue.slices.list() if part.name in named]
    with limited_threads(threads), errors.status("Looking at every picture of history"):
        judge = Judge(workspace, Shelf(workspace))
        card = verdict_card(workspace, row, judge, model_names(workspace))
        judged = [
            Judged(
                part.name,
                judge.frames(part),
                judge.seen(row.champion, part),
                judge.seen(row.model, part),
            )
            for part in slices
        ]
        taxonomy = workspace.catalogue.models.get(row.model).taxonomy
        write_report(verdict_story(judged, card, taxonomy), page)
