"""Options that several commands share."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from januscl.cli.output import one_of
from januscl.core import Conflict, InvalidInput, MissingDependency, ModelVersion, NotFound
from januscl.store import Workspace

WorkspaceOption = Annotated[
    Path,
    typer.Option("--workspace", "-w", help="Folder that Janus keeps its state in."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AccountOption = Annotated[bool, typer.Option("--json", help="Print the account as JSON.")]
BaseOption = Annotated[str, typer.Option(help="A model file to start from, or `factory`.")]
SeedOption = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of all chance.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="torch's threads.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]
LimitOption = Annotated[int, typer.Option(min=1, max=1_000_000, help="The newest so many.")]

DEFAULT_WORKSPACE = Path("janus-demo/workspace")


def check_model_file(name: str | None) -> None:
    """Raise `NotFound` when a model is named that is no file, before anything slow begins."""
    if name not in (None, "factory") and not Path(str(name)).is_file():
        raise NotFound(
            f"model {name} does not exist; pass a file that `janus train` wrote, or `factory`"
        )


def check_report() -> None:
    """Raise `MissingDependency` where a run's page could not be written at its end."""
    if find_spec("jinja2") is None:
        raise MissingDependency(
            "the report needs Jinja2; install it with: pip install 'januscl[report]'"
        )


def check_out_file(out: Path, force: bool) -> None:
    """Refuse to write where a folder is, or a file that was not said to be replaceable.

    Raises:
        InvalidInput: ``out`` is a folder.
        Conflict: ``out`` is there, and ``force`` is not given.
    """
    if out.is_dir():
        raise InvalidInput("--out", "a file to write", f"the folder {out}", "Name a file in it.")
    if out.exists() and not force:
        raise Conflict(f"{out} exists. Name another file with --out, or replace it with --force.")


def model_file(name: str, folder: Path) -> str:
    """Return a model file's name, or ``factory``, for whatever a person may name a model by.

    Args:
        name: ``factory``, a file, or an id or alias of a model version in the workspace.
        folder: The workspace.

    Raises:
        NotFound: It is none of these.
    """
    if name == "factory" or Path(name).is_file():
        return name
    if not is_workspace(folder):
        raise NotFound(
            f"model {name} does not exist; pass a file that `janus train` wrote, `factory`, or the "
            f"id of a model in a workspace ({folder} is none; name it with --workspace)"
        )
    with existing(folder) as opened:
        return str(opened.model_file(model_version(opened, name).weights))


def model_version(workspace: Workspace, name: str) -> ModelVersion:
    """Return the model version of an alias such as ``champion``, or of the start of an id.

    Raises:
        NotFound: There is none, or there are several.
    """
    alias = workspace.catalogue.aliases.list().get(name, name)
    return one_of(workspace.catalogue.models.list(), alias, "model", "models")


def is_workspace(folder: Path) -> bool:
    """Say whether a folder is a workspace."""
    return Workspace.exists(folder)


def existing(folder: Path) -> Workspace:
    """Open a workspace that is there already.

    Raises:
        NotFound: The folder is no workspace.
    """
    if not is_workspace(folder):
        raise NotFound(
            f"{folder} is not a Janus workspace. Make one with `janus demo` or `janus replay`, or "
            "name another with --workspace."
        )
    return Workspace.open(folder)
