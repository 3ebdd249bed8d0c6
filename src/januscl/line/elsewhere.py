"""A workspace as jobs find it: its folder, or where its parts are for a job on any machine."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from januscl.compute import keep, kept
from januscl.core import StorageFull, Unreachable
from januscl.core.files import write_atomically
from januscl.store import S3Blobs, Workspace
from januscl.store.engines import address_of
from januscl.train import Checkpoint

Place = str | dict[str, str]
"""A folder, or the URLs ``catalogue`` and ``blobs``; it is an argument of jobs, so JSON."""

_DATABASE = "JANUS_DATABASE"
_PAUSE_SECONDS = 120.0
"""Between two copies of a checkpoint, each of which goes over the network."""


def place_of(workspace: Workspace) -> Place:
    """Return what a job opens a workspace by.

    Returns:
        The URLs of its parts, without any password, where they are in PostgreSQL and on S3; else
        its folder, which must be there under the same path wherever the job runs.
    """
    url, blobs = workspace.catalogue.database.url, workspace.blobs
    if url.get_backend_name() == "sqlite" or not isinstance(blobs, S3Blobs):
        return str(workspace.folder)
    return {
        "catalogue": address_of(url.render_as_string(hide_password=False)),
        "blobs": blobs.place,
    }


@contextmanager
def workspace_at(place: Place) -> Iterator[Workspace]:
    """Open a workspace for a job; by URLs in a folder of the job's own, which goes with it.

    What leads to the parts comes from the environment: ``PGPASSWORD`` and its like, or
    ``JANUS_DATABASE`` where that is the same database with its password; for S3 see
    `januscl.store.S3Blobs`.

    Args:
        place: What `place_of` returned.

    Raises:
        Unreachable: The database or the bucket does not answer, or refuses.
    """
    if isinstance(place, str):
        with Workspace.open(place) as workspace:
            yield workspace
        return
    given, catalogue = os.environ.get(_DATABASE), place["catalogue"]
    if given and address_of(given) == catalogue:
        catalogue = given
    with (
        TemporaryDirectory(prefix="janus-job-") as scratch,
        Workspace.open(
            Path(scratch) / "workspace", catalogue=catalogue, blobs=place["blobs"]
        ) as workspace,
    ):
        yield workspace


def checkpoint_of(workspace: Workspace, place: Place, name: str) -> Checkpoint:
    """Return where a run of training is kept, with what an earlier attempt of this job kept.

    Args:
        workspace: Opened by the place.
        place: In a folder of the job's own, the file is copied to the place of jobs now and then.
        name: Of the run.
    """
    path = workspace.folder / "checkpoints" / name
    if isinstance(place, str):
        return Checkpoint(path)
    found = kept(name)
    if found is not None:
        write_atomically(path, found)
    copied = time.monotonic()

    def copy(written: Path) -> None:
        nonlocal copied
        if time.monotonic() - copied < _PAUSE_SECONDS:
            return
        try:
            keep(name, written.read_bytes())
        except (Unreachable, StorageFull) as error:  # training goes on all the same
            print(f"the checkpoint was not copied: {error}", file=sys.stderr)
        copied = time.monotonic()

    return Checkpoint(path, written=copy)
