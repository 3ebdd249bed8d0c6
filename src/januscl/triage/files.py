"""What the desk keeps of one novelty, and how it grows by sightings or by another novelty."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from januscl.core import Novelty, NoveltyState
from januscl.triage.sightings import Key, Sighting

_LATEST = 300
_AS_FAST = 0.5
"""Of the pace at which a novelty was seen before it was closed, the part at which it is back. A
known kind has odd instances too: for ever closed, some of them would bring back any novelty."""


def _latest(sightings: Sequence[Sighting] = ()) -> deque[Sighting]:
    return deque(sightings, maxlen=_LATEST)


def _frames(sightings: Iterable[Sighting]) -> list[Sighting]:
    """Return one strange sighting of each frame."""
    return list({s.observation: s for s in sightings if s.strange}.values())


def _pace(times: Sequence[datetime], until: datetime) -> float | None:
    """Return the frames a second from the first of these times on; None where they span none."""
    seconds = (until - min(times, default=until)).total_seconds()
    return len(times) / seconds if seconds > 0 else None


@dataclass
class File:
    """One novelty with its instances.

    Attributes:
        novelty: As it stands, with the cost of the last count.
        since: When its cost began to count: when it was first seen, or came back.
        keys: Of all its instances.
        members: The latest 300 of them, oldest first.
        closed: What was seen up to then does not bring it back; None before it was closed.
        returned: Instances seen since, of the latest frames that could bring it back.
        pace: Frames a second in which it was seen before; None where too few tell.
    """

    novelty: Novelty
    since: datetime
    keys: set[Key]
    members: deque[Sighting] = field(default_factory=_latest)
    closed: datetime | None = None
    returned: list[Sighting] = field(default_factory=list)
    pace: float | None = None

    def hold(self, members: Sequence[Sighting]) -> None:
        """Have these members, oldest first, instead of those it had; all stay counted."""
        self.members = _latest(members)

    def close(self, at: datetime) -> None:
        """Let nothing that was seen up to a time bring the novelty back."""
        self.closed = at
        self.pace = _pace([s.at for s in _frames(self.members) if s.at <= at], at)
        self.returned.clear()

    def since_closed(self, sightings: Iterable[Sighting]) -> list[Sighting]:
        """Return those of the sightings that speak for the novelty's return."""
        return [s for s in sightings if self.closed is None or s.at > self.closed]

    def join(self, sightings: Sequence[Sighting], returns: int) -> bool:
        """Add sightings to the novelty and say whether it came back by them.

        Args:
            sightings: In the order of their times.
            returns: Frames with instances of a closed novelty that make it regressed, if they
                came at least half as fast as its frames did before it was closed.
        """
        old = self.novelty
        self.members.extend(sightings)
        self.keys.update(s.key for s in sightings)
        self.novelty = replace(
            old,
            first_seen=min([old.first_seen, *(s.at for s in sightings)]),
            last_seen=max([old.last_seen, *(s.at for s in sightings)]),
            instances=len(self.keys),
            robots=tuple(sorted({*old.robots, *(s.robot for s in sightings)})),
        )
        if old.state is not NoveltyState.CLOSED:
            return False
        since = _frames([*self.returned, *self.since_closed(sightings)])
        self.returned = latest = sorted(since, key=lambda s: s.at)[-returns:]
        if len(latest) < returns:
            return False
        now = _pace([s.at for s in latest], latest[-1].at)
        if self.pace is not None and now is not None and now < _AS_FAST * self.pace:
            return False
        self.since = latest[0].at
        self.novelty = replace(self.novelty, state=NoveltyState.REGRESSED)
        self.returned.clear()
        return True

    def take_in(self, other: "File") -> None:
        """Take all that another novelty has; it is left without."""
        one, two = self.novelty, other.novelty
        self.since = min(self.since, other.since)
        self.keys |= other.keys
        self.hold(sorted([*self.members, *other.members], key=lambda s: (s.at, s.key)))
        self.novelty = replace(
            one,
            first_seen=min(one.first_seen, two.first_seen),
            last_seen=max(one.last_seen, two.last_seen),
            instances=len(self.keys),
            robots=tuple(sorted({*one.robots, *two.robots})),
        )
        other.members.clear()
        other.keys.clear()
