"""The inbox on its way to the catalogue: in order, and each message wholly or not at all.

Bytes go to the blob store first, where doing it twice does no harm. All else of some messages,
their removal from the inbox included, is one transaction: whenever the process is killed, what
was acknowledged is in the inbox or in the catalogue, and never in both.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np

from januscl.core import Conflict, Frame, InvalidInput, NotFound, Observation, Pick
from januscl.core.message import Record, decode_batch, record_to_json
from januscl.line.parcels import check_size, decoded_size
from januscl.line.readings import read_outcome, read_record
from januscl.store import InboxRow, Transaction, Workspace

BATCH, OUTCOMES, PICTURE = "batch", "outcomes", "picture"
"""The kinds of message in the inbox."""

_UNREADABLE = (ValueError, TypeError, KeyError, OverflowError, RecursionError)

Step = Callable[[Transaction], str]
"""Writes one thing through a transaction, and returns what it was, for the account."""


@dataclass(frozen=True)
class Drained:
    """What was moved.

    Attributes:
        messages: Taken from the inbox.
        observations: That are new.
        repeated: Observations and outcomes that came again.
        outcomes: That are new.
        pictures: That came after their observation.
        rejected: Rows that went to the rejects.
    """

    messages: int = 0
    observations: int = 0
    repeated: int = 0
    outcomes: int = 0
    pictures: int = 0
    rejected: int = 0


def drain(workspace: Workspace, limit: int = 64, lease: timedelta | None = None) -> Drained:
    """Move the oldest messages of the inbox to the catalogue and the blob store.

    What cannot be taken becomes a reject with its reason and, where it has some, its bytes. Several
    processes may drain at once: what another one has moved meanwhile is left to it.

    Args:
        workspace: Holds both.
        limit: Messages at most.
        lease: For how long no other worker gets them, so that no work is done twice; see
            `januscl.store.Catalogue`'s inbox.

    Raises:
        StorageFull: There was no room; all of it is still in the inbox.
    """
    rows = workspace.catalogue.inbox.take(limit, lease=lease)
    if not rows:
        return Drained()
    try:
        steps = [step for row in rows for step in _steps(workspace, row)]
        done = _commit(workspace, rows, steps)
    except _UNREADABLE:
        # One message that no version of this program could have kept must not hold up the others.
        done = sum((_alone(workspace, row) for row in rows), Counter[str]())
    return Drained(**done)


def _alone(workspace: Workspace, row: InboxRow) -> Counter[str]:
    try:
        return _commit(workspace, [row], _steps(workspace, row))
    except _UNREADABLE as error:
        thing = f"message {row.id} of {row.robot}, a {row.kind}"
        blob = workspace.blobs.put(row.message)
        step = partial(_reject, thing, f"{type(error).__name__}: {error}"[:500], blob)
        return _commit(workspace, [row], [step])


def _commit(workspace: Workspace, rows: Sequence[InboxRow], steps: Sequence[Step]) -> Counter[str]:
    """Take the steps and drop the messages, both or neither."""
    done = Counter(messages=len(rows))
    try:
        with workspace.catalogue.transaction() as tx:
            if tx.inbox.drop([row.id for row in rows]) < len(rows):
                raise _Overtaken
            for step in steps:
                done[step(tx)] += 1
    except _Overtaken:
        return Counter()
    return done


class _Overtaken(Exception):
    """Raised to undo a transaction: another worker has moved one of its messages."""


def _steps(workspace: Workspace, row: InboxRow) -> list[Step]:
    """Return what a message asks for; its bytes are in the blob store when this returns."""
    if row.kind == OUTCOMES:
        outcomes = [read_outcome(entry) for entry in json.loads(row.message)["outcomes"]]
        return [partial(_report, row.robot, id, pick) for id, pick in outcomes]
    batch = decode_batch(row.message)
    if row.kind == PICTURE:
        (value,) = batch.records
        return [_picture(workspace, row.robot, value["id"], batch.blobs[value["image"]])]
    if row.kind != BATCH:
        raise ValueError(f"a message of an unknown kind, {row.kind!r}")
    return [
        step
        for value in batch.records
        for step in _observation(workspace, row.robot, value, batch.blobs)
    ]


def _observation(
    workspace: Workspace, robot: str, value: Any, blobs: Mapping[str, bytes]
) -> list[Step]:
    """Return the steps of one record; what is wrong with its picture costs only the picture."""
    record, steps = read_record(value), list[Step]()
    image = record.image
    if image is not None and image in blobs:
        thing = f"picture of observation {record.id}"
        digest = workspace.blobs.put(blobs[image])
        try:
            check_size(decoded_size(blobs[image], thing), (record.height, record.width), thing)
        except InvalidInput as error:
            steps.append(partial(_reject, thing, str(error), digest))
            image = None
    if record.embeddings is not None and record.embeddings in blobs:
        workspace.blobs.put(blobs[record.embeddings])
    return [partial(_add, workspace, record, image), *steps]


def _seen(record: Record) -> Observation:
    # The catalogue keeps a frame's size and no pixel, so these take no memory.
    pixels = np.broadcast_to(np.zeros(3, np.uint8), (record.height, record.width, 3))
    frame = Frame(pixels, record.camera, record.robot, record.at)
    return Observation(record.id, frame, record.instances, record.model)


def _add(workspace: Workspace, record: Record, image: str | None, tx: Transaction) -> str:
    try:
        new = tx.observations.add(_seen(record), image, record.embeddings)
    except (Conflict, InvalidInput) as error:
        blob = workspace.put_json(record_to_json(record))
        return _reject(f"observation {record.id}", str(error), blob, tx)
    return "observations" if new else "repeated"


def _report(robot: str, id: str, pick: Pick, tx: Transaction) -> str:
    thing = f"pick of observation {id}"
    try:
        owner = tx.observations.get(id).robot
    except NotFound:
        owner = robot  # the outcome waits for its observation
    if owner != robot:
        return _reject(thing, f"robot {robot} reported it, the observation is {owner}'s", None, tx)
    try:
        return "outcomes" if tx.observations.report(id, pick) else "repeated"
    except (Conflict, InvalidInput) as error:
        return _reject(thing, str(error), None, tx)


def _picture(workspace: Workspace, robot: str, id: str, data: bytes) -> Step:
    digest = workspace.blobs.put(data)
    thing = f"picture of observation {id}"
    try:
        size = decoded_size(data, thing)
    except InvalidInput as error:
        return partial(_reject, thing, str(error), digest)
    return partial(_set_picture, robot, id, digest, size)


def _set_picture(robot: str, id: str, digest: str, size: tuple[int, int], tx: Transaction) -> str:
    thing = f"picture of observation {id}"
    try:
        row = tx.observations.get(id)
        if row.robot != robot:
            raise Conflict(f"robot {robot} sent it, the observation is {row.robot}'s")
        if row.image not in (None, digest):
            raise Conflict("the observation has another picture, which stays")
        check_size(size, (row.height, row.width), thing)
    except (Conflict, InvalidInput, NotFound) as error:
        return _reject(thing, str(error), digest, tx)
    if row.image == digest:
        return "repeated"
    tx.observations.set_image(id, digest)
    return "pictures"


def _reject(thing: str, reason: str, blob: str | None, tx: Transaction) -> str:
    tx.rejects.add(thing, reason, blob)
    return "rejected"
