"""What the watch report tells, as plain data. Times are UTC; lengths are as their names say."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from januscl.core import Cost, Image, Ticket
from januscl.line.report import TicketCard
from januscl.line.telling.world import WorldChange

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What was read of one cause in one column of time.

    Attributes:
        mean, worst: Of its severity.
        alarms: Frames that it explains.
    """

    mean: float
    worst: float
    alarms: int


@dataclass(frozen=True)
class Track:
    """One cause of one camera over time.

    Attributes:
        cause: Its name.
        columns: One for each column of time; None where nothing was read.
        worst: The worst severity.
        worst_at: When the worst column began.
    """

    cause: str
    columns: tuple[Reading | None, ...]
    worst: float
    worst_at: datetime

    @property
    def alarms(self) -> int:
        """Frames that the cause explains."""
        return sum(column.alarms for column in self.columns if column is not None)


@dataclass(frozen=True)
class Camera:
    """One camera over the report's time.

    Attributes:
        learned: When it was last learned what it looks like; None where it was not.
        frames: That were read.
        faulty: Of them, those with a fault.
        strain: For each column 1 where a frame had a fault; else the worst score of any cause as a
            share of what a technician would act on, under 1; None where nothing was read.
        tracks: Of each cause that was read.
        tickets: Its own, within the time.
    """

    name: str
    robot: str
    place: str
    learned: datetime | None
    frames: int
    faulty: int
    strain: tuple[float | None, ...] = ()
    tracks: tuple[Track, ...] = ()
    tickets: tuple[Ticket, ...] = ()

    @property
    def moved(self) -> tuple[Track, ...]:
        """The tracks of causes that were ever read above nothing."""
        return tuple(track for track in self.tracks if track.worst)

    @property
    def still(self) -> tuple[str, ...]:
        """The causes that were not, in any frame."""
        return tuple(track.cause for track in self.tracks if not track.worst)

    @property
    def in_fault(self) -> bool:
        """Whether a ticket of it is open."""
        return any(ticket.closed is None for ticket in self.tickets)


@dataclass(frozen=True)
class Health:
    """The health of cameras from `begin` on.

    Attributes:
        column: Length of a column of time.
        columns: How many there are.
        shown: The cameras that are drawn, those in most trouble first.
        others: Those that are only counted, likewise.
    """

    begin: datetime
    column: timedelta
    columns: int
    shown: tuple[Camera, ...]
    others: tuple[Camera, ...] = ()

    @property
    def end(self) -> datetime:
        """Where the last column ends."""
        return self.begin + self.column * self.columns


@dataclass(frozen=True, eq=False)
class Spot:
    """What known instances of one kind are called, and where most of them lie."""

    name: str
    at: tuple[float, float]
    count: int


@dataclass(frozen=True, eq=False)
class NoveltyPatch:
    """A novelty on a map.

    Attributes:
        number: From 0, which gives it its colour and shape on every map.
        points: ``(M, 2)``, the instances that are drawn.
        instances: All that belong to it, whichever model saw them.
        crops: Its most typical instances, each outlined, no two alike.
    """

    number: int
    id: str
    name: str
    state: str
    cost: Cost
    points: Points
    instances: int
    crops: tuple[Image, ...]


@dataclass(frozen=True, eq=False)
class NoveltyMap:
    """Instances as one model sees them, in two of the directions of its embeddings.

    Attributes:
        model: What the model is called.
        model_id: Its id.
        known: ``(K, 2)``, ordinary instances.
        kinds: What these are.
        patches: The novelties that this model saw, those that cost most first.
        spread: Share of the variance that each of the two directions holds.
    """

    model: str
    model_id: str
    known: Points
    kinds: tuple[Spot, ...]
    patches: tuple[NoveltyPatch, ...]
    spread: tuple[float, float]


@dataclass(frozen=True, eq=False)
class WatchStory:
    """All that the page tells, in the order in which it is read.

    Attributes:
        title: Of the page.
        health: Of the cameras; None where no camera is watched and nothing was seen.
        maps: One for each model that saw novelties, in order of time.
        unmapped: Why there is no map, or what is missing in them; sentences.
        tickets: Newest first.
        more_tickets: Tickets of the same time that are not shown.
        changes: Of the world, that were told within the time, newest first. Where cameras were
            named, those in them alone, or in their line, their site or the fleet.
        warming: Cameras of which no change can be told yet; of those that were named, if any were.
        more_changes: Changes of the same time that are not shown, being too many or elsewhere.
    """

    title: str
    health: Health | None
    maps: tuple[NoveltyMap, ...]
    unmapped: tuple[str, ...]
    tickets: tuple[TicketCard, ...]
    more_tickets: int = 0
    changes: tuple[WorldChange, ...] = ()
    warming: tuple[str, ...] = ()
    more_changes: int = 0
