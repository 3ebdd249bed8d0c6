"""Which of many embeddings belong together, and how near is near."""

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]

NEIGHBOURS = 8
_LINKS, _SHARED = 10, 3
"""Nearest neighbours that may be linked, and the linked ones that two of a group have in common."""


class Space:
    """Embeddings where known instances vary alike in all directions.

    What tells known instances apart counts little and what none of them shows counts much, as in a
    Mahalanobis distance (for novelty: Lee and others, NeurIPS 2018), so that kinds which nobody
    taught lie further from each other than as the model gives them. The covariance is shrunk
    (Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004).

    Args:
        known: ``(M, D)`` embeddings of known instances, M of 2 or more.
    """

    def __init__(self, known: NDArray[np.floating]) -> None:
        self._middle = known.mean(axis=0, dtype=np.float64)
        covariance = LedoitWolf(assume_centered=True).fit(known - self._middle).covariance_
        spread, directions = np.linalg.eigh(covariance)
        # A direction that never varied would otherwise drown the others.
        spread = np.maximum(spread, max(1e-3 * float(spread.mean()), 1e-12))
        self._turn = directions / np.sqrt(spread)

    def place(self, embeddings: NDArray[np.floating]) -> Vectors:
        """Return the places ``(N, D)`` of embeddings ``(N, D)``."""
        return np.asarray((embeddings - self._middle) @ self._turn, dtype=np.float32)


def nearest_rows(apart: Vectors, count: int = NEIGHBOURS) -> tuple[Rows, Vectors]:
    """Return the columns of the ``count`` lowest of each row ``(N, M)``, unordered, and those."""
    count = min(count, apart.shape[1])
    rows = np.argpartition(apart, count - 1, axis=1)[:, :count]
    return rows, np.take_along_axis(apart, rows, axis=1)


def groups_of(apart: Vectors, own: Rows, least: int) -> list[Rows]:
    """Return which rows belong together, the largest group first; the rest are strays.

    Two rows are linked when each is among the ten nearest of the other and they have three such
    neighbours in common; a group is what hangs together (after Jarvis and Patrick, Clustering using
    a similarity measure based on shared near neighbors, IEEE Transactions on Computers, 1973). As
    all that is held is among the neighbours, what lies within something known links to nothing.

    Args:
        apart: ``(N, M)``, of what may be new to all that is held; infinite where two may not speak
            for each other.
        own: ``(N,)``, the column of each row.
        least: Fewest rows of a group.
    """
    count = len(apart)
    nearest, far = nearest_rows(apart, _LINKS)
    row_of = np.full(apart.shape[1], -1)
    row_of[own] = np.arange(count)
    near = np.where(np.isfinite(far), row_of[nearest], -1)
    mutual = (near >= 0) & (near[near] == np.arange(count)[:, None, None]).any(axis=2)
    linked = np.where(mutual, near, -1)
    left, place = np.nonzero(mutual)
    right = near[left, place]
    same = linked[left][:, :, None] == linked[right][:, None, :]
    shared = (same & mutual[left][:, :, None]).sum(axis=(1, 2)) >= _SHARED
    group = _hanging_together(left[shared], right[shared], count)
    sizes = np.bincount(group, minlength=1)
    order = np.argsort(-sizes, kind="stable")
    return [np.flatnonzero(group == g) for g in order if sizes[g] >= least]


def _hanging_together(left: Rows, right: Rows, count: int) -> Rows:
    """Return the lowest row that each of ``count`` rows is linked to, over others if need be."""
    group = np.arange(count)
    while True:
        lower = group.copy()
        np.minimum.at(lower, left, group[right])
        lower = lower[lower]
        if np.array_equal(lower, group):
            return group
        group = lower
