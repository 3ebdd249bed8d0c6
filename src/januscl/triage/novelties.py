"""Recurring events get an identity that lasts: the desk where novelties are kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, Cost, NotFound, Novelty, NoveltyState, new_id, utc
from januscl.triage.attempts import AttemptLog
from januscl.triage.cost import Attempts, expected_cost
from januscl.triage.files import File
from januscl.triage.places import Places
from januscl.triage.sightings import Kept, Key, Sighting
from januscl.triage.states import moved

_POOL = 1500


class NoveltyDesk:
    """Groups the instances of events into novelties and says what each costs.

    An instance that lies near the members of a novelty joins it. The others wait in a pool; when
    a dense group of them is large enough and from enough frames, it becomes a novelty, or joins
    the one that it overlaps with. A closed novelty that recurs becomes `regressed`.

    Args:
        ordinary: ``(M, D)`` embeddings of known instances, such as those that the novelty watcher
            was fitted on; an even part of 400 is kept. The more kinds among them the better.
        picks_a_day: Attempts a day in the whole fleet, for the cost.
        least_instances: Instances that make a novelty.
        least_frames: Frames that they must come from.
        returns: Frames with instances of a closed novelty that make it regressed, where they come
            at least half as fast as its frames did before it was closed.
    """

    def __init__(
        self,
        ordinary: NDArray[np.floating],
        picks_a_day: float,
        least_instances: int = 12,
        least_frames: int = 8,
        returns: int = 12,
    ) -> None:
        self.picks_a_day = picks_a_day
        self._places = Places(ordinary)
        self._least_instances = least_instances
        self._least_frames = least_frames
        self._returns = returns
        self._files: dict[str, File] = {}
        self._pool: dict[Key, Sighting] = {}
        self._grown = 0
        self._attempts = AttemptLog()
        self._joined: dict[str, list[Key]] = {}

    def restore(self, kept: Sequence[Kept], pool: Sequence[Sighting] = ()) -> None:
        """Go on with novelties that were kept; the first thing that a desk is told.

        Args:
            kept: The novelties.
            pool: Instances of events that belong to none of them, oldest first.
        """
        for one in kept:
            file = File(one.novelty, utc(one.since), set(one.keys))
            file.hold(one.members)
            if one.closed is not None:
                file.close(one.closed)
            if one.novelty.state is NoveltyState.CLOSED:
                file.returned = file.since_closed(one.members)
            self._files[one.novelty.id] = file
        self._pool = {s.key: s for s in pool if not self._knows(s.key)}
        if self._pool or any(file.members for file in self._files.values()):
            self._look_again()

    def joined(self) -> dict[str, list[Key]]:
        """Return the instances that joined each novelty since this was last asked."""
        joined, self._joined = self._joined, {}
        return joined

    def see(self, sightings: Sequence[Sighting]) -> tuple[Novelty, ...]:
        """Take the instances of an event; return the novelties that are new or came back.

        The same instance twice counts once.
        """
        fresh = {s.key: s for s in sightings if not self._knows(s.key)}
        frames: dict[str, list[Sighting]] = {}
        for sighting in fresh.values():
            frames.setdefault(sighting.observation, []).append(sighting)
        changed = [novelty for frame in frames.values() for novelty in self._assign(frame)]
        while len(self._pool) > _POOL:
            oldest = next(iter(self._pool))
            del self._pool[oldest]
            self._places.forget(oldest)
        # Clustering takes longer than all else, and a few more strays seldom change its answer.
        enough = len(self._pool) >= self._least_instances
        if enough and self._grown >= max(4, len(self._pool) // 8):
            changed += self._cluster()
        return tuple(self.novelty(n) for n in dict.fromkeys(changed))

    def tell(self, observation: str, instance: int | None, failed: bool, at: datetime) -> None:
        """Take the outcome of an attempt, on any package, novel or ordinary.

        Args:
            observation: Its id.
            instance: The row that was tried; None when nothing was worth trying, which counts
                as failed for every novelty that has an instance in the frame.
            failed: Whether it failed.
            at: When it ended.
        """
        self._attempts.tell(observation, instance, failed, at)

    def novelty(self, novelty: str) -> Novelty:
        """Return a novelty with its present cost.

        Raises:
            NotFound: The desk has no such novelty.
        """
        return replace(self._file(novelty).novelty, cost=self._cost(novelty))

    def peek(self, novelty: str) -> Novelty:
        """Return a novelty with the cost of the last `rank`, or raise `NotFound`."""
        return self._file(novelty).novelty

    def rank(self) -> tuple[Novelty, ...]:
        """Return all novelties, the costliest first, each with its present cost."""
        for file in self._files.values():
            file.novelty = replace(file.novelty, cost=self._cost(file.novelty.id))
        return self.in_state(*NoveltyState)

    def in_state(self, *states: NoveltyState) -> tuple[Novelty, ...]:
        """Return the novelties in these states with the cost of the last `rank`, costliest first.

        It counts no attempts, so it may be asked at every observation.
        """
        found = (file.novelty for file in self._files.values() if file.novelty.state in states)
        return tuple(sorted(found, key=lambda n: (-n.cost.expected, n.id)))

    def nearest(self, embeddings: NDArray[np.floating]) -> list[str | None]:
        """Return for each embedding ``(N, D)`` the novelty that it lies within, or None."""
        return self._places.nearest(embeddings)

    def members(self, novelty: str) -> tuple[Sighting, ...]:
        """Return the latest instances of a novelty, 300 at most, oldest first."""
        return tuple(self._file(novelty).members)

    def attempts(self, novelty: str) -> tuple[Attempts, Attempts]:
        """Return the attempts on a novelty and all others since it began, or came back."""
        file = self._file(novelty)
        return self._attempts.divided(file.keys, file.since)[:2]

    def move(self, novelty: str, state: NoveltyState) -> Novelty:
        """Move a novelty on its way, as `MOVES` allows.

        What was seen before it is closed does not bring it back.

        Raises:
            Conflict: The way does not lead there.
            NotFound: The desk has no such novelty.
        """
        file = self._file(novelty)
        file.novelty = moved(file.novelty, state)
        if state is NoveltyState.CLOSED:
            file.close(self._latest(file))
        return self.novelty(novelty)

    def name(self, novelty: str, name: str, kind: int | None = None) -> Novelty:
        """Give a novelty the name, and the class id, that its labels brought."""
        file = self._file(novelty)
        file.novelty = replace(file.novelty, name=name, kind=kind)
        return self.novelty(novelty)

    def merge(self, novelty: str, other: str) -> tuple[Novelty, Novelty]:
        """Make two novelties one; the other is dismissed, and what it held is the first's.

        What was seen so far does not bring a closed novelty back; what is seen from then on does.

        Returns:
            The novelty with all sightings, and the other one.

        Raises:
            Conflict: Both are the same, or the other is closed.
            NotFound: The desk has no such novelty.
        """
        if novelty == other:
            raise Conflict(f"novelty {novelty} cannot be merged with itself")
        kept, gone = self._file(novelty), self._file(other)
        self.move(other, NoveltyState.DISMISSED)
        self._joined.setdefault(novelty, []).extend(sorted(gone.keys))
        kept.take_in(gone)
        if kept.novelty.state is NoveltyState.CLOSED:
            kept.close(self._latest(kept))
        self._look_again()
        return self.novelty(novelty), self.novelty(other)

    def rebase(
        self,
        ordinary: NDArray[np.floating],
        embed: Callable[[Sequence[Key]], Mapping[Key, NDArray[np.floating]]],
    ) -> None:
        """Replace all embeddings by those of a new model.

        Args:
            ordinary: ``(M, D)`` of known instances, as at first.
            embed: Returns ``(D,)`` for each (observation, row) that the new model sees again;
                sightings that it leaves out stay counted but no longer attract others.
        """
        held = [*self._pool.values(), *(s for f in self._files.values() for s in f.members)]
        found = embed([s.key for s in held])
        self._places = Places(ordinary)
        self._pool = {
            key: replace(s, embedding=found[key]) for key, s in self._pool.items() if key in found
        }
        for file in self._files.values():
            file.hold([replace(s, embedding=found[s.key]) for s in file.members if s.key in found])
        self._look_again()

    def _knows(self, key: Key) -> bool:
        return key in self._pool or any(key in file.keys for file in self._files.values())

    def _file(self, novelty: str) -> File:
        if novelty not in self._files:
            raise NotFound(f"novelty {novelty} is not known; `janus novelties` lists them")
        return self._files[novelty]

    def _latest(self, file: File) -> datetime:
        """Return when the last was seen of a novelty and of all that may yet join it."""
        return max([file.novelty.last_seen, *(s.at for s in self._pool.values())])

    def _cost(self, novelty: str) -> Cost:
        file = self._file(novelty)
        mine, others, recent = self._attempts.divided(file.keys, file.since)
        seed = int.from_bytes(sha256(novelty.encode()).digest()[:8], "big")
        return expected_cost(mine, others, self.picks_a_day, seed, recent)

    def _assign(self, frame: Sequence[Sighting]) -> list[str]:
        """Put the instances of a frame where they belong; return the novelties that came back."""
        changed = []
        for sighting, novelty in zip(frame, self._places.take(frame), strict=True):
            if novelty is None:
                self._pool[sighting.key] = sighting
                self._grown += 1
            elif self._join(self._files[novelty], [sighting]):
                changed.append(novelty)
        return changed

    def _join(self, file: File, sightings: Sequence[Sighting]) -> bool:
        """Add sightings to a novelty and say whether it came back by them."""
        self._joined.setdefault(file.novelty.id, []).extend(s.key for s in sightings)
        return file.join(sightings, self._returns)

    def _cluster(self) -> list[str]:
        """Find what belongs together among what waits; return what is new or came back."""
        self._grown = 0
        found, groups = self._places.regroup(list(self._pool), self._least_instances)
        changed = self._take_up(found)
        opened = False
        for keys in groups:
            if len({observation for observation, _ in keys}) < self._least_frames:
                continue
            group = [self._pool.pop(key) for key in keys]
            known = self._places.overlapping(keys)
            if known is not None:
                changed += [known] if self._join(self._files[known], group) else []
            else:
                changed.append(known := self._open(group))
            self._places.give(keys, known)
            opened = True
        if opened and self._pool:  # the outskirts of a new novelty are its own
            changed += self._take_up(self._places.votes(list(self._pool)))
        return changed

    def _take_up(self, found: Mapping[Key, str]) -> list[str]:
        """Let what waited join the novelty that it belongs to; return those that came back."""
        changed = []
        for novelty in dict.fromkeys(found.values()):
            joins = [self._pool.pop(key) for key, other in found.items() if other == novelty]
            changed += [novelty] if self._join(self._files[novelty], joins) else []
        return changed

    def _open(self, group: Sequence[Sighting]) -> str:
        first = min(group, key=lambda s: (s.at, s.key))
        entropy = sha256(f"novelty {first.key}".encode()).digest()[:10]
        novelty = Novelty(
            id=new_id(first.at, entropy),
            name=f"novelty-{len(self._files) + 1}",
            state=NoveltyState.NEW,
            first_seen=first.at,
            last_seen=first.at,
            instances=0,
            robots=(),
            cost=Cost(0, 0, 0),
        )
        file = self._files[novelty.id] = File(novelty, first.at, set())
        self._join(file, sorted(group, key=lambda s: (s.at, s.key)))
        return novelty.id

    def _look_again(self) -> None:
        """Learn anew where everything lies, from all that is held."""
        members = {novelty: file.members for novelty, file in self._files.items()}
        self._places.learn(members, list(self._pool.values()))
