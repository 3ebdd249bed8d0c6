"""Is everything there that a workspace says it has, and is it what it was?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from januscl.core import IntegrityError, NotFound
from januscl.store.references import blobs_named
from januscl.store.workspace import Workspace

Progress = Callable[[int, int], None]

_ON_ITS_WAY = timedelta(hours=1)


class Wrong(StrEnum):
    """What can be wrong with a workspace."""

    MISSING = "missing"
    DAMAGED = "damaged"
    ORPHANED = "orphaned"
    CATALOGUE = "catalogue"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        what: A row names a blob that is not there, or that has other bytes than were put; a blob
            that no row names; or the database itself is damaged.
        thing: Digest of the blob, or the table.
        detail: The first row that names it, or what the database says.
    """

    what: Wrong
    thing: str
    detail: str


@dataclass(frozen=True)
class Checked:
    """What a check looked at, and what is wrong, in the order in which it was found."""

    blobs: int
    bytes: int
    references: int
    findings: tuple[Finding, ...]


def fsck(
    workspace: Workspace,
    *,
    on_its_way: timedelta = _ON_ITS_WAY,
    progress: Progress | None = None,
) -> Checked:
    """Check that every blob a row names is there, whole, and that no other is; change nothing.

    Every blob is read. The workspace may be in use.

    Args:
        workspace: Which.
        on_its_way: A blob put so lately that no row names is no orphan: its row may come yet.
        progress: Called with the number of blobs looked at, and of all.

    Raises:
        Unreachable: The database or the blob store does not answer.
    """
    # The blobs first: whatever they were put for is in the catalogue by the time it is read, or
    # they are young.
    since = datetime.now(UTC) - on_its_way
    kept = {blob.digest: blob for blob in workspace.blobs.kept()}
    findings = _catalogue(workspace)
    named = dict[str, str]()
    references = 0
    with workspace.catalogue.database.read() as connection:
        for digest, row in blobs_named(connection):
            references += 1
            named.setdefault(digest, row)
    ordered = sorted(named.keys() | kept.keys())
    for number, digest in enumerate(ordered, start=1):
        findings += _blob(workspace, digest, named.get(digest))
        if digest not in named and kept[digest].made <= since:
            findings.append(Finding(Wrong.ORPHANED, digest, f"{kept[digest].size} bytes"))
        if progress is not None:
            progress(number, len(ordered))
    size = sum(blob.size for blob in kept.values())
    return Checked(len(kept), size, references, tuple(findings))


def _catalogue(workspace: Workspace) -> list[Finding]:
    return [Finding(Wrong.CATALOGUE, thing, why) for thing, why in workspace.catalogue.faults()]


def _blob(workspace: Workspace, digest: str, row: str | None) -> list[Finding]:
    try:
        workspace.blobs.get(digest)
    except NotFound:
        # One that no row names was there a moment ago, and somebody has removed it.
        return [] if row is None else [Finding(Wrong.MISSING, digest, row)]
    except IntegrityError:
        return [Finding(Wrong.DAMAGED, digest, row or "no row names it")]
    return []
