"""``janus models``: the model versions of a workspace, and how to take one out."""

from pathlib import Path
from typing import Annotated

import typer

from januscl.cli.options import (
    DEFAULT_WORKSPACE,
    ForceOption,
    JsonOption,
    WorkspaceOption,
    check_out_file,
    existing,
    model_version,
)
from januscl.cli.output import console, print_json, print_rows
from januscl.core.files import write_atomically

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_models(workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False) -> None:
    """List all model versions, oldest first."""
    with existing(workspace) as opened:
        found = opened.catalogue.models.list()
        aliases = opened.catalogue.aliases.list()
    rows = [
        {
            "id": model.id,
            "alias": [alias for alias, id in aliases.items() if id == model.id],
            "made": model.made,
            "parent": model.parent,
            "deck": model.deck,
            "weights": model.weights,
            "kinds": [kind.name for kind in model.taxonomy],
            "card": model.card,
        }
        for model in found
    ]
    print_rows(
        "Models",
        rows,
        json,
        "No models: the workspace was never used.",
        json_only=("weights", "kinds", "card"),
    )


@app.command()
def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Id, or the start of it, or `champion`.")
    ],
    out: Annotated[Path, typer.Option(help="The safetensors file to write.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Write a model of the workspace to a file, for `janus evaluate`, `train` or another place."""
    check_out_file(out, force)
    with existing(workspace) as opened:
        version = model_version(opened, model)
        write_atomically(out, opened.blobs.get(version.weights))
    if json:
        print_json({"model": version.id, "file": str(out), "sha256": version.weights})
    else:
        console.print(f"Wrote {version.id} to {out}.", markup=False, highlight=False)


@app.command()
def card(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Id, or the start of it, or `champion`.")
    ] = "champion",
    out: Annotated[
        Path | None, typer.Option(help="The Markdown file to write; shown when omitted.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    force: ForceOption = False,
    json: JsonOption = False,
) -> None:
    """Tell what a model learned from, what it cost, what it was judged by and where it ran."""
    if out is not None:
        check_out_file(out, force)
    with existing(workspace) as opened:
        from januscl.line.telling import model_card

        version = model_version(opened, model)
        told = model_card(opened, version)
    if out is not None:
        write_atomically(out, told.encode())
    if json:
        print_json({"model": version.id, "card": told, "file": None if out is None else str(out)})
    elif out is None:
        typer.echo(told, nl=False)
    else:
        console.print(f"Wrote the card of {version.id} to {out}.", markup=False, highlight=False)
