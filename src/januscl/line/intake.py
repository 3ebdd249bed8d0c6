"""What robots send, taken in: judged at the door, acknowledged once it is safe in the inbox.

`drain` moves the inbox on to the log and the catalogue. A message is kept as it came, under one of
the kinds below, so that what was acknowledged can be read again by any worker, after any crash.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from januscl.core import InvalidInput
from januscl.core.message import (
    Record,
    check_id,
    decode_batch,
    encode_batch,
    pick_to_json,
    record_to_json,
)
from januscl.core.wire import canonical
from januscl.line.access import Forbidden
from januscl.line.checks import check_time
from januscl.line.draining import BATCH, OUTCOMES, PICTURE, Drained, drain
from januscl.line.parcels import check_embeddings, check_header
from januscl.line.readings import read_outcome, read_record
from januscl.store import Workspace

__all__ = [
    "Drained", "Receipt", "Refusal", "drain", "read_json", "take_batch", "take_outcomes",
    "take_picture", "take_record",
]  # fmt: skip

_LONGEST_HEADER = 4 * 2**20
_MARK_AND_LENGTH = 12


@dataclass(frozen=True)
class Refusal:
    """One record or outcome that was not taken: its id, as far as it has one, and the reason."""

    id: str
    reason: str


@dataclass(frozen=True)
class Receipt:
    """What became of a request: ids that are safe now, and what was refused for good."""

    accepted: tuple[str, ...]
    rejected: tuple[Refusal, ...]


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text, or raise `InvalidInput`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            "body", "JSON in UTF-8", f"{type(error).__name__}: {error}"[:120], "Correct it."
        ) from error


def take_batch(workspace: Workspace, robot: str, message: bytes, most: int) -> Receipt:
    """Take in a message of `januscl.core.message.encode_batch`; safe on the disk on return.

    Args:
        workspace: Keeps it.
        robot: Who sent it.
        message: As it came.
        most: Records that one message may have.

    Raises:
        InvalidInput: It is damaged, has too many records, or bytes that no record names.
        Forbidden: A record is another robot's; nothing of the message was taken.
        StorageFull: There was no room; nothing was taken.
    """
    length = int.from_bytes(message[_MARK_AND_LENGTH - 4 : _MARK_AND_LENGTH], "big")
    if length > _LONGEST_HEADER:
        raise InvalidInput(
            "batch",
            f"a header of at most {_LONGEST_HEADER} bytes",
            f"{length}",
            "Send it in parts.",
        )
    batch = decode_batch(message)
    _check_number(batch.records, most, "records")
    return _take_records(workspace, robot, batch.records, batch.blobs, message)


def take_record(workspace: Workspace, robot: str, value: Any) -> Receipt:
    """Take in one record that came as JSON, without bytes; see `take_batch`."""
    return _take_records(workspace, robot, [value], {}, None)


def take_outcomes(workspace: Workspace, robot: str, value: Any, most: int) -> Receipt:
    """Take in ``{"outcomes": [{"observation": id, "pick": {...}}, ...]}``; safe on return.

    An outcome may come before its observation.

    Raises:
        InvalidInput: It is something else, or has too many outcomes.
        Forbidden: An observation is another robot's; nothing was taken.
        StorageFull: There was no room; nothing was taken.
    """
    listed = value.get("outcomes") if isinstance(value, Mapping) else None
    if not isinstance(listed, list):
        raise InvalidInput(
            "body", '{"outcomes": [...]}', repr(value)[:80], "List observation and pick of each."
        )
    _check_number(listed, most, "outcomes")
    now = datetime.now(UTC)
    kept, refused = list[Any](), list[Refusal]()
    for entry in listed:
        try:
            id, pick = read_outcome(entry)
            check_time(pick.at, f"the pick of observation {id}", now)
        except InvalidInput as error:
            refused.append(Refusal(_named(entry, "observation"), str(error)))
            continue
        _check_owner(workspace, id, robot)
        kept.append({"observation": id, "pick": pick_to_json(pick)})
    message = canonical({"outcomes": kept})
    _keep(workspace, robot, OUTCOMES, message if kept else None, refused, "outcome")
    return Receipt(tuple(entry["observation"] for entry in kept), tuple(refused))


def take_picture(workspace: Workspace, robot: str, id: str, data: bytes) -> None:
    """Take in the JPEG or PNG of an observation that was sent without it; safe on return.

    Raises:
        InvalidInput: The id or the picture cannot be used.
        Forbidden: The observation is another robot's.
        StorageFull: There was no room; nothing was taken.
    """
    check_id(id)
    size = _check_owner(workspace, id, robot)
    thing = f"picture of observation {id}"
    check_header(data, thing, size)
    digest = hashlib.sha256(data).hexdigest()
    message = encode_batch([{"id": id, "image": digest}], {digest: data})
    _keep(workspace, robot, PICTURE, message, [], "picture")


def _take_records(
    workspace: Workspace,
    robot: str,
    values: Sequence[Any],
    blobs: Mapping[str, bytes],
    message: bytes | None,
) -> Receipt:
    """Take in what can be; the message is kept as it came where all of it can be."""
    stray = set(blobs)
    for value in values:
        named = value if isinstance(value, Mapping) else {}
        if isinstance(named.get("robot"), str) and named["robot"] != robot:
            raise Forbidden(f"the token of robot {robot} may not speak for another robot")
        stray -= {d for d in (named.get("image"), named.get("embeddings")) if isinstance(d, str)}
    if stray:
        raise InvalidInput(
            "batch", "blobs that a record names", f"{len(stray)} that none does", "Leave them out."
        )
    now = datetime.now(UTC)
    kept, refused = list[Record](), list[Refusal]()
    for value in values:
        try:
            record = read_record(value)
            check_time(record.at, f"observation {record.id}", now)
            _check_bytes(workspace, record, blobs)
        except InvalidInput as error:
            refused.append(Refusal(_named(value, "id"), str(error)))
        else:
            kept.append(record)
    if refused or message is None:
        used = {digest for record in kept for digest in (record.image, record.embeddings)}
        values = [record_to_json(record) for record in kept]
        message = encode_batch(values, {d: data for d, data in blobs.items() if d in used})
    _keep(workspace, robot, BATCH, message if kept else None, refused, "observation")
    return Receipt(tuple(record.id for record in kept), tuple(refused))


def _check_bytes(workspace: Workspace, record: Record, blobs: Mapping[str, bytes]) -> None:
    """Raise `InvalidInput` unless the record's picture and embeddings are at hand and sound."""
    thing = f"observation {record.id}"
    if record.image is not None:
        data = _bytes(workspace, record, record.image, blobs, f"picture of {thing}")
        if data is not None:
            check_header(data, f"picture of {thing}", (record.height, record.width))
    if record.embeddings is not None:
        data = _bytes(workspace, record, record.embeddings, blobs, f"embeddings of {thing}")
        if data is not None:
            check_embeddings(data, f"embeddings of {thing}", len(record.instances))


