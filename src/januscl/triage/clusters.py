"""Which of many embeddings belong together, and how near is near."""

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA

Vectors = NDArray[np.float64]
_COMPONENTS = 16
_NEIGHBOURS = 3


class Space:
    """Embeddings scaled by their spread, on their main components.

    Args:
        embeddings: ``(N, D)``, N of 2 or more.
    """

    def __init__(self, embeddings: NDArray[np.floating]) -> None:
        spread = embeddings.std(axis=0, dtype=np.float64)
        self._middle = embeddings.mean(axis=0, dtype=np.float64)
        # A direction that hardly varies would otherwise drown the others.
        self._spread = np.maximum(spread, max(0.1 * float(spread.mean()), 1e-9))
        count = min(_COMPONENTS, *embeddings.shape)
        # Exact, and for many embeddings of few values six times as fast as a whole decomposition.
        self._pca = PCA(count, svd_solver="covariance_eigh").fit(self._scaled(embeddings))

    def place(self, embeddings: NDArray[np.floating]) -> Vectors:
        """Return the places ``(N, C)`` of embeddings ``(N, D)``."""
        return np.asarray(self._pca.transform(self._scaled(embeddings)), dtype=np.float64)

    def _scaled(self, embeddings: NDArray[np.floating]) -> Vectors:
        return np.asarray((embeddings - self._middle) / self._spread)


class Neighbourhood:
    """Where a group of places lies, and how far its members are from each other.

    Args:
        members: ``(N, C)`` places, N of 2 or more.
        usual: `usual_distance` of known instances. Members further from each other than known ones
            are count as if they were as near: a few of them would else take in all between.

    Attributes:
        radius: Distance from its members up to which a place belongs to it.
    """

    def __init__(self, members: Vectors, usual: float) -> None:
        self._members = members
        self.radius = 1.5 * min(usual_distance(members), usual) + 1e-9

    def distances(self, places: Vectors) -> Vectors:
        """Return how far each place ``(N, C)`` is from its members, ``(N,)``."""
        return distances(places, self._members)

    def nearness(self, places: Vectors) -> Vectors:
        """Return ``(N,)``: distance over the radius; up to 1 belongs to it."""
        return self.distances(places) / self.radius


def usual_distance(places: Vectors) -> float:
    """Return up to which distance 90% of places ``(N, C)`` have their own third nearest.

    N is 2 or more.
    """
    return float(np.quantile(_among(places), 0.9))


def distances(places: Vectors, members: Vectors) -> Vectors:
    """Return the distance ``(N,)`` of places ``(N, C)`` to their third nearest member.

    Of three members the second nearest counts, of fewer the nearest.
    """
    return _near(_apart(places, members))


def clusters_of(places: Vectors, known: Vectors, least: int) -> list[NDArray[np.int64]]:
    """Return the rows of each new cluster, largest first, by HDBSCAN; the rest is noise.

    Known instances are clustered along: they give the scale of what is dense, without which a
    cloud of strays could not be told from a cluster, and a cluster that holds more of them than
    of the new is nothing new. Members twice as far from the others as is usual are noise too.

    Args:
        places: ``(N, C)`` of what may be new.
        known: ``(M, C)`` of known instances.
        least: Fewest members of a cluster.
    """
    together = np.concatenate([places, known])
    if len(places) < least:
        return []
    labels = HDBSCAN(min_cluster_size=least, min_samples=min(5, least), copy=True).fit_predict(
        together
    )
    groups = []
    for label in range(int(labels.max()) + 1):
        rows = np.flatnonzero(labels == label)
        new = rows[rows < len(places)]
        if 2 * len(new) > len(rows) and len(new) >= least:
            groups.append(_dense(places, new))
    return sorted((rows for rows in groups if len(rows) >= least), key=len, reverse=True)


def _dense(places: Vectors, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    near = _among(places[rows])
    return rows[near <= 2 * np.median(near)]


def _among(places: Vectors) -> Vectors:
    """Return the distance ``(N,)`` of each place ``(N, C)`` to its third nearest of the others."""
    apart = _apart(places, places)
    np.fill_diagonal(apart, np.inf)
    return _near(apart)


def _apart(left: Vectors, right: Vectors) -> Vectors:
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    return np.asarray(np.sqrt(np.maximum(squares - 2 * left @ right.T, 0)))


def _near(apart: Vectors) -> Vectors:
    """Return the third lowest of each row; of three columns or fewer the last but one."""
    k = min(_NEIGHBOURS, apart.shape[1] - 1) - 1
    return np.asarray(np.partition(apart, max(k, 0), axis=1)[:, max(k, 0)])
