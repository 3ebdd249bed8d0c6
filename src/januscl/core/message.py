"""What a robot sends and the service takes: records of what was seen, and batches of them.

A batch is a line ``JANUSB1``, the header's length as 4 bytes (big-endian), the header as JSON
(``{"records": [...], "blobs": [[sha256, bytes], ...]}``), then the blobs one after another. One
message thus carries pixels without a text encoding, and can be kept as it came.
"""

import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from januscl.core.errors import InvalidInput
from januscl.core.ids import utc
from januscl.core.masks import check_sizes
from januscl.core.observation import Instances, Outcome, Pick
from januscl.core.wire import Json, canonical, instances_from_json, instances_to_json

MEDIA_TYPE = "application/vnd.januscl.batch"
_MAGIC = b"JANUSB1\n"
_LENGTH = struct.Struct(">I")
_LONGEST_NAME = 200
_TEXTS = {
    "id": "a UUID in lower case, as text",
    "robot": "the robot's name, as text",
    "camera": "the camera's name, as text",
    "at": "an ISO 8601 time with its zone, as text",
    "model": "the id of the model version, as text",
}


@dataclass(frozen=True, eq=False)
class Record:
    """An observation as it travels: its pixels and embeddings by digest, or not with it at all.

    Attributes:
        id: UUIDv7, made on the robot.
        robot, camera: Names.
        at: When the frame was taken, UTC.
        height, width: Of the frame, px.
        model: Id of the version that made the instances.
        instances: What it saw, without embeddings.
        image: SHA-256 of the encoded picture; None where it stays on the robot.
        embeddings: SHA-256 of an ``.npz`` with ``instances (N, D)`` and ``frame (D,)``; or None.
        reasons: Why the pixels matter, such as ``failed_pick``, ``event`` or ``random``.

    Raises:
        InvalidInput: The id is no UUID, a name is empty or too long, the time has no zone, or a
            mask has not the frame's size.
    """

    id: str
    robot: str
    camera: str
    at: datetime
    height: int
    width: int
    model: str
    instances: Instances
    image: str | None = None
    embeddings: str | None = None
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_id(self.id)
        for name in ("robot", "camera", "model"):
            if not 0 < len(getattr(self, name)) <= _LONGEST_NAME:
                raise InvalidInput(
                    f"{name} of observation {self.id}",
                    f"1 to {_LONGEST_NAME} characters",
                    f"{len(getattr(self, name))}",
                    "Give it its name in the fleet.",
                )
        object.__setattr__(self, "at", utc(self.at, f"time of observation {self.id}"))
        size = (self.height, self.width)
        check_sizes(
            self.instances.masks, size, f"observation {self.id}", "Masks have the frame's size."
        )


@dataclass(frozen=True)
class Batch:
    """Records and the bytes that belong to them.

    Attributes:
        records: JSON objects as `record_to_json` makes them; not yet validated.
        blobs: SHA-256 to bytes; verified.
    """

    records: tuple[Any, ...]
    blobs: Mapping[str, bytes]


def check_id(id: str) -> None:
    """Raise `InvalidInput` unless ``id`` is a UUID as `januscl.core.new_id` writes it."""
    try:
        valid = str(UUID(id)) == id
    except (ValueError, AttributeError, TypeError):
        valid = False
    if not valid:
        raise InvalidInput(
            "observation id", "a UUID in lower case", repr(id)[:80], "Make it with new_id()."
        )


def record_to_json(record: Record) -> Json:
    """Return the record as a plain object."""
    return {
        "id": record.id,
        "robot": record.robot,
        "camera": record.camera,
        "at": record.at.isoformat(),
        "size": [record.height, record.width],
        "model": record.model,
        "instances": instances_to_json(record.instances),
        "image": record.image,
        "embeddings": record.embeddings,
        "reasons": list(record.reasons),
    }


def record_from_json(value: Any) -> Record:
    """Return the record of `record_to_json`, or raise `InvalidInput` with the field's name."""
    if not isinstance(value, Mapping):
        raise InvalidInput("record", "an object", repr(value)[:80], "Use record_to_json.")
    texts = {name: _text(value, name) for name in ("id", "robot", "camera", "at", "model")}
    size, reasons = value.get("size"), value.get("reasons", [])
    if not isinstance(size, list) or len(size) != 2 or not all(type(n) is int for n in size):
        raise InvalidInput("record.size", "[height, width]", repr(size)[:80], "In pixels.")
    if not isinstance(reasons, list) or not all(isinstance(r, str) for r in reasons):
        raise InvalidInput("record.reasons", "a list of texts", repr(reasons)[:80], "Or leave out.")
    return Record(
        texts["id"],
        texts["robot"],
        texts["camera"],
        time_from_json(texts["at"], "record.at"),
        size[0],
        size[1],
        texts["model"],
        instances_from_json(value.get("instances"), "record.instances"),
        _digest(value, "image"),
        _digest(value, "embeddings"),
        tuple(reasons),
    )