def _bytes(
    workspace: Workspace, record: Record, digest: str, blobs: Mapping[str, bytes], thing: str
) -> bytes | None:
    """Return the bytes that came along; None where they are kept already."""
    if digest not in blobs and not _kept(workspace, record.id, digest):
        raise InvalidInput(
            thing, "its bytes in the same batch", "none", "Send them along, or null as its digest."
        )
    return blobs.get(digest)


def _kept(workspace: Workspace, id: str, digest: str) -> bool:
    """Say whether an observation's bytes are in the log, or anybody's in the blob store."""
    known = workspace.catalogue.observations.known([id]).get(id)
    logged = known is not None and digest in (known.image, known.embeddings)
    return logged or workspace.blobs.has(digest)


def _keep(
    workspace: Workspace,
    robot: str,
    kind: str,
    message: bytes | None,
    refused: Sequence[Refusal],
    what: str,
) -> None:
    """Put a message into the inbox and what was refused among the rejects, both or neither."""
    if message is not None and not refused:
        workspace.catalogue.inbox.put(robot, kind, message)
        return
    with workspace.catalogue.transaction() as tx:
        if message is not None:
            tx.inbox.put(robot, kind, message)
        for refusal in refused:
            tx.rejects.add(f"{what} {refusal.id} of {robot}", refusal.reason)


def _check_number(listed: Sequence[Any], most: int, what: str) -> None:
    if not 1 <= len(listed) <= most:
        raise InvalidInput(what, f"1 to {most}", f"{len(listed)}", "Send them in parts.")


def _check_owner(workspace: Workspace, id: str, robot: str) -> tuple[int, int] | None:
    """Return the size of an observation's frame, if it is known; it must be the robot's own."""
    known = workspace.catalogue.observations.known([id]).get(id)
    if known is None:
        return None
    if known.robot != robot:
        raise Forbidden(f"observation {id} is not one of robot {robot}")
    return known.height, known.width


def _named(value: Any, name: str) -> str:
    """Return an id to tell the sender which of its records is meant."""
    id = value.get(name) if isinstance(value, Mapping) else None
    return id if isinstance(id, str) and len(id) <= 80 and id.isprintable() else repr(id)[:80]
