"""A workspace into a folder that any workspace can be made of again."""

import json
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
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
from januscl.store.copying_log import Logged, copy_log
from januscl.store.database import Database, Door
from januscl.store.fsck import Finding, Progress, Wrong, fsck
from januscl.store.keeping import LogState
from januscl.store.log import ObservationLog
from januscl.store.migrations import migrate
from januscl.store.observing import Observations
from januscl.store.workspace import AnyBlobs, Workspace

_MARK = "janus-backup.json"
_FORMAT, _WITH_LOG = 1, 2
"""Formats of a mark. Programs that know of no log refuse the second."""


@dataclass(frozen=True)
class Copied:
    """What a backup or a restore copied.

    Attributes:
        blobs: How many.
        bytes: Of all blobs together.
        findings: What could not be copied, or, after a restore, what a check found.
        logged: How many records, pictures and embeddings of the observation log.
    """

    blobs: int
    bytes: int
    findings: tuple[Finding, ...]
    logged: int = 0


def backup(workspace: Workspace, folder: Path | str, progress: Progress | None = None) -> Copied:
    """Copy catalogue, blobs and log of a workspace, which may be in use, to a new folder.

    The catalogue is one state of it; blobs and log are never changed, so what it names is whole.
    The copy is a SQLite file, a folder of blobs and one of the log, wherever the originals are. It
    holds all that was acknowledged, the hashes of tokens too: keep it as safe as the workspace.
    Files at hand (models laid out, jobs, checkpoints) are not in it. A backup that was cut short
    is no backup: its mark comes last.

    Args:
        workspace: Which.
        folder: Empty, or made. Its owner's alone, where it is made.
        progress: Called with the number of blobs and logged rows copied, and of all.

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
    # After the catalogue: of what it names, none can be missing from these.
    copied = _copy_blobs(workspace.blobs, LocalBlobs(folder / "blobs"), progress)
    if workspace.log.exists():
        there = ObservationLog(str(folder / "log"), nullcontext)
        copied = _with_log(copied, copy_log(workspace.log, there, None, progress))
    mark = {
        "format": _WITH_LOG if copied.logged else _FORMAT,
        "what": "a backup of a Janus workspace",
        "made": datetime.now(UTC).isoformat(),
        "catalogue": _digest(place),
        "blobs": copied.blobs,
        "logged": copied.logged,
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
        blobs: Where the blobs go, and the log beside them; empty.
        progress: Called with the number of blobs and logged rows copied, and of all.

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
        log = ObservationLog(str(source / "log"), nullcontext)
        copied = _with_log(copied, _fill(made, source / "catalogue.sqlite", log, progress))
        told = {finding.thing for finding in copied.findings}
        found = [finding for finding in fsck(made).findings if finding.thing not in told]
    return replace(copied, findings=(*copied.findings, *found))


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


def _fill(
    workspace: Workspace, place: Path, log: ObservationLog, progress: Progress | None
) -> Logged:
    """Put a log, and what a SQLite file of whatever revision holds, into an empty workspace.

    The log has what came after that state of the catalogue, too; that is left out.
    """
    with (
        TemporaryDirectory(dir=workspace.folder) as scratch,
        closing(Database(copy(place, scratch))) as found,
    ):
        migrate(found)  # beside the backup, which stays as it is
        copied = Logged()
        if log.exists():
            known = Observations(Door(found)).known
            copied = copy_log(log, workspace.log, known, progress)
            LogState(Door(found)).put(copied.marks)
        copy_catalogue(found, workspace.catalogue.database)
    return copied


def _with_log(blobs: Copied, log: Logged) -> Copied:
    return replace(blobs, findings=(*blobs.findings, *log.findings), logged=log.rows)


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
    if number not in (_FORMAT, _WITH_LOG):
        raise Conflict(f"{backup} is a backup of format {number}; install a newer januscl")
    place = backup / "catalogue.sqlite"
    if not place.is_file() or _digest(place) != digest:
        raise IntegrityError(f"{place} is not what was saved. Take another backup.")


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
