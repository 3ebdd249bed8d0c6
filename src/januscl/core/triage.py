"""What is out of the ordinary: signal, event, ticket, novelty, campaign."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from januscl.core.observation import Outcome


@dataclass(frozen=True)
class Signal:
    """One watcher's reading of one observation.

    Attributes:
        watcher: Dotted name, such as ``camera.defocus`` or ``novelty.distance``.
        score: The raw reading; higher is more out of the ordinary.
        p_value: Conformal p-value in (0, 1]: the share of healthy readings at least this high.
        instance: Row of the instance it speaks of; None for the whole frame.
        severity: The reading in physical terms, in the unit that `evidence` names.
        evidence: One line that a person can read, such as ``38% darker than its reference``.
    """

    watcher: str
    score: float
    p_value: float
    instance: int | None = None
    severity: float = 0.0
    evidence: str = ""


class EventKind(StrEnum):
    """What an event is taken for."""

    FAULT = "fault"
    NOVELTY = "novelty"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class Event:
    """An observation out of the ordinary.

    Attributes:
        id: UUIDv7.
        observation: Id of the observation.
        camera, robot: Where.
        at: When the frame was taken.
        kind: Fault, novelty or ambiguous.
        cause: The fault's name (``defocus``), or ``novel`` or ``failed_pick``.
        signals: The readings that say so.
        instances: Rows of the instances concerned.
        outcome: Of the pick, where there was one.
    """

    id: str
    observation: str
    camera: str
    robot: str
    at: datetime
    kind: EventKind
    cause: str
    signals: tuple[Signal, ...]
    instances: tuple[int, ...] = ()
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Ticket:
    """A fault handed to technicians. Frames of its camera while it is open are quarantined.

    Attributes:
        began: When the fault began, which is before anyone could be sure of it.
        opened, closed: When the ticket was; `closed` is None while it is open.
        severity: Worst reading in the unit that `evidence` names.
        before, after: Digests of pictures of the camera's healthy and faulty view.
    """

    id: str
    camera: str
    robot: str
    cause: str
    began: datetime
    opened: datetime
    closed: datetime | None = None
    severity: float = 0.0
    evidence: str = ""
    before: str | None = None
    after: str | None = None

    def covers(self, camera: str, at: datetime) -> bool:
        """Say whether a frame of this camera at this time falls under the ticket."""
        return (
            camera == self.camera
            and at >= self.began
            and (self.closed is None or at <= self.closed)
        )


class NoveltyState(StrEnum):
    """Where a novelty stands on its way through the loop."""

    NEW = "new"
    COLLECTING = "collecting"
    LABELLING = "labelling"
    IN_DECK = "in_deck"
    IN_RELEASE = "in_release"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    REGRESSED = "regressed"


@dataclass(frozen=True)
class Cost:
    """Expected lost picks a day, with a 90% interval."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True)
class Novelty:
    """A recurring kind of event under an identity that lasts.

    Attributes:
        name: What people call it; the kind's name once it is labelled.
        instances: How many instances were assigned to it.
        robots: The robots that saw it.
        cost: What it costs at present.
        kind: Class id in the taxonomy, once labels named one.
    """

    id: str
    name: str
    state: NoveltyState
    first_seen: datetime
    last_seen: datetime
    instances: int
    robots: tuple[str, ...]
    cost: Cost
    kind: int | None = None


@dataclass(frozen=True)
class Campaign:
    """A bounded order to collect raw frames of a novelty.

    Attributes:
        quota: Frames at most.
        expires: When it ends, full or not.
        frames: Observation ids collected so far.
    """

    id: str
    novelty: str
    quota: int
    opened: datetime
    expires: datetime
    frames: tuple[str, ...] = field(default=())
