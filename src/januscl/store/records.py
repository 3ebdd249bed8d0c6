"""What the catalogue gives back where it keeps more, or less, than a core word holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from januscl.core import Instances, Label, Pick, Verdict
from januscl.core.wire import instances_from_json


@dataclass(frozen=True)
class ObservationRow:
    """An observation as the catalogue keeps it: without pixels and embeddings.

    Attributes:
        at: When the frame was taken, UTC.
        height, width: Size of the frame, px.
        model: Id of the model version that made the instances.
        seen: The instances as JSON; `instances` decodes them.
        image: SHA-256 of the picture in the blob store; None when it was not kept.
        embeddings: SHA-256 of the embeddings in the blob store; None when there are none.
        pick: The attempt, once its outcome was reported.
    """

    id: str
    robot: str
    camera: str
    at: datetime
    height: int
    width: int
    model: str
    seen: Mapping[str, Any]
    image: str | None
    embeddings: str | None
    pick: Pick | None

    @cached_property
    def instances(self) -> Instances:
        """What the model saw, without embeddings; decoded when first asked for."""
        return instances_from_json(self.seen, f"instances of observation {self.id}")


@dataclass(frozen=True)
class CauseReading:
    """What was read of one cause of a fault in one camera's frames of one minute.

    Attributes:
        frames: In which it was read.
        alarms: Of them, those that it explains: frames of which it is the main cause.
        mean, worst: Of its severity, in the unit of its evidence; see `januscl.core.Signal`.
        score: The worst score, by which an alarm is judged.
    """

    frames: int
    alarms: int
    mean: float
    worst: float
    score: float


@dataclass(frozen=True)
class HealthMinute:
    """What was read of one camera in one minute.

    Attributes:
        at: When the minute began, UTC.
        frames: That were read.
        faulty: Of them, those with a fault, whatever its cause.
        causes: By the name of the cause.
    """

    camera: str
    at: datetime
    frames: int
    faulty: int
    causes: Mapping[str, CauseReading]


@dataclass(frozen=True)
class DiagnosisRow:
    """What was wrong with the mask that a failed pick was based on: a hint, and no verdict.

    Attributes:
        observation: Id of what the pick was made on.
        instance: Row that the robot tried; None where it found nothing to try.
        diagnosis: In a word or two, such as ``merged``.
        evidence: One sentence that a person can read.
    """

    observation: str
    instance: int | None
    diagnosis: str
    evidence: str


@dataclass(frozen=True)
class LabelTaskRow:
    """A label task as the catalogue keeps it.

    Attributes:
        novelty: Id of the novelty it is for; None for an ordinary frame.
        image: SHA-256 of the picture in the blob store.
        proposals: What the model saw, a start for the annotator.
        done: True once it was answered.
    """

    id: str
    observation: str
    novelty: str | None
    image: str
    proposals: Instances
    done: bool


@dataclass(frozen=True, eq=False)
class LabelRow:
    """A label, and the SHA-256 of its JSON in the blob store."""

    label: Label
    digest: str


@dataclass(frozen=True)
class VerdictRow:
    """A gate's verdict on a model against the champion of that time."""

    model: str
    champion: str
    verdict: Verdict
    at: datetime


@dataclass(frozen=True)
class AuditRow:
    """One step: who or what did which action to which subject, when, and the details."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class RejectRow:
    """Something that was not accepted, why, and the SHA-256 of its bytes where they were kept."""

    at: datetime
    thing: str
    reason: str
    blob: str | None


@dataclass(frozen=True)
class InboxRow:
    """A robot's message that was acknowledged and waits for a worker.

    Attributes:
        id: Grows with each message; never used again.
        received: When it came.
        robot: Who sent it, by its token.
        kind: What it is, such as ``batch`` or ``outcomes``.
        message: Its bytes as they came.
    """

    id: int
    received: datetime
    robot: str
    kind: str
    message: bytes = field(repr=False)


@dataclass(frozen=True)
class LogMarks:
    """How far the catalogue tells of the observation log.

    Attributes:
        records, parcels: The latest part of each that was looked through.
        strays: Keys of what is in these parts and not told of: a worker that died before it could
            say so added it, and it comes again.
    """

    records: int = -1
    parcels: int = -1
    strays: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Known:
    """What the catalogue holds an observation to, when more comes under its id.

    Attributes:
        image, embeddings: SHA-256 of what it has; None where it may yet come.
    """

    robot: str
    camera: str
    at: datetime
    height: int
    width: int
    image: str | None
    embeddings: str | None


@dataclass(frozen=True)
class CheckIn:
    """How a robot said it was.

    Attributes:
        robot: Its name.
        at: When it said so.
        running: Id of the model version that it runs; None without one.
        counters: What it counts, such as frames that were dropped for want of room.
        error: What went wrong last, in its words; None when nothing did.
    """

    robot: str
    at: datetime
    running: str | None
    counters: Mapping[str, int]
    error: str | None


class Role(StrEnum):
    """What the bearer of a token may do."""

    ROBOT = "robot"
    ANNOTATOR = "annotator"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True)
class TokenRow:
    """A token without its secret, which is kept nowhere.

    Attributes:
        id: UUIDv7; part of the secret's text.
        name: What people call it.
        role: What it may do.
        robot: Whom it speaks for, with the role robot alone.
        created: When it was made.
        expires: From when on it is void; None when never.
        revoked: Since when it is void by a person's word.
        last_used: To the minute.
    """

    id: str
    name: str
    role: Role
    robot: str | None
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    last_used: datetime | None = None
