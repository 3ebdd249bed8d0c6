"""``janus backup``, ``janus restore`` and ``janus fsck``: nothing is lost, and one can be sure."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from januscl.cli.options import DEFAULT_WORKSPACE, JsonOption, WorkspaceOption, existing
from januscl.cli.output import console, print_json, print_rows, progress_bars
from januscl.store import Copied, Finding
from januscl.store import backup as save
from januscl.store import fsck as check
from januscl.store import restore as bring_back
from januscl.store.fsck import Progress

_NO = 3
"""Exit code: a check said no."""


def backup(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="An empty or new folder.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    json: JsonOption = False,
) -> None:
    """Copy catalogue and blobs of a workspace, which may be in use, to a folder."""
    with existing(workspace) as opened, _bar("Copying blobs", json) as progress:
        copied = save(opened, out, progress)
    _tell(copied, f"Saved {copied.blobs} blobs and the catalogue in {out}.", json)


def restore(
    saved: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `janus backup` made.")],
    workspace: Annotated[Path, typer.Option("--workspace", "-w", help="An empty or new folder.")],
    catalogue: Annotated[
        str | None, typer.Option(help="Path or URL of an empty database; in the folder if omitted.")
    ] = None,
    blobs: Annotated[
        str | None, typer.Option(help="Folder or s3:// place; in the folder if omitted.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a workspace of a backup, on any kind of database and blob store, and check it."""
    with _bar("Copying blobs", json) as progress:
        copied = bring_back(saved, workspace, catalogue=catalogue, blobs=blobs, progress=progress)
    _tell(copied, f"Restored {copied.blobs} blobs and the catalogue to {workspace}.", json)


def fsck(workspace: WorkspaceOption = DEFAULT_WORKSPACE, json: JsonOption = False) -> None:
    """Check that all a workspace names is there and whole, and nothing else. Changes nothing."""
    with existing(workspace) as opened, _bar("Reading blobs", json) as progress:
        checked = check(opened, progress=progress)
    if json:
        print_json(checked)
    elif not checked.findings:
        size = f"{checked.bytes / 2**20:.1f} MiB"
        console.print(
            f"Nothing is wrong: {checked.blobs} blobs of {size}, named {checked.references} times.",
            highlight=False,
        )
    else:
        _list(checked.findings)
    if checked.findings:
        raise typer.Exit(_NO)


def _tell(copied: Copied, done: str, json: bool) -> None:
    if json:
        print_json(copied)
    else:
        console.print(done, markup=False, highlight=False)
        if copied.findings:
            _list(copied.findings)
    if copied.findings:
        raise typer.Exit(_NO)


def _list(findings: tuple[Finding, ...]) -> None:
    rows = [{"what": f.what, "thing": f.thing, "detail": f.detail} for f in findings]
    print_rows("Wrong", rows, False, "", sentences=("detail",))


@contextmanager
def _bar(what: str, quiet: bool) -> Iterator[Progress]:
    with progress_bars(quiet) as bars:
        task = bars.add_task(what, total=None)

        def told(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield told
