"""``janus kinds``: the kinds that labels may name, and how to name one that no model knows yet."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from januscl.cli.options import JsonOption
from januscl.cli.output import console, print_json, print_rows
from januscl.cli.service import FolderOption

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_kinds(workspace: FolderOption = None, json: JsonOption = False) -> None:
    """List the kinds that labels may name, under their permanent ids."""
    from januscl.line.kinds import kinds_of
    from januscl.line.settings import load_settings, open_workspace

    with open_workspace(load_settings({"workspace": workspace})) as opened:
        rows = [dict(vars(kind)) for kind in kinds_of(opened.catalogue)]
    print_rows(
        "Kinds", rows, json,
        "No kinds: the site has no champion yet. `janus begin` or `janus worker` makes one.",
    )  # fmt: skip


@app.command("name")
def name_kind(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Lower-case words, such as `black bag`.")
    ],
    shape: Annotated[
        str, typer.Option(help="The shape a gripper meets, such as `box` or `soft`.")
    ] = "unknown",
    workspace: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Give a kind that no model knows yet its permanent id; asked again, it is the same."""
    from januscl.line import kinds
    from januscl.line.settings import load_settings, open_workspace

    with open_workspace(load_settings({"workspace": workspace})) as opened:
        kind = kinds.name_kind(opened.catalogue, name, shape, "command line", datetime.now(UTC))
    if json:
        print_json(kind)
    else:
        console.print(f"{kind.name} is kind {kind.id} for ever.", markup=False, highlight=False)
