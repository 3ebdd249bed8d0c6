"""A workspace into a folder that any workspace can be made of again."""

import json
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

from januscl.core import Conflict, IntegrityError, NotFound
from januscl.core.files import room_for, write_atomically
from januscl.core.wire import canonical
from januscl.store.blobs import LocalBlobs
from januscl.store.copying import check_empty, copy_catalogue, save_sqlite, seal
from januscl.store.database import Database
from januscl.store.fsck import Finding, Progress, Wrong, fsck
from januscl.store.migrations import migrate
from januscl.store.workspace import AnyBlobs, Workspace

_MARK = "janus-backup.json"
_FORMAT = 1


@dataclass(frozen=True)
class Copied:
    """What a backup or a restore copied.

    Attributes:
        blobs: How many.
        bytes: Of all blobs together.
        findings: Blobs that could not be copied, or, after a restore, what a check found.
    """

    blobs: int
    bytes: int
    findings: tuple[Finding, ...]


def backup(workspace: Workspace, folder: Path | str, progress: Progress | None = None) -> Copied:
    """Copy catalogue and blobs of a workspace, which may be in use, to a new folder.

    The catalogue is one state of it; blobs never change, so those that it names are whole. The
    copy is a SQLite file and a folder of blobs, wherever the originals are. It holds all that was
    acknowledged, the hashes of tokens too: keep it as safe as the workspace. Files at hand
    (models laid out, jobs, checkpoints) are not in it. A backup that was cut short is no backup:
    its mark comes last.

    Args:
        workspace: Which.
        folder: Empty, or made. Its owner's alone, where it is made.
        progress: Called with the number of blobs copied, and of all.

    Raises:
        Conflict: There is something in the folder.
        StorageFull: There is no room.
    """
    folder = Path(folder).resolve()
    _check_empty(folder)
    with room_for(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = folder / "catalogue.sqlite"
    _save(workspace, place)
    # After the catalogue: of the blobs that it names, none can be missing from this list.
    copied = _copy_blobs(workspace.blobs, LocalBlobs(folder / "blobs"), progress)
    mark = {
        "format": _FORMAT,
        "what": "a backup of a Janus workspace",
        "made": datetime.now(UTC).isoformat(),
        "catalogue": _digest(place),
        "blobs": copied.blobs,
    }
    write_atomically(folder / _MARK, canonical(mark))
    return copied


def restore(
    backup: Path | str,
    folder: Path | str,
    *,
    catalogue: Path | str | None = None,
    blobs: Path | str | None = None,
    progress: Progress | None = None,
) -> Copied:
    """Make a workspace of a backup, and check it.

    Args:
        backup: What `backup` made; it is only read.
        folder: Empty, or made; see `Workspace.open`.
        catalogue: Where the catalogue goes; any kind of database, and empty.
        blobs: Where the blobs go; empty.
        progress: Called with the number of blobs copied, and of all.

    Raises:
        NotFound: There is no finished backup.
        IntegrityError: The backup's catalogue is damaged. Damaged blobs are among the findings.
        Conflict: There is something where it should go, or a newer program made it.
    """
    source, target = Path(backup).resolve(), Path(folder).resolve()
    _check_whole(source)
    _check_empty(target)
    with Workspace.open(target, catalogue=catalogue, blobs=blobs) as made:
        check_empty(made.catalogue.database)
        for blob in made.blobs.kept():
            raise Conflict(f"{target} would share its blobs with others: {blob.digest} is there")
        # The blobs first: a restore that was cut short leaves an empty catalogue behind.
        copied = _copy_blobs(LocalBlobs(source / "blobs"), made.blobs, progress)
        _fill(made, source / "catalogue.sqlite")
        told = {finding.thing for finding in copied.findings}
        found = [finding for finding in fsck(made).findings if finding.thing not in told]
    return Copied(copied.blobs, copied.bytes, (*copied.findings, *found))


def _save(workspace: Workspace, place: Path) -> None:
    """Keep one state of the catalogue in a SQLite file."""
    database = workspace.catalogue.database
    if database.engine.dialect.name == "sqlite":
        save_sqlite(database, place)
        return
    with closing(Database(place)) as made:
        migrate(made)
        copy_catalogue(database, made)
    seal(place)


def _fill(workspace: Workspace, place: Path) -> None:
    """Put what a SQLite file holds, of whatever revision, into an empty catalogue."""
    with (
        TemporaryDirectory(dir=workspace.folder) as scratch,
        closing(Database(copy(place, scratch))) as found,
    ):
        migrate(found)  # beside the backup, which stays as it is
        copy_catalogue(found, workspace.catalogue.database)


def _copy_blobs(source: AnyBlobs, target: AnyBlobs, progress: Progress | None) -> Copied:
    kept = list(source.kept())
    findings = list[Finding]()
    size = 0
    for number, blob in enumerate(kept, start=1):
        try:
            target.put(source.get(blob.digest))
            size += blob.size
        except IntegrityError:
            findings.append(Finding(Wrong.DAMAGED, blob.digest, "it was not copied"))
        if progress is not None:
            progress(number, len(kept))
    return Copied(len(kept) - len(findings), size, tuple(findings))


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"there is something in {folder}; name an empty or a new folder")


def _check_whole(backup: Path) -> None:
    """Refuse what is no finished backup, or is not what was written."""
    mark = backup / _MARK
    if not mark.is_file():
        raise NotFound(f"{backup} is no backup, or one that was cut short: it has no {_MARK}")
    try:
        said = json.loads(mark.read_bytes())
        number, digest = said["format"], said["catalogue"]
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{mark} is damaged: {error!r}. Take another backup.") from error
    if number != _FORMAT:
        raise Conflict(f"{backup} is a backup of format {number}; install a newer januscl")
    place = backup / "catalogue.sqlite"
    if not place.is_file() or _digest(place) != digest:
        raise IntegrityError(f"{place} is not what was saved. Take another backup.")


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
