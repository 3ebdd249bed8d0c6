"""The instances of many observations in one table, and what a detector of novelty does with it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from januscl.core import Observation

Vectors = NDArray[np.float64]
Choice = NDArray[np.bool_] | NDArray[np.int64]

_LEAST_SPREAD = 0.1
_LOOKS, _LEAST_GROUPS = 10, 5


@dataclass(frozen=True, eq=False)
class Seen:
    """N instances as one model saw them.

    Attributes:
        embeddings: ``(N, D) float64``.
        scores: ``(N,) float64`` in 0..1.
        labels: ``(N,) int64``, the kinds that the model took them for.
        groups: ``(N,) int64``, numbers of runs of looks: instances of one group may be the same
            packages, and are no independent witnesses.
        rows: ``(N,) int64``, their rows in their observations.
    """

    embeddings: Vectors
    scores: Vectors
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.embeddings)

    def only(self, index: Choice) -> "Seen":
        """Return the instances chosen by an index or boolean array ``(K,)`` or ``(N,)``."""
        return Seen(
            self.embeddings[index],
            self.scores[index],
            self.labels[index],
            self.groups[index],
            self.rows[index],
        )


Gauge = Callable[[Seen], Vectors]
"""Returns how strange each instance is, ``(N,)``; higher is stranger, the unit is its own."""


class Detector(Protocol):
    """A way to tell what is strange from known instances alone."""

    @property
    def name(self) -> str:
        """One word, unique among the detectors that are used together."""

    def learn(self, known: Seen) -> Gauge:
        """Return a gauge that knows these instances, ten or more; it keeps no other state."""


def seen_in(observations: Sequence[Observation]) -> Seen:
    """Return the instances that count (see `Instances.counted`) and have embeddings.

    Ten successive looks of a camera are a group: they may show one pile. Where that makes fewer
    than five groups, each observation is one.
    """
    tables, scores, labels, groups, rows = [], [], [], [], []
    for group, observation in zip(_groups(observations), observations, strict=True):
        seen = observation.instances
        counted = seen.counted()
        if seen.embeddings is None or not len(counted):
            continue
        tables.append(seen.embeddings[counted])
        scores.append(seen.scores[counted])
        labels.append(seen.labels[counted])
        groups.append(np.full(len(counted), group, np.int64))
        rows.append(counted)
    if not tables:
        none = np.zeros(0, np.int64)
        return Seen(np.zeros((0, 0)), np.zeros(0), none, none, none)
    return Seen(
        np.concatenate(tables).astype(np.float64),
        np.concatenate(scores).astype(np.float64),
        np.concatenate(labels),
        np.concatenate(groups),
        np.concatenate(rows),
    )


def _groups(observations: Sequence[Observation]) -> list[int]:
    looks: Counter[str] = Counter()
    runs = []
    for observation in observations:
        camera = observation.frame.camera
        runs.append((camera, looks[camera] // _LOOKS))
        looks[camera] += 1
    numbers = {run: number for number, run in enumerate(dict.fromkeys(runs))}
    if len(numbers) < _LEAST_GROUPS:
        return list(range(len(observations)))
    return [numbers[run] for run in runs]


def spread_of(embeddings: Vectors) -> Vectors:
    """Return the standard deviation of each direction ``(D,)``, at least a tenth of their mean.

    A direction that never varied tells nothing, and divided by would drown the others.
    """
    spread = embeddings.std(axis=0)
    return np.asarray(np.maximum(spread, max(_LEAST_SPREAD * float(spread.mean()), 1e-9)))


def distances(left: Vectors, right: Vectors) -> Vectors:
    """Return the distance of each row of ``left (N, D)`` to each of ``right (M, D)``."""
    squares = np.einsum("ij,ij->i", left, left)[:, None] + np.einsum("ij,ij->i", right, right)
    squares -= 2 * left @ right.T
    return np.asarray(np.sqrt(np.maximum(squares, 0, out=squares), out=squares))


def kth(apart: Vectors, k: int) -> Vectors:
    """Return the k-th lowest of each row of ``apart (N, M)``; the highest where M is less."""
    k = min(k, apart.shape[1]) - 1
    return np.asarray(np.partition(apart, k, axis=1)[:, k])
