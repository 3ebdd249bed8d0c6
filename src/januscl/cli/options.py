"""Options that several commands share."""

from collections.abc import Callable
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from januscl.cli.output import one_of
from januscl.core import (
    Conflict,
    InvalidInput,
    MissingDependency,
    ModelVersion,
    NotFound,
    how_to_install,
)
from januscl.store import Workspace
from januscl.train import NEW, is_new

WorkspaceOption = Annotated[
    Path,
    typer.Option(
        "--workspace", "-w", envvar="JANUS_WORKSPACE", help="Folder that Janus keeps its state in."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
AccountOption = Annotated[bool, typer.Option("--json", help="Print the account as JSON.")]
BaseOption = Annotated[
    str, typer.Option(help="A model file to start from, or `factory` or `universal`.")
]
TeachOption = Annotated[
    str,
    typer.Option(
        help="A model file to start from, `factory`, `universal`, the name of a new one such as "
        "`rf-detr-seg-nano`, or `hf:` and a name or folder of transformers."
    ),
]
SHIPPED = ("factory", "universal")
"""The models that come with the package, by the names that commands give them."""
SeedOption = Annotated[
    int, typer.Option(min=0, max=2**31 - 1, metavar="N", help="Seed of all chance.")
]
ThreadsOption = Annotated[int, typer.Option(min=1, metavar="N", help="Threads for torch.")]
PageOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the verdict as a page with pictures."),
]
InputOption = Annotated[
    int | None,
    typer.Option(
        min=64,
        max=1024,
        metavar="N",
        help="Side in px that pictures are fitted into, as the model can take it; chosen if "
        "omitted.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]
LimitOption = Annotated[
    int, typer.Option(min=1, max=1_000_000, metavar="N", help="At most so many.")
]

Choice = TypeVar("Choice", bound=StrEnum)
DEFAULT_WORKSPACE = Path("janus-demo/workspace")
_INSIDE = "workspace"
"""What a demo or a replay calls the workspace in its folder."""
_USUAL = (DEFAULT_WORKSPACE, Path("janus-replay/workspace"), Path("janus-workspace"))


def chosen(choices: type[Choice]) -> Callable[[str], Choice]:
    """Return what reads an option that is one of a few words; typer's own says so in two ways."""

    def read(text: str) -> Choice:
        if text not in set(choices):
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(choices)}")
        return choices(text)

    return read


def check_model_file(name: str | None) -> None:
    """Raise `NotFound` when a model is named that is no file, before anything slow begins."""
    if name not in (None, *SHIPPED) and not Path(str(name)).is_file():
        raise NotFound(
            f"model {name} does not exist; pass a file that `janus train` wrote, `factory` or "
            "`universal`; `janus train`, `begin` and `adapt` also take the name of a new model: "
            f"{', '.join(NEW)}"
        )


def check_base(name: str) -> None:
    """Raise `NotFound` when what is to be taught is neither a file nor a model's name."""
    if not is_new(name):
        check_model_file(name)


def check_report() -> None:
    """Raise `MissingDependency` where a run's page could not be written at its end."""
    if find_spec("jinja2") is None:
        raise MissingDependency(
            f"the report needs Jinja2; install it with: {how_to_install('report')}"
        )


def check_out_file(out: Path, force: bool, option: str = "--out") -> None:
    """Refuse to write where a folder is, or a file that was not said to be replaceable.

    Raises:
        InvalidInput: ``out`` is a folder.
        Conflict: ``out`` is there, and ``force`` is not given.
    """
    if out.is_dir():
        raise InvalidInput(option, "a file to write", f"the folder {out}", "Name a file in it.")
    if out.exists() and not force:
        raise Conflict(
            f"{out} exists. Name another file with {option}, or replace it with --force."
        )


def check_model_out(out: Path, force: bool) -> None:
    """Refuse what `check_out_file` does, and the name of another file that a run leaves.

    Raises:
        InvalidInput: ``out`` is a folder, or called as a checkpoint or a card is.
        Conflict: ``out`` is there, and ``force`` is not given.
    """
    check_out_file(out, force)
    if out.suffix in (".checkpoint", ".json"):
        raise InvalidInput(
            "--out", "the name of a model's file", str(out), "Call it model.safetensors, for one."
        )


def check_page(page: Path, force: bool) -> None:
    """Raise what stands against writing a verdict's page, before anything slow begins."""
    check_out_file(page, force, "--page")
    check_report()


def model_file(name: str, folder: Path) -> str:
    """Return a model file's name, or a shipped model's, for whatever a person may name a model by.

    Args:
        name: One of `SHIPPED`, a file, or an id or alias of a model version in the workspace.
        folder: The workspace.

    Raises:
        NotFound: It is none of these.
    """
    if name in SHIPPED or Path(name).is_file():
        return name
    if not is_workspace(folder) and not is_workspace(folder / _INSIDE):
        raise NotFound(
            f"model {name} does not exist; pass a file that `janus train` wrote, `factory`, "
            f"`universal`, or the id of a model in a workspace ({folder} is none; name it with "
            "--workspace)"
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
    """Open a workspace that is there already, or the one in the folder of a demo or a replay.

    Raises:
        NotFound: The folder is no workspace and holds none.
    """
    for place in (folder, folder / _INSIDE):
        if is_workspace(place):
            return Workspace.open(place)
    there = [str(place) for place in _USUAL if is_workspace(place)]
    others = f" ({', '.join(there)} is there)" if there else ""
    raise NotFound(
        f"{folder} is not a Janus workspace. Name another with --workspace{others}, or make one: "
        f"`janus serve --workspace {folder}` for a site, `janus demo` or `janus replay` to look at."
    )
