"""Where novelties lie among all that is known, and what lies together without one."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput
from januscl.triage.clusters import (
    Neighbourhood,
    Space,
    clusters_of,
    distances,
    usual_distance,
)
from januscl.triage.sightings import Sighting

_ORDINARY = 400
_OVERLAP = 1.2
"""Distance of a group from a novelty, over that novelty's own, up to which they are one."""


class Places:
    """Says which novelty an instance lies within, and finds groups that lie within none.

    Args:
        ordinary: ``(M, D)`` embeddings of known instances; an even part of 400 is kept.

    Raises:
        InvalidInput: There are fewer than two.
    """

    def __init__(self, ordinary: NDArray[np.floating]) -> None:
        self._ordinary = _even_part(ordinary)
        self._space = Space(self._ordinary)
        self._known = self._space.place(self._ordinary)
        self._usual = usual_distance(self._known)
        self._near: dict[str, Neighbourhood] = {}

    def learn(
        self, novelties: Mapping[str, Sequence[Sighting]], waiting: Sequence[Sighting]
    ) -> None:
        """Learn anew where everything lies, from all that is held.

        Args:
            novelties: The members of each, by its id; it lies where the strange ones are, and one
                with fewer than two of those lies nowhere.
            waiting: What belongs to none.
        """
        held = [*waiting, *(s for members in novelties.values() for s in members)]
        self._space = Space(np.concatenate([self._ordinary, *(s.embedding[None] for s in held)]))
        self._known = self._space.place(self._ordinary)
        self._usual = usual_distance(self._known)
        strange = {n: [s for s in members if s.strange] for n, members in novelties.items()}
        self._near = {
            novelty: Neighbourhood(self._places_of(members), self._usual)
            for novelty, members in strange.items()
            if len(members) >= 2
        }

    def nearest(self, embeddings: NDArray[np.floating]) -> list[str | None]:
        """Return for each embedding ``(N, D)`` the novelty that it lies within, or None.

        What lies nearer to known instances than to those of a novelty lies within none. Without
        this a novelty whose members lie far apart draws in more and more of what is ordinary.
        """
        if not self._near or not len(embeddings):
            return [None] * len(embeddings)
        places = self._space.place(embeddings)
        ordinary = distances(places, self._known)
        names = list(self._near)
        apart = np.stack([self._near[name].distances(places) for name in names])
        nearness = apart / np.array([[self._near[name].radius] for name in names])
        nearness[apart >= ordinary] = np.inf
        best = nearness.argmin(axis=0)
        return [
            names[row] if nearness[row, column] <= 1 else None for column, row in enumerate(best)
        ]

    def groups(self, waiting: Sequence[Sighting], least: int) -> list[list[Sighting]]:
        """Return the dense groups of ``least`` or more, the largest first; the rest are strays."""
        found = clusters_of(self._places_of(waiting), self._known, least)
        return [[waiting[row] for row in rows] for rows in found]

    def overlapping(self, group: Sequence[Sighting]) -> str | None:
        """Return the novelty that a group overlaps with most, or None."""
        places = self._places_of(group)
        apart = {n: float(np.median(near.nearness(places))) for n, near in self._near.items()}
        nearest = min(apart, key=lambda n: apart[n], default=None)
        return nearest if nearest is not None and apart[nearest] <= _OVERLAP else None

    def add(self, novelty: str, group: Sequence[Sighting]) -> None:
        """Say that a group is a novelty of its own: the next group may be more of the same."""
        self._near[novelty] = Neighbourhood(self._places_of(group), self._usual)

    def _places_of(self, sightings: Sequence[Sighting]) -> NDArray[np.float64]:
        return self._space.place(np.stack([s.embedding for s in sightings]))


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
