"""An observation log from one place to another, verified on the way."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import Any

from januscl.store.fsck import Finding, Progress, Wrong
from januscl.store.log import Knows, LogRecord, ObservationLog, Parcel
from januscl.store.records import LogMarks

_RECORDS, _PARCELS = 5000, 500


@dataclass(frozen=True)
class Logged:
    """What was copied of a log.

    Attributes:
        rows: Records and parcels.
        marks: How far the copy is.
        findings: Parcels that are damaged, and were not copied.
    """

    rows: int = 0
    marks: LogMarks = field(default_factory=LogMarks)
    findings: tuple[Finding, ...] = ()


def copy_log(
    source: ObservationLog, target: ObservationLog, known: Knows | None, progress: Progress | None
) -> Logged:
    """Copy a log, which may be in use, to an empty one.

    Args:
        source: Where from.
        target: Where to.
        known: Returns what a catalogue knows of observations; of others nothing is copied. All is
            copied without it.
        progress: Called with the number of rows looked at, and of all.
    """
    total, seen, done = sum(source.count()), 0, Logged()
    kinds: tuple[tuple[type[LogRecord] | type[Parcel], Iterator[dict[str, Any]], int], ...] = (
        (LogRecord, source.scan(), _RECORDS),
        (Parcel, source.parcels(), _PARCELS),
    )
    for kind, rows, at_once in kinds:
        while some := list(islice(rows, at_once)):
            seen += len(some)
            done = _copied(target, done, [kind(**row) for row in some], known)
            if progress is not None:
                progress(seen, total)
    return done


def _copied(target: ObservationLog, done: Logged, rows: list[Any], known: Knows | None) -> Logged:
    if known is not None:
        there = known(map(_observation, rows))
        rows = [row for row in rows if _observation(row) in there]
    records = [row for row in rows if isinstance(row, LogRecord)]
    parcels = [row for row in rows if isinstance(row, Parcel)]
    damaged = [p for p in parcels if sha256(p.data).hexdigest() != p.sha256]
    whole = [p for p in parcels if p not in damaged] if damaged else parcels
    marks = target.append(records, whole, done.marks)
    findings = (
        Finding(Wrong.DAMAGED, p.sha256, f"{p.kind} of observation {p.observation}, in the log")
        for p in damaged
    )
    return replace(
        done,
        rows=done.rows + len(records) + len(whole),
        marks=marks,
        findings=(*done.findings, *findings),
    )


def _observation(row: LogRecord | Parcel) -> str:
    return row.id if isinstance(row, LogRecord) else row.observation
