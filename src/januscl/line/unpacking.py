"""What a message of the inbox holds, read and judged by itself; nothing is looked up for it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from januscl.core import InvalidInput, Pick
from januscl.core.message import Record, decode_batch
from januscl.core.wire import canonical
from januscl.line.parcels import check_size, whole_size
from januscl.line.readings import read_outcome, read_record
from januscl.store import InboxRow

BATCH, OUTCOMES, PICTURE = "batch", "outcomes", "picture"
"""The kinds of message in the inbox."""

_FIELDS = (
    "id", "robot", "camera", "at", "size", "model", "instances", "image", "embeddings", "reasons",
)  # fmt: skip


@dataclass(frozen=True)
class SentRecord:
    """A record, with the bytes that came along.

    Attributes:
        text: It as JSON, as it came.
        blobs: Digest to bytes, of those that it names and that came along.
        damage: What is wrong with its picture; None where nothing is.
    """

    record: Record
    text: str
    blobs: Mapping[str, bytes]
    damage: str | None


@dataclass(frozen=True)
class SentPicture:
    """A picture that came after its observation.

    Attributes:
        size: Rows and columns; None where it is damaged.
        damage: What is wrong with it; None where nothing is.
    """

    robot: str
    observation: str
    digest: str
    data: bytes
    size: tuple[int, int] | None
    damage: str | None


@dataclass(frozen=True)
class SentPick:
    """How a pick ended."""

    robot: str
    observation: str
    pick: Pick


Sent = SentRecord | SentPicture | SentPick


def unpack(row: InboxRow) -> Iterator[Sent]:
    """Give what a message holds, in its order; pictures are decoded to know that they are whole.

    Raises:
        ValueError, TypeError, KeyError: It is no message that was ever taken in.
    """
    if row.kind == OUTCOMES:
        for entry in json.loads(row.message)["outcomes"]:
            yield SentPick(row.robot, *read_outcome(entry))
        return
    batch = decode_batch(row.message)
    if row.kind == PICTURE:
        (value,) = batch.records
        yield _picture(row.robot, value["id"], value["image"], batch.blobs[value["image"]])
    elif row.kind == BATCH:
        for value in batch.records:
            yield _record(value, batch.blobs)
    else:
        raise ValueError(f"a message of an unknown kind, {row.kind!r}")


def _record(value: Any, blobs: Mapping[str, bytes]) -> SentRecord:
    record = read_record(value)
    text = canonical({name: value[name] for name in _FIELDS if name in value}).decode()
    named = [digest for digest in (record.image, record.embeddings) if digest is not None]
    came = {digest: blobs[digest] for digest in named if digest in blobs}
    damage = None
    if record.image is not None and record.image in came:
        thing = f"picture of observation {record.id}"
        try:
            size = whole_size(came[record.image], thing)
            check_size(size, (record.height, record.width), thing)
        except InvalidInput as error:
            damage = str(error)
    return SentRecord(record, text, came, damage)


def _picture(robot: str, id: str, digest: str, data: bytes) -> SentPicture:
    try:
        size = whole_size(data, f"picture of observation {id}")
    except InvalidInput as error:
        return SentPicture(robot, id, digest, data, None, str(error))
    return SentPicture(robot, id, digest, data, size, None)
