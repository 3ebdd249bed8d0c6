"""The observation log: what robots sent, in bulk. What it means is in the catalogue."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

from januscl.core import IntegrityError, NotFound, utc
from januscl.store.bulk import Bulk, Turn, quoted
from januscl.store.records import Known, LogMarks

Knows = Callable[[Iterable[str]], Mapping[str, Known]]
"""Returns what a catalogue knows of observations, by their ids."""

IMAGE, EMBEDDINGS = "image", "embeddings"
"""The kinds of parcels, named like the columns of the catalogue that name their digests."""

_RECORDS: Mapping[str, str] = {
    "id": "string", "at": "time", "robot": "string", "camera": "string", "model": "string",
    "record": "string", "logged": "time",
}  # fmt: skip
_PARCELS: Mapping[str, str] = {
    "key": "string", "observation": "string", "kind": "string", "sha256": "string", "at": "time",
    "camera": "string", "data": "large_binary", "logged": "time",
}  # fmt: skip
_RECORDS_A_FILE, _PARCELS_A_FILE = 100_000, 4096
VERSIONS_STAY = timedelta(hours=6)
"""For so long a reader may go on with what was gathered into larger files meanwhile."""


@dataclass(frozen=True)
class LogRecord:
    """An observation as a robot sent it.

    Attributes:
        at: When the frame was taken, UTC.
        record: Its JSON; see `januscl.core.message.record_to_json`.
    """

    id: str
    at: datetime
    robot: str
    camera: str
    model: str
    record: str


@dataclass(frozen=True)
class Parcel:
    """Bytes that belong to an observation: its picture or its embeddings, as they were sent.

    Attributes:
        observation: The observation's id.
        kind: ``image`` or ``embeddings``.
        sha256: Of the bytes; the catalogue names them by it.
        at: When the frame was taken, UTC.
    """

    observation: str
    kind: str
    sha256: str
    at: datetime
    camera: str
    data: bytes


_Sent = TypeVar("_Sent", LogRecord, Parcel)


class ObservationLog:
    """Records, pictures and embeddings in two Lance datasets; each once, by its observation.

    Args:
        place: A folder, or ``s3://bucket/prefix``; made when first written to.
        turn: Gives the right to write, to one process and thread at a time.
    """

    def __init__(self, place: str, turn: Turn) -> None:
        self.place, self.turn = place, turn
        self._records = Bulk(f"{place}/records.lance", _RECORDS, "id", _RECORDS_A_FILE, turn)
        self._parcels = Bulk(f"{place}/parcels.lance", _PARCELS, "key", _PARCELS_A_FILE, turn)

    def exists(self) -> bool:
        """Say whether anything was ever kept here."""
        return self._records.exists() or self._parcels.exists()

    def count(self) -> tuple[int, int]:
        """Return the numbers of records and of parcels."""
        return self._records.count(), self._parcels.count()

    def append(
        self,
        records: Iterable[LogRecord] = (),
        parcels: Iterable[Parcel] = (),
        since: LogMarks | None = None,
        known: Knows = lambda ids: {},
    ) -> LogMarks:
        """Add what is not there yet; on the disk, or in S3, when this returns.

        Args:
            records: Of an id that is there, or that came before, the first one stays.
            parcels: The same bytes of the same observation are kept once.
            since: How far the catalogue tells of the log: what it tells of is not given again, so
                only what is beyond is looked at. All is looked at when omitted.
            known: Returns what the catalogue knows of observations, to say of what is beyond
                whether it tells of it.

        Returns:
            How far the log is now, to be kept with what tells of it in the catalogue. Stay in the
            `turn` until it is, for another's marks would pass over yours.

        Raises:
            MissingDependency: pylance is not installed.
            StorageFull: There is no room; some may have been added, and does no harm.
            Unreachable: S3 does not answer; likewise.
        """
        now, before = datetime.now(UTC), since or LogMarks()
        kept = {r.id: {**vars(r), "at": utc(r.at), "logged": now} for r in _firsts(records, _id)}
        sent = {_key(p): {**vars(p), "key": _key(p), "at": utc(p.at), "logged": now}
                for p in _firsts(parcels, _key)}  # fmt: skip
        with self.turn():
            beyond = self._records.keys_after(before.records)
            beyond |= self._parcels.keys_after(before.parcels)
            there = before.strays | (beyond - _told(beyond, known))
            for bulk, rows in ((self._records, kept), (self._parcels, sent)):
                bulk.append([row for key, row in rows.items() if key not in there])
            strays = there - kept.keys() - sent.keys() if since is not None else frozenset()
            return LogMarks(self._records.last(), self._parcels.last(), frozenset(strays))

    def records(self, ids: Sequence[str]) -> list[LogRecord]:
        """Return the records of those ids that are there, in no order."""
        columns = [name for name in _RECORDS if name != "logged"]
        return [LogRecord(**row) for row in self._records.find(ids, columns)]

    def parcel(self, observation: str, digest: str) -> bytes:
        """Return the bytes of an observation that have this SHA-256, verified.

        Raises:
            NotFound: They are not there.
            IntegrityError: What is there does not have this digest.
        """
        if self._parcels.exists():
            for row in self._parcels.find([f"{observation} {digest}"], ["data"]):
                data = bytes(row["data"])
                if _sound(digest, data):
                    return data
                raise IntegrityError(
                    f"{digest} of observation {observation} in {self.place} was damaged. Restore "
                    "it from a backup."
                )
        raise NotFound(f"{digest} of observation {observation} is not in {self.place}")

    def bytes_of(self, wanted: Iterable[tuple[str, str]]) -> dict[str, bytes]:
        """Return bytes of many observations in one look, by their SHA-256, verified.

        Args:
            wanted: Ids of observations, each with the SHA-256 of its picture or embeddings.

        Returns:
            What is here and sound; of the rest, `parcel` says what is wrong.
        """
        keys = [f"{observation} {digest}" for observation, digest in wanted]
        if not keys or not self._parcels.exists():
            return {}
        rows = self._parcels.find(keys, ["sha256", "data"])
        found = {row["sha256"]: bytes(row["data"]) for row in rows}
        return {digest: data for digest, data in found.items() if _sound(digest, data)}

    def scan(
        self,
        columns: Sequence[str] = ("id", "at", "robot", "camera", "model", "record"),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        camera: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Give those columns of the records that fit, as they were added; see `LogRecord`.

        Args:
            columns: Also ``logged``, when it was added.
            since: Taken at or after this time.
            until: Taken before this time.
            camera: Of this camera only.
        """
        return self._records.scan(columns, _condition(since, until, camera), 4096)

    def parcels(
        self,
        columns: Sequence[str] = ("observation", "kind", "sha256", "at", "camera", "data"),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        camera: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Give those columns of the parcels that fit, as they were added; see `Parcel`.

        Args:
            columns: ``data`` is read only where it is named; also ``key`` and ``logged``.
            since: Taken at or after this time.
            until: Taken before this time.
            camera: Of this camera only.
        """
        batch = 32 if "data" in columns else 4096
        return self._parcels.scan(columns, _condition(since, until, camera), batch)

    def forget(self, keys: Sequence[str]) -> None:
        """Forget parcels by their keys, as `parcels` gives them; their bytes go with `tidy`."""
        self._parcels.forget(keys)

    def tidy(self, older_than: timedelta = VERSIONS_STAY) -> None:
        """Gather small files into large ones, index them, and remove what is no longer used.

        One process does it at a time; others write and read meanwhile.
        """
        self._records.tidy(older_than)
        self._parcels.tidy(older_than)


def _id(record: LogRecord) -> str:
    return record.id


def _key(parcel: Parcel) -> str:
    return f"{parcel.observation} {parcel.sha256}"


def _sound(digest: str, data: bytes) -> bool:
    return sha256(data).hexdigest() == digest


def _firsts(given: Iterable[_Sent], key: Callable[[_Sent], str]) -> Iterable[_Sent]:
    found: dict[str, _Sent] = {}
    for one in given:
        found.setdefault(key(one), one)
    return found.values()


def _told(keys: set[str], known: Knows) -> set[str]:
    """Return those keys, of records and of parcels, that the catalogue tells of."""
    if not keys:
        return set()
    parts = {key: key.partition(" ") for key in keys}
    rows = known({id for id, _, _ in parts.values()})
    return {
        key
        for key, (id, _, digest) in parts.items()
        if id in rows and (not digest or digest in (rows[id].image, rows[id].embeddings))
    }


def _condition(since: datetime | None, until: datetime | None, camera: str | None) -> str | None:
    parts = []
    for bound, sign in ((since, ">="), (until, "<")):
        if bound is not None:
            parts.append(f"at {sign} timestamp '{utc(bound).replace(tzinfo=None).isoformat(' ')}'")
    if camera is not None:
        parts.append(f"camera = {quoted(camera)}")
    return " AND ".join(parts) or None