def pick_to_json(pick: Pick) -> Json:
    """Return the attempt as a plain object."""
    return {
        "instance": pick.instance,
        "point": None if pick.point is None else list(pick.point),
        "outcome": str(pick.outcome),
        "at": pick.at.isoformat(),
    }


def pick_from_json(value: Any) -> Pick:
    """Return the attempt of `pick_to_json`, or raise `InvalidInput` with the field's name."""
    if not isinstance(value, Mapping):
        raise InvalidInput("pick", "an object", repr(value)[:80], "Use pick_to_json.")
    row, point, outcome = value.get("instance"), value.get("point"), value.get("outcome")
    if row is not None and (type(row) is not int or row < 0):
        raise InvalidInput("pick.instance", "a row or null", repr(row)[:80], "Rows start at 0.")
    if point is not None and not (
        isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
    ):
        raise InvalidInput("pick.point", "[x, y] or null", repr(point)[:80], "In pixels.")
    if not isinstance(outcome, str) or outcome not in set(Outcome):
        known = ", ".join(Outcome)
        raise InvalidInput("pick.outcome", f"one of {known}", repr(outcome)[:80], "Correct it.")
    at = time_from_json(_text(value, "at", "pick"), "pick.at")
    where = None if point is None else (float(point[0]), float(point[1]))
    return Pick(row, where, Outcome(outcome), at)


def time_from_json(text: str, thing: str) -> datetime:
    """Return an ISO 8601 time with its zone, in UTC, or raise `InvalidInput`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            thing, "an ISO 8601 time with its zone", repr(text)[:80], "Write it in UTC."
        ) from error
    return utc(at, thing)


def encode_batch(records: Sequence[Json], blobs: Mapping[str, bytes]) -> bytes:
    """Return the message of some records and the bytes that go with them.

    Args:
        records: As `record_to_json` makes them.
        blobs: SHA-256 to bytes.
    """
    sizes = [[digest, len(data)] for digest, data in blobs.items()]
    header = canonical({"records": list(records), "blobs": sizes})
    return b"".join((_MAGIC, _LENGTH.pack(len(header)), header, *blobs.values()))


def decode_batch(message: bytes) -> Batch:
    """Return what `encode_batch` was given; the blobs are compared with their digests.

    Raises:
        InvalidInput: It is no such message, was cut short, or a blob is not what it is called.
    """
    start = len(_MAGIC) + _LENGTH.size
    if message[: len(_MAGIC)] != _MAGIC or len(message) < start:
        raise _damaged("the marker and a header", f"{len(message)} bytes that begin otherwise")
    (length,) = _LENGTH.unpack_from(message, len(_MAGIC))
    try:
        header = json.loads(message[start : start + length])
        records, sizes = header["records"], header["blobs"]
        listed = [(str(digest), size) for digest, size in sizes]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged("a JSON header with records and blobs", f"{error!r}"[:120]) from error
    whole = all(type(size) is int and size >= 0 for _, size in listed)
    if not isinstance(records, list) or not whole:
        raise _damaged("a list of records, and blobs with their sizes", "another header")
    at, blobs = start + length, dict[str, bytes]()
    if at + sum(size for _, size in listed) != len(message):
        raise _damaged("as many bytes as the header says", f"{len(message)} bytes")
    for digest, size in listed:
        blobs[digest] = message[at : at + size]
        if hashlib.sha256(blobs[digest]).hexdigest() != digest:
            raise _damaged(f"a blob of SHA-256 {digest[:64]}", "other bytes")
        at += size
    return Batch(tuple(records), blobs)


def model_statement(model: str, sha256: str, size: int) -> bytes:
    """Return the bytes that are signed for a model version: its id, digest and length."""
    return canonical({"model": model, "sha256": sha256, "bytes": size})


def _is_number(value: Any) -> bool:
    """Say whether a JSON value is a finite number that a float can hold."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        return False


def _damaged(expected: str, found: str) -> InvalidInput:
    return InvalidInput("batch", expected, found, "It was damaged on its way; send it again.")


def _text(value: Mapping[str, Any], name: str, of: str = "record") -> str:
    text = value.get(name)
    if not isinstance(text, str):
        found = repr(text)[:80] if name in value else f"a {of} without it"
        raise InvalidInput(f"{of}.{name}", _TEXTS[name], found, f"Use {of}_to_json.")
    return text


def _digest(value: Mapping[str, Any], name: str) -> str | None:
    digest = value.get(name)
    if digest is None:
        return None
    if not isinstance(digest, str) or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise InvalidInput(
            f"record.{name}", "64 hexadecimal digits or null", repr(digest)[:80], "A SHA-256."
        )
    return digest
