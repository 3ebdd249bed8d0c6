"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from januscl.core import NotFound
from januscl.store import Workspace

WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", "-w", help="Folder that Janus keeps its state in."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AccountOption = Annotated[bool, typer.Option("--json", help="Print the account as JSON.")]
BaseOption = Annotated[str, typer.Option(help="A model file to start from, or `factory`.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Of all chance.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="torch's threads.")]

DEFAULT_WORKSPACE = Path("janus-demo/workspace")


def check_model_file(name: str | None) -> None:
    """Raise `NotFound` when a model is named that is no file, before anything slow begins."""
    if name not in (None, "factory") and not Path(str(name)).is_file():
        raise NotFound(
            f"model {name} does not exist; pass a file that `janus train` wrote, or `factory`"
        )


def existing(folder: Path) -> Workspace:
    """Open a workspace that is there already.

    Raises:
        NotFound: The folder is no workspace.
    """
    if not (folder / "catalogue.sqlite").is_file():
        raise NotFound(
            f"{folder} is not a Janus workspace. Make one with `janus demo` or `janus replay`, or "
            "name another with --workspace."
        )
    return Workspace.open(folder)
