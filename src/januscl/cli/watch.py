"""``janus watch``: what watching found, to be looked at."""

from pathlib import Path
from typing import Annotated

import typer

from januscl.cli.options import (
    DEFAULT_WORKSPACE,
    ForceOption,
    JsonOption,
    WorkspaceOption,
    check_out_file,
    check_report,
    existing,
)
from januscl.cli.output import print_facts, print_json

app = typer.Typer(no_args_is_help=True)
_OUT = Path("watch.html")


@app.callback()
def _watch() -> None:
    """Show what watching found."""


@app.command()
def report(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    out: Annotated[Path, typer.Option(help="The page to write.")] = _OUT,
    days: Annotated[
        float,
        typer.Option(min=0.01, max=366.0, metavar="N", help="How far back from the last frame."),
    ] = 7.0,
    camera: Annotated[
        list[str] | None,
        typer.Option(help="Only this camera; give it several times for several."),
    ] = None,
    cameras: Annotated[
        int,
        typer.Option(
            min=1, max=100, metavar="N", help="Draw at most so many; the others are counted."
        ),
    ] = 12,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Write a page of each camera's health over time, the novelty map, and the tickets."""
    check_report()
    check_out_file(out, force)
    from januscl.line.watch_report import facts_of, watch_story, write_watch_report

    with existing(workspace) as opened:
        story = watch_story(opened, days, cameras, camera or ())
    write_watch_report(story, out)
    if json:
        print_json({**facts_of(story), "page": str(out.resolve())})
        return
    health = story.health
    drawn = () if health is None else (*health.shown, *health.others)
    print_facts(
        {
            "cameras": len(drawn),
            "in_fault": [c.name for c in drawn if c.in_fault],
            "tickets": len(story.tickets) + story.more_tickets,
            "changes": [str(change) for change in story.changes],
            "novelties": sorted({patch.name for one in story.maps for patch in one.patches}),
            "page": str(out),
        }
    )
