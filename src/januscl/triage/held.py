"""The table of all instances that the desk goes by: where each lies and whose it is."""

from collections import Counter, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from januscl.triage.clusters import Rows, Vectors, nearest_rows
from januscl.triage.sightings import Key

FREE, KNOWN, WAITING = -3, -2, -1
"""Owners that are no novelty: of a row that is not in use, of a known instance, of one that waits
for a novelty."""
_LATEST = 300
_FAR_AWAY = 1e12
"""The square of what a free row seems to be away."""


class Held:
    """Rows of places, each with its reach, its frame and its owner. A row that is free is reused.

    Args:
        known: ``(M, D)`` places of known instances, which stay.

    Attributes:
        owner: ``(N,)``: a novelty's number, or `FREE`, `KNOWN` or `WAITING`.
        reach: ``(N,)``: how far the eighth nearest was, of other frames; 0 where it is not known.
        names: Novelties in the order of their numbers.
    """

    def __init__(self, known: Vectors) -> None:
        count = len(known)
        self._places = known.copy()
        self._squares = (known**2).sum(axis=1)
        self._frame = -2 - np.arange(count)  # each known one has its own; -1 is none
        self.owner = np.full(count, KNOWN)
        self.reach = np.zeros(count, np.float32)
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}
        self._frames: dict[str, int] = {}  # of those that hold anything
        self._next = 0
        self._sizes: Counter[str] = Counter()
        self._rows: dict[Key, int] = {}
        self._members: dict[int, deque[Key]] = {}
        self._free: list[int] = []
        self._mute: set[Key] = set()
        self.measure(np.arange(count))

    def rows(self, keys: Sequence[Key]) -> Rows:
        """Return the rows of instances."""
        return np.asarray([self._rows[key] for key in keys], dtype=np.int64)

    def apart(self, places: Vectors, frames: NDArray[np.int64]) -> Vectors:
        """Return the distance of places ``(N, D)`` to all rows; infinite within a frame.

        Args:
            places: Where to measure from.
            frames: ``(N,)`` or ``(1,)``, their frames by `frame`.
        """
        squares = (places**2).sum(axis=1)[:, None] + self._squares
        squares -= 2 * places @ self._places.T
        found = np.sqrt(np.maximum(squares, 0))
        return np.where(frames[:, None] == self._frame[None, :], np.float32(np.inf), found)

    def measure(self, rows: Rows) -> tuple[Vectors, Rows, Vectors]:
        """Bring the reach of some rows up to date.

        Returns:
            Their distances to all rows, as `apart`; and of those the nearest, as `nearest_rows`.
        """
        apart = self.apart(self._places[rows], self._frame[rows])
        nearest, near = nearest_rows(apart)
        self.reach[rows] = reach_of(near)
        return apart, nearest, near

    def frame(self, observation: str) -> int:
        """Return the number of a frame; of one that holds nothing yet, the next that is free."""
        return self._frames.get(observation, self._next)

    def put(
        self, key: Key, place: Vectors, reach: float, novelty: str | None, mute: bool = False
    ) -> None:
        """Hold one more instance: of a novelty, or waiting; a mute one only while it waits."""
        if not self._free:
            self._grow()
        row = self._rows[key] = self._free.pop()
        self._places[row], self._squares[row] = place, (place**2).sum()
        self.reach[row] = reach
        self._frame[row], self.owner[row] = self._enter(key[0]), WAITING
        if mute:
            self._mute.add(key)
        if novelty is not None:
            self.give(key, novelty)

    def give(self, key: Key, novelty: str) -> None:
        """Make an instance a member of a novelty, which keeps the latest 300; not a mute one."""
        if key in self._mute:
            self.drop(key)
            return
        if novelty not in self._numbers:
            self._numbers[novelty] = len(self.names)
            self.names.append(novelty)
        number = self._numbers[novelty]
        self.owner[self._rows[key]] = number
        members = self._members.setdefault(number, deque())
        members.append(key)
        if len(members) > _LATEST:
            self.drop(members.popleft())

    def drop(self, key: Key) -> None:
        """Hold an instance no longer."""
        row = self._rows.pop(key)
        self._mute.discard(key)
        self._places[row], self._squares[row] = 0, _FAR_AWAY
        self.reach[row] = 0
        self._frame[row], self.owner[row] = -1, FREE
        self._free.append(row)
        self._sizes[key[0]] -= 1
        if not self._sizes[key[0]]:
            del self._sizes[key[0]], self._frames[key[0]]

    def _enter(self, observation: str) -> int:
        """Count one more row of a frame; return its number."""
        if observation not in self._frames:
            self._frames[observation] = self._next
            self._next += 1
        self._sizes[observation] += 1
        return self._frames[observation]

    def _grow(self) -> None:
        """Make room for half as many more."""
        old, more = len(self.owner), max(64, len(self.owner) // 2)
        free = np.zeros((more, self._places.shape[1]), np.float32)
        self._places = np.concatenate([self._places, free])
        self._squares = np.concatenate([self._squares, np.full(more, _FAR_AWAY, np.float32)])
        self.owner = np.concatenate([self.owner, np.full(more, FREE)])
        self.reach = np.concatenate([self.reach, np.zeros(more, np.float32)])
        self._frame = np.concatenate([self._frame, np.full(more, -1)])
        self._free.extend(range(old + more - 1, old - 1, -1))


def reach_of(near: Vectors) -> Vectors:
    """Return how far the farthest of the nearest is, ``(N,)``; 0 where there are too few.

    Args:
        near: ``(N, K)`` distances of the nearest.
    """
    lowest = near.max(axis=1)
    return np.asarray(np.where(lowest < 0.5 * np.sqrt(_FAR_AWAY), lowest, 0))
