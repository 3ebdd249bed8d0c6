"""What the catalogue gives back where it keeps more, or less, than a core word holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
