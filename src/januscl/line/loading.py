"""What was sent, held to what the catalogue knows: what goes to the log, and what is written."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from januscl.core import Conflict, Frame, InvalidInput, NotFound, Observation, Pick
from januscl.core.message import Record
from januscl.line.parcels import check_size
from januscl.line.unpacking import Sent, SentPick, SentPicture, SentRecord
from januscl.store import (
    EMBEDDINGS,
    IMAGE,
    Known,
    LogRecord,
    Parcel,
    Prepared,
    Transaction,
    Workspace,
)

Done = Mapping[str, int]
Step = Callable[[Transaction], Done]
"""Writes through a transaction, and returns how many of what it wrote, for the account."""


@dataclass(frozen=True)
class Rejected:
    """Something that cannot be taken, why, and its bytes."""

    thing: str
    reason: str
    data: bytes


@dataclass
class Load:
    """What is to be kept of some messages.

    Attributes:
        records, parcels: For the log.
        steps: For the catalogue, in order.
    """

    records: list[LogRecord] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def load(workspace: Workspace, sent: Sequence[Sent | Rejected]) -> Load:
    """Return what is to be kept, by what the catalogue knows and what comes before in the list.

    What is rejected leaves its bytes in the blob store. Nobody else may add observations until the
    steps were taken.
    """
    return _Loading(workspace, sent).load


class _Loading:
    def __init__(self, workspace: Workspace, sent: Sequence[Sent | Rejected]) -> None:
        self._workspace, self.load = workspace, Load()
        self._known = workspace.catalogue.observations.known(_ids(sent))
        self._new = list[Prepared]()
        for one in sent:
            if isinstance(one, SentRecord):
                self._record(one)
            elif isinstance(one, SentPicture):
                self._picture(one)
            elif isinstance(one, SentPick):
                self._pick(one)
            else:
                self._reject(one.thing, one.reason, one.data)
        if self._new:
            self.load.steps.insert(0, partial(_add_new, self._new))

    def _record(self, sent: SentRecord) -> None:
        record, known = sent.record, self._known.get(sent.record.id)
        thing, image = f"picture of observation {record.id}", record.image
        picture = sent.blobs.get(image) if image is not None else None
        if picture is not None and sent.damage is not None:
            self._reject(thing, sent.damage, picture)
            image = picture = None
        if known is not None and not _same_frame(known, record):
            if picture is not None:
                self._reject(thing, "another frame has this id", picture)
            self._again(sent, image)
            return
        had = known or _unknown(record)
        if had.image is None and image is not None and picture is not None:
            self._parcel(IMAGE, record.id, image, record, picture)
        arrays = sent.blobs.get(record.embeddings) if record.embeddings is not None else None
        if had.embeddings is None and record.embeddings is not None and arrays is not None:
            self._parcel(EMBEDDINGS, record.id, record.embeddings, record, arrays)
        self._known[record.id] = replace(
            had, image=had.image or image, embeddings=had.embeddings or record.embeddings
        )
        if known is not None:
            self._again(sent, image)
            return
        self.load.records.append(
            LogRecord(record.id, record.at, record.robot, record.camera, record.model, sent.text)
        )
        prepared = self._workspace.catalogue.observations.prepared
        self._new.append(prepared(_seen(record), image, record.embeddings))

    def _again(self, sent: SentRecord, image: str | None) -> None:
        self.load.steps.append(partial(_add, self._workspace, sent, image))

    def _picture(self, sent: SentPicture) -> None:
        thing = f"picture of observation {sent.observation}"
        known = self._known.get(sent.observation)
        try:
            if sent.damage is not None or sent.size is None:
                raise Conflict(f"{sent.damage}")
            if known is None:
                raise NotFound(f"observation {sent.observation} is not in the catalogue")
            if known.robot != sent.robot:
                raise Conflict(f"robot {sent.robot} sent it, the observation is {known.robot}'s")
            if known.image not in (None, sent.digest):
                raise Conflict("the observation has another picture, which stays")
            check_size(sent.size, (known.height, known.width), thing)
        except (Conflict, InvalidInput, NotFound) as error:
            self._reject(thing, str(error), sent.data)
            return
        if known.image == sent.digest:
            self.load.steps.append(_repeated)
            return
        self._parcel(IMAGE, sent.observation, sent.digest, known, sent.data)
        self._known[sent.observation] = replace(known, image=sent.digest)
        self.load.steps.append(partial(_set_picture, sent.observation, sent.digest))

    def _pick(self, sent: SentPick) -> None:
        thing = f"pick of observation {sent.observation}"
        known = self._known.get(sent.observation)
        if known is not None and known.robot != sent.robot:
            reason = f"robot {sent.robot} reported it, the observation is {known.robot}'s"
            self.load.steps.append(partial(_rejected, thing, reason, None))
            return
        self.load.steps.append(partial(_report, sent.observation, sent.pick))

    def _parcel(self, kind: str, id: str, digest: str, frame: Known | Record, data: bytes) -> None:
        self.load.parcels.append(Parcel(id, kind, digest, frame.at, frame.camera, data))

    def _reject(self, thing: str, reason: str, data: bytes) -> None:
        blob = self._workspace.blobs.put(data)
        self.load.steps.append(partial(_rejected, thing, reason, blob))


def _ids(sent: Iterable[Sent | Rejected]) -> set[str]:
    ids = set[str]()
    for one in sent:
        if isinstance(one, SentRecord):
            ids.add(one.record.id)
        elif not isinstance(one, Rejected):
            ids.add(one.observation)
    return ids


def _same_frame(known: Known, record: Record) -> bool:
    return (known.robot, known.camera, known.at) == (record.robot, record.camera, record.at)


def _unknown(record: Record) -> Known:
    return Known(record.robot, record.camera, record.at, record.height, record.width, None, None)


def _seen(record: Record) -> Observation:
    # The catalogue keeps a frame's size and no pixel, so these take no memory.
    pixels = np.broadcast_to(np.zeros(3, np.uint8), (record.height, record.width, 3))
    frame = Frame(pixels, record.camera, record.robot, record.at)
    return Observation(record.id, frame, record.instances, record.model)


def _add_new(seen: Sequence[Prepared], tx: Transaction) -> Done:
    new = tx.observations.add_new(seen)
    if new < len(seen):
        raise Conflict("the catalogue was written by another way than the inbox; it is tried again")
    return {"observations": new}


def _add(workspace: Workspace, sent: SentRecord, image: str | None, tx: Transaction) -> Done:
    try:
        tx.observations.add(_seen(sent.record), image, sent.record.embeddings)
    except (Conflict, InvalidInput) as error:
        blob = workspace.blobs.put(sent.text.encode())
        return _rejected(f"observation {sent.record.id}", str(error), blob, tx)
    return {"repeated": 1}


def _report(id: str, pick: Pick, tx: Transaction) -> Done:
    try:
        return {"outcomes" if tx.observations.report(id, pick) else "repeated": 1}
    except (Conflict, InvalidInput) as error:
        return _rejected(f"pick of observation {id}", str(error), None, tx)


def _set_picture(id: str, digest: str, tx: Transaction) -> Done:
    tx.observations.set_image(id, digest)
    return {"pictures": 1}


def _repeated(tx: Transaction) -> Done:
    return {"repeated": 1}


def _rejected(thing: str, reason: str, blob: str | None, tx: Transaction) -> Done:
    tx.rejects.add(thing, reason, blob)
    return {"rejected": 1}
