"""Where the instances of late lean: a kind that lies among the known ones, and more densely."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from januscl.core import Observation
from januscl.watch.gaussian import whitening
from januscl.watch.seen import Seen, Vectors

_MOST_KNOWN = 1500
_LEAST_GONE = 60
_REFRESH = 16
_LOOKS, _SAME_PLACE = 3, 0.5
"""Looks in which no box overlaps with its own by so much (IoU), after which an instance is gone."""

Left = tuple[NDArray[np.float32], Vectors, NDArray[np.int64]]
"""Boxes ``(K, 4)``, places ``(K, D)``, and looks since they were seen ``(K,)``."""


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

    An instance is remembered once, when its camera has shown nothing in its place for three looks:
    a package that lies in many pictures is one witness, what never moves is none, and none is
    gauged by a direction that it had a part in. What lies far from the known ones should not be
    shown to it: it is found without, and would pull the direction away from what lies among them.

    Args:
        known: Instances of known kinds. Beyond 1500 an even part is kept.
        memory: Its half-life, in instances that have gone.
    """

    def __init__(self, known: Seen, memory: float = 300.0) -> None:
        kept = np.linspace(0, len(known) - 1, min(len(known), _MOST_KNOWN)).astype(np.int64)
        known = known.only(kept)
        self._middle = known.embeddings.mean(axis=0)
        self._whitening = whitening(known.embeddings - self._middle)
        self._known = self._place(known.embeddings)
        groups, counts = np.unique(known.groups, return_inverse=True, return_counts=True)[1:]
        sums = np.zeros((counts.size, self._known.shape[1]))
        np.add.at(sums, groups, self._known)
        # The mean of the known ones is 0, and of all but one picture's a little to the other side.
        without = -sums / (groups.size - counts)[:, None]
        self._own = (self._known * without[groups]).sum(axis=1)
        self._keeps = 0.5 ** (1 / memory)
        self._sum, self._weight = np.zeros(self._known.shape[1]), 0.0
        size = self._known.shape[1]
        self._none = np.zeros((0, 4), np.float32), np.zeros((0, size)), np.zeros(0, np.int64)
        self._shown: dict[str, tuple[str, Left]] = {}
        self._left: defaultdict[str, Left] = defaultdict(lambda: self._none)
        self._gone = self._told = 0

    def look(self, observation: Observation) -> None:
        """Take a look of a camera: what lay where nothing has lain for some looks is remembered.

        Args:
            observation: The look; the same one twice is one.
        """
        seen, camera = observation.instances, observation.frame.camera
        before, shown = self._shown.get(camera, ("", self._none))
        if before == observation.id:
            return
        left = self._left[camera]
        boxes = np.concatenate((left[0], shown[0]))
        places = np.concatenate((left[1], shown[1]))
        looks = np.concatenate((left[2], shown[2])) + 1
        now = seen.boxes[seen.counted()]
        away = np.ones(len(boxes), dtype=np.bool_)
        if len(boxes) and len(now):
            away = _overlap(boxes, now).max(axis=1) < _SAME_PLACE
        gone = away & (looks >= _LOOKS)
        if gone.any():
            self._remember(places[gone])
        waits = away & ~gone
        self._left[camera] = boxes[waits], places[waits], looks[waits]
        self._shown[camera] = (observation.id, self._none)

    def show(self, observation: Observation, seen: Seen) -> None:
        """Say which instances of the look are to be remembered once they have gone."""
        boxes, places = observation.instances.boxes[seen.rows], self._place(seen.embeddings)
        shown = boxes, places, np.zeros(len(places), np.int64)
        self._shown[observation.frame.camera] = (observation.id, shown)

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
        # What is far out counts less: one odd instance does not set the direction.
        far = np.linalg.norm(places, axis=1, keepdims=True) / (2 * np.sqrt(places.shape[1]))
        faded = self._keeps ** np.arange(len(places) - 1, -1, -1)
        before = self._keeps ** len(places)
        self._sum = before * self._sum + faded @ (places / np.maximum(far, 1.0))
        self._weight = before * self._weight + float(faded.sum())
        self._gone += len(places)


def _overlap(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the IoU ``(N, M)`` of boxes ``(N, 4)`` and ``(M, 4)``."""
    low = np.maximum(left[:, None, :2], right[None, :, :2])
    high = np.minimum(left[:, None, 2:], right[None, :, 2:])
    both = np.maximum(high - low, 0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (left, right)]
    return np.asarray(both / np.maximum(areas[0][:, None] + areas[1] - both, 1e-9))


def upper_tail(healthy: Vectors, scores: Vectors) -> Vectors:
    """Return the conformal p-value ``(N,)`` of each score; see `januscl.watch.conformal_p`.

    Args:
        healthy: ``(M,)`` healthy scores in rising order.
        scores: ``(N,)``.
    """
    at_least = healthy.size - np.searchsorted(healthy, scores, side="left")
    return np.asarray((1 + at_least) / (healthy.size + 1))
