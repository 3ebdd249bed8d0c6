"""Where novelties lie among all that is known, and what lies together without one."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput
from januscl.triage.clusters import Rows, Space, Vectors, groups_of, nearest_rows
from januscl.triage.held import WAITING, Held, reach_of
from januscl.triage.sightings import Key, Sighting

_ORDINARY = 400
_SLACK, _VOTES, _CLEARLY = 1.2, 3, 0.8
_WIDEST = 1.25
"""Of a novelty's usual reach, the most that one of its members has: a chain of loose members would
else lead from one kind to the next."""
_NO_FRAME = np.asarray([-1])


class Places:
    """Says which novelty an instance belongs to, and finds groups that belong to none.

    An instance belongs to a novelty by the votes of its eight nearest: of those within whose reach
    it lies, which is 1.2 times as far as their own eighth nearest. Three votes decide, if they are
    four fifths of all that known instances and novelties have; what waits has none. Each region has
    its own scale so, and no shape is assumed. Instances of one frame do not vote on each other, for
    they are no independent witnesses.

    Args:
        ordinary: ``(M, D)`` embeddings of known instances; an even part of 400 is kept.

    Raises:
        InvalidInput: There are fewer than two.
    """

    def __init__(self, ordinary: NDArray[np.floating]) -> None:
        part = _even_part(ordinary)
        self._space = Space(part)
        self._known = self._space.place(part)
        self._held = Held(self._known)
        self._widest = np.zeros(0, np.float32)

    def learn(
        self, novelties: Mapping[str, Sequence[Sighting]], waiting: Sequence[Sighting]
    ) -> None:
        """Learn anew where everything lies.

        Args:
            novelties: The members of each, by its id; it lies where the strange ones are.
            waiting: What belongs to none.
        """
        self._held = Held(self._known)
        held: list[tuple[str | None, Sighting]] = [(None, s) for s in waiting]
        held += [(n, s) for n, members in novelties.items() for s in members if s.strange]
        if held:
            places = self._space.place(np.stack([s.embedding for _, s in held]))
            for (novelty, sighting), place in zip(held, places, strict=True):
                self._held.put(sighting.key, place, 0.0, novelty, not sighting.strange)
            self._held.measure(np.flatnonzero(self._held.owner >= WAITING))
        self._set_widest()

    def nearest(self, embeddings: NDArray[np.floating]) -> list[str | None]:
        """Return for each embedding ``(N, D)`` the novelty that it belongs to, or None."""
        if not self._held.names or not len(embeddings):
            return [None] * len(embeddings)
        places = self._space.place(embeddings)
        return self._named(self._voted(*nearest_rows(self._held.apart(places, _NO_FRAME))))

    def take(self, frame: Sequence[Sighting]) -> list[str | None]:
        """Hold the instances of one frame; return the novelty that each belongs to, or None.

        What was only collected is held while it belongs to none, and never votes.
        """
        places = self._space.place(np.stack([s.embedding for s in frame]))
        number = np.asarray([self._held.frame(frame[0].observation)])
        nearest, near = nearest_rows(self._held.apart(places, number))
        found = self._named(self._voted(nearest, near))
        reach = reach_of(near)
        for sighting, place, far, novelty in zip(frame, places, reach, found, strict=True):
            if sighting.strange or novelty is None:
                self._held.put(sighting.key, place, float(far), novelty, not sighting.strange)
        return found

    def votes(self, waiting: Sequence[Key]) -> dict[Key, str]:
        """Look again at what waits, which is all of it; return what belongs to a novelty by now."""
        rows = self._held.rows(waiting)
        return self._revoted(waiting, rows, *self._held.measure(rows)[1:])

    def regroup(self, waiting: Sequence[Key], least: int) -> tuple[dict[Key, str], list[list[Key]]]:
        """Return what `votes` does, and the dense groups of the rest, the largest first.

        Args:
            waiting: All that waits.
            least: Fewest instances of a group.
        """
        rows = self._held.rows(waiting)
        apart, nearest, near = self._held.measure(rows)
        found = self._revoted(waiting, rows, nearest, near)
        left = np.flatnonzero(self._held.owner[rows] == WAITING)
        if len(left) < least:
            return found, []
        groups = groups_of(apart[left], rows[left], least)
        return found, [[waiting[int(left[row])] for row in group] for group in groups]

    def _revoted(
        self, waiting: Sequence[Key], rows: Rows, nearest: Rows, near: Vectors
    ) -> dict[Key, str]:
        """Give what waits to the novelties that it belongs to; see `votes`."""
        self._set_widest()
        found: dict[Key, str] = {}
        for _ in range(2):  # what joins has a vote
            left = np.flatnonzero(self._held.owner[rows] == WAITING)
            if not len(left):
                break
            named = self._named(self._voted(nearest[left], near[left]))
            for place, novelty in zip(left, named, strict=True):
                if novelty is not None:
                    found[waiting[int(place)]] = novelty
                    self._held.give(waiting[int(place)], novelty)
        return found

    def overlapping(self, group: Sequence[Key]) -> str | None:
        """Return the novelty that has most of a group's neighbours, or None."""
        _, nearest, _ = self._held.measure(self._held.rows(group))
        owners = self._held.owner[nearest].ravel()
        count = np.bincount(owners[owners >= 0], minlength=1)
        return self._held.names[int(count.argmax())] if 2 * count.max() > owners.size else None

    def give(self, group: Sequence[Key], novelty: str) -> None:
        """Say that what waited belongs to a novelty, which may be a new one."""
        for key in group:
            self._held.give(key, novelty)
        self._set_widest()

    def forget(self, key: Key) -> None:
        """Hold no longer what waited."""
        self._held.drop(key)

    def _voted(self, nearest: Rows, near: Vectors) -> Rows:
        """Return the number of the novelty that each belongs to, ``(N,)``; -1 for none.

        Args:
            nearest: ``(N, K)``, the rows nearest to each.
            near: Their distances.
        """
        held = self._held
        owner = held.owner[nearest]
        widest = np.append(self._widest, np.float32(np.inf))[np.where(owner >= 0, owner, -1)]
        votes = near <= _SLACK * np.minimum(held.reach[nearest], widest)
        count = np.zeros((len(near), max(1, len(held.names))), np.int64)
        row, column = np.nonzero(votes & (owner >= 0))
        np.add.at(count, (row, owner[row, column]), 1)
        most, every = count.max(axis=1), (votes & (owner != WAITING)).sum(axis=1)
        return np.where((most >= _VOTES) & (most >= _CLEARLY * every), count.argmax(axis=1), -1)

    def _named(self, numbers: Rows) -> list[str | None]:
        return [self._held.names[n] if n >= 0 else None for n in numbers.tolist()]

    def _set_widest(self) -> None:
        """Bring up to date how far a member of each novelty may reach."""
        owner, reach = self._held.owner, self._held.reach
        self._widest = np.asarray(
            [
                _WIDEST * np.median(reach[owner == number]) if (owner == number).any() else 0
                for number in range(len(self._held.names))
            ],
            dtype=np.float32,
        )


def _even_part(ordinary: NDArray[np.floating]) -> NDArray[np.floating]:
    if ordinary.ndim != 2 or len(ordinary) < 2:
        raise InvalidInput(
            "ordinary embeddings",
            "shape (M, D) with M of 2 or more",
            f"shape {ordinary.shape}",
            "Pass the embeddings of the healthy window's instances.",
        )
    chosen = np.linspace(0, len(ordinary) - 1, min(len(ordinary), _ORDINARY)).astype(np.int64)
    part: NDArray[np.floating] = ordinary[chosen]
    return part
