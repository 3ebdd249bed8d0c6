"""Where the instances of late lean: a kind that lies among the known ones, and more densely."""

import numpy as np

from januscl.core import Observation
from januscl.watch.gaussian import whitening
from januscl.watch.seen import Seen, Vectors, distances, spread_of

_MOST_KNOWN = 1500
_LEAST_GONE = 60
_REFRESH = 16


class Lean:
    """P-values of instances by how far they go the way in which recent ones differ from known ones.

    A kind that differs from every known one in several small ways is far from none of them. Once it
    takes part in the fleet's work, the mean of all instances moves towards it, and the direction
    between the two means, in the space where known instances vary alike in all directions, tells it
    from them (Fisher, The use of multiple measurements in taxonomic problems, 1936).

    A direction is made before the instance that it gauges was remembered, and each known one is
    gauged without what lay in its own picture, so the p-values are conformal whatever the
    direction. Of known kinds whose shares change, none gets small ones more often than stated by
    more than the factor of its own change.

    An instance is remembered once, when its camera no longer shows anything that looks like it: a
    package that lies in many pictures is one witness, and what never moves is none. What lies far
    from the known ones should not be shown to it: it is found without, and would pull the direction
    away from what lies among them.

    Args:
        known: Instances of known kinds. Beyond 1500 an even part is kept.
        memory: Its half-life, in instances that have gone.
    """

    def __init__(self, known: Seen, memory: float = 300.0) -> None:
        kept = np.linspace(0, len(known) - 1, min(len(known), _MOST_KNOWN)).astype(np.int64)
        known = known.only(kept)
        self._middle, self._spread = known.embeddings.mean(axis=0), spread_of(known.embeddings)
        self._whitening = whitening(known.embeddings - self._middle)
        self._known = self._place(known.embeddings)
        groups, counts = np.unique(known.groups, return_inverse=True, return_counts=True)[1:]
        sums = np.zeros((counts.size, self._known.shape[1]))
        np.add.at(sums, groups, self._known)
        # The mean of the known ones is 0, and of all but one picture's a little to the other side.
        without = -sums / (groups.size - counts)[:, None]
        self._own = (self._known * without[groups]).sum(axis=1)
        apart = distances(known.embeddings / self._spread, known.embeddings / self._spread)
        apart[groups[:, None] == groups[None, :]] = np.inf
        self._alike = float(np.median(apart.min(axis=1)))
        self._keeps = 0.5 ** (1 / memory)
        self._sum, self._weight = np.zeros(self._known.shape[1]), 0.0
        self._shown: dict[str, tuple[str, Vectors]] = {}
        self._gone = self._told = 0

    def look(self, observation: Observation, embeddings: Vectors) -> None:
        """Take a look of a camera: what it showed before and no longer shows is remembered.

        Args:
            observation: The look; the same one twice is one.
            embeddings: ``(N, D)`` of its instances that count.
        """
        camera = observation.frame.camera
        before_id, before = self._shown.get(camera, ("", embeddings[:0]))
        if before_id == observation.id:
            return
        self._shown[camera] = (observation.id, embeddings[:0])
        if not len(before):
            return
        gone = np.ones(len(before), dtype=np.bool_)
        if len(embeddings):
            apart = distances(before / self._spread, embeddings / self._spread)
            gone = apart.min(axis=1) > self._alike
        self._remember(self._place(before[gone]))

    def show(self, observation: Observation, embeddings: Vectors) -> None:
        """Say which instances ``(N, D)`` of the look are to be remembered once they have gone."""
        self._shown[observation.frame.camera] = (observation.id, embeddings)

    def p_values(self, embeddings: Vectors) -> Vectors | None:
        """Return the p-values ``(N,)`` of instances ``(N, D)``; None until 60 have gone."""
        if self._gone < _LEAST_GONE:
            return None
        if self._told == 0 or self._gone - self._told >= _REFRESH:
            self._lean = self._sum / self._weight
            self._healthy = np.sort(self._known @ self._lean - self._own)
            self._told = self._gone
        return upper_tail(self._healthy, self._place(embeddings) @ self._lean)

    def _place(self, embeddings: Vectors) -> Vectors:
        return np.asarray((embeddings - self._middle) @ self._whitening)

    def _remember(self, places: Vectors) -> None:
        if not len(places):
            return
        # What is far out counts less: one odd instance does not set the direction.
        far = np.linalg.norm(places, axis=1, keepdims=True) / (2 * np.sqrt(places.shape[1]))
        faded = self._keeps ** np.arange(len(places) - 1, -1, -1)
        before = self._keeps ** len(places)
        self._sum = before * self._sum + faded @ (places / np.maximum(far, 1.0))
        self._weight = before * self._weight + float(faded.sum())
        self._gone += len(places)


def upper_tail(healthy: Vectors, scores: Vectors) -> Vectors:
    """Return the conformal p-value ``(N,)`` of each score; see `januscl.watch.conformal_p`.

    Args:
        healthy: ``(M,)`` healthy scores in rising order.
        scores: ``(N,)``.
    """
    at_least = healthy.size - np.searchsorted(healthy, scores, side="left")
    return np.asarray((1 + at_least) / (healthy.size + 1))
