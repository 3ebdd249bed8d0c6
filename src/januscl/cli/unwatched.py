"""What the lists of a served workspace say first: that what robots sent waits, and why."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from januscl.cli.output import errors
from januscl.core import MissingDependency
from januscl.store import Workspace

if TYPE_CHECKING:
    from januscl.line.telling.backlog import Backlog


def backlog(workspace: Workspace) -> "Backlog | None":
    """Return what waits; None where no robot can send, or the service is not installed here."""
    if not workspace.catalogue.tokens.list():  # before anything slow is imported
        return None
    with suppress(MissingDependency):
        from januscl.cli.sending import workflows_place
        from januscl.line.settings import load_settings
        from januscl.line.telling.backlog import backlog_of

        return backlog_of(workspace, workflows_place(load_settings(), workspace))
    return None


def unwatched(workspace: Workspace) -> str | None:
    """Return what waits to be watched, in a sentence with the remedy; None where nothing does."""
    found = backlog(workspace)
    return None if found is None else found.unwatched(named(workspace.folder))


def nothing_yet(told: str | None, empty: str) -> str:
    """Return what an empty list says: ``empty``, unless that is not known yet."""
    return empty if told is None else f"{empty.partition(':')[0]} yet: {told}."


def tell_unwatched(told: str | None) -> None:
    """Say beside a list what it cannot show yet, on standard error."""
    if told is not None:
        errors.print(f"[yellow]Not all:[/] {escape(told)}.", highlight=False, soft_wrap=True)


def named(folder: Path) -> Path:
    """Return a folder as a person would type it here."""
    with suppress(ValueError):
        return folder.relative_to(Path.cwd())
    return folder
