"""``janus release``: releases and their stages."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from januscl.cli.options import DEFAULT_WORKSPACE, JsonOption, WorkspaceOption, existing
from januscl.cli.output import console, one_of, print_json, print_rows
from januscl.core import Stage
from januscl.line.ending import end_release

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_releases(workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False) -> None:
    """List all releases, oldest first."""
    with existing(workspace) as opened:
        found = opened.catalogue.releases.list()
    rows = [
        {
            "id": release.id,
            "model": release.model,
            "champion": release.champion,
            "stage": release.stage,
            "beta_lines": release.beta_lines,
            "opened": release.opened,
        }
        for release in found
    ]
    print_rows(
        "Releases",
        rows,
        json,
        "No releases: no challenger has passed the gate.",
        json_only=("beta_lines",),
    )


@app.command()
def show(
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", help="Id of the release, or the start of it.")
    ],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    json: JsonOption = False,
) -> None:
    """Show every stage of a release; exits with 3 when it was stopped or rolled back."""
    with existing(workspace) as opened:
        found = one_of(opened.catalogue.releases.list(), release, "release")
    if json:
        print_json(found)
    else:
        console.print(f"[bold]{found.model}[/] against {found.champion}: {found.stage}")
        for report in found.reports:
            for number, reason in enumerate(report.reasons or ("",)):
                stage, answer = ("", "") if number else (report.stage, report.answer)
                console.print(f"  [bold]{stage:>8}[/] {answer:<12} {escape(reason)}")
    if found.stage in (Stage.STOPPED, Stage.ROLLED_BACK):
        raise typer.Exit(3)


@app.command()
def stop(
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", help="Id of the release, or the start of it.")
    ],
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "A person stopped it.",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    json: JsonOption = False,
) -> None:
    """Roll an open release back: every robot runs the champion again."""
    with existing(workspace) as opened:
        found = one_of(opened.catalogue.releases.list(), release, "release")
        ended = end_release(opened, found.id, reason, datetime.now(UTC), "person")
    if json:
        print_json(ended)
    else:
        told = f"Release {ended.id} is rolled back; every robot runs {ended.champion} again."
        console.print(told)
