"""Is everything there that a workspace says it has, and is it what it was?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from itertools import islice
from typing import Any

from januscl.core import IntegrityError, NotFound
from januscl.store.records import Known
from januscl.store.references import blobs_named
from januscl.store.workspace import Workspace

Progress = Callable[[int, int], None]

_ON_ITS_WAY = timedelta(hours=1)
_AT_ONCE = 64


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
        what: A row names bytes that are not there, or that are not what was put; bytes that no row
            names; or the database itself is damaged.
        thing: Digest of the bytes, or the table.
        detail: The first row that names it, or what the database says.
    """

    what: Wrong
    thing: str
    detail: str


@dataclass(frozen=True)
class Checked:
    """What a check looked at, and what is wrong, in the order in which it was found.

    Attributes:
        blobs: How many there are.
        bytes: Of all blobs.
        references: Rows that name a blob, or bytes in the log.
        logged: Pictures and embeddings in the observation log.
    """

    blobs: int
    bytes: int
    references: int
    findings: tuple[Finding, ...]
    logged: int = 0


def fsck(
    workspace: Workspace,
    *,
    on_its_way: timedelta = _ON_ITS_WAY,
    progress: Progress | None = None,
) -> Checked:
    """Check that all bytes a row names are there, whole, and no others; change nothing.

    Every blob and the whole log are read. The workspace may be in use.

    Args:
        workspace: Which.
        on_its_way: Bytes kept so lately that no row names are no orphans: their row may come yet.
        progress: Called with the number of blobs and logged bytes looked at, and of all.

    Raises:
        Unreachable: The database or the blob store does not answer.
    """
    # The bytes first: whatever they were kept for is in the catalogue by the time it is read, or
    # they are young.
    since = datetime.now(UTC) - on_its_way
    kept = {blob.digest: blob for blob in workspace.blobs.kept()}
    findings = _catalogue(workspace)
    log = _Log(workspace, since)
    named = dict[str, str]()
    references = 0
    total = len(kept) + log.count
    for number in log.read():
        if progress is not None:
            progress(number, total)
    with workspace.catalogue.database.read() as connection:
        for digest, row in blobs_named(connection):
            references += 1
            named.setdefault(digest, row)
    ordered = sorted(kept.keys() | (named.keys() - log.sound))
    for number, digest in enumerate(ordered, start=1):
        findings += _blob(workspace, digest, named.get(digest))
        if digest not in named and kept[digest].made <= since:
            findings.append(Finding(Wrong.ORPHANED, digest, f"{kept[digest].size} bytes"))
        if progress is not None:
            progress(log.count + number, log.count + len(ordered))
    size = sum(blob.size for blob in kept.values())
    return Checked(len(kept), size, references, (*findings, *log.findings), log.count)


class _Log:
    """Reads the observation log beside a catalogue.

    Attributes:
        sound: Digests of what is there and whole, and belongs to its observation.
    """

    def __init__(self, workspace: Workspace, since: datetime) -> None:
        self._log, self._known = workspace.log, workspace.catalogue.observations.known
        self._since = since
        self.sound, self.findings = set[str](), list[Finding]()
        _, self.count = self._log.count()

    def read(self) -> Iterator[int]:
        """Look at all of it, and give how many parcels were looked at by then."""
        if not self.count:
            return
        columns, done = ("observation", "kind", "sha256", "logged", "data"), 0
        parcels = self._log.parcels(columns)
        while some := list(islice(parcels, _AT_ONCE)):
            known = self._known(parcel["observation"] for parcel in some)
            for parcel in some:
                self._judge(parcel, known.get(parcel["observation"]))
            done += len(some)
            yield done

    def _judge(self, parcel: dict[str, Any], known: Known | None) -> None:
        digest = parcel["sha256"]
        detail = f"{parcel['kind']} of observation {parcel['observation']}, in the log"
        if known is None or digest not in (known.image, known.embeddings):
            if parcel["logged"] <= self._since:
                self.findings.append(Finding(Wrong.ORPHANED, digest, detail))
        elif sha256(parcel["data"]).hexdigest() == digest:
            self.sound.add(digest)
        else:
            self.findings.append(Finding(Wrong.DAMAGED, digest, detail))
            self.sound.add(digest)  # it is there; once is enough to tell what is wrong with it


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
