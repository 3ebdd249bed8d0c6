"""Detectors that ask how far an instance is from the nearest known ones."""

from dataclasses import dataclass

import numpy as np

from januscl.watch.seen import Gauge, Seen, Vectors, distances, kth, spread_of


@dataclass(frozen=True)
class Nearest:
    """Distance to the k-th nearest known instance, each direction scaled by its spread.

    The k-th neighbour is robust to a stray one (Sun and others, Out-of-distribution detection with
    deep nearest neighbors, ICML 2022).

    Attributes:
        neighbours: k.
        unit: Scale embeddings to length 1 after centring, as they do: then it counts which texture
            an instance has, and not how strong it is.
    """

    neighbours: int = 5
    unit: bool = False

    @property
    def name(self) -> str:
        """``nearest``, or ``unit_nearest``."""
        return "unit_nearest" if self.unit else "nearest"

    def learn(self, known: Seen) -> Gauge:
        """Learn where the known instances are."""
        place = _placing(known, self.unit)
        places = place(known)
        return lambda seen: kth(distances(place(seen), places), self.neighbours)


@dataclass(frozen=True)
class LocalOutlier:
    """The distance to the k-th nearest over what is usual around there; about 1 for known ones.

    Where known instances lie far from each other, a distance says less: the idea of Breunig and
    others, LOF: identifying density-based local outliers, SIGMOD 2000, with the median of the
    neighbours' own distances in place of their reachability density.

    Attributes:
        neighbours: k.
    """

    neighbours: int = 5

    @property
    def name(self) -> str:
        """``local_outlier``."""
        return "local_outlier"

    def learn(self, known: Seen) -> Gauge:
        """Learn where the known instances are, and how far from those of other pictures."""
        place = _placing(known, unit=False)
        places = place(known)
        apart = distances(places, places)
        apart[known.groups[:, None] == known.groups[None, :]] = np.inf
        usual = kth(apart, self.neighbours)

        def gauge(seen: Seen) -> Vectors:
            away = distances(place(seen), places)
            k = min(self.neighbours, away.shape[1])
            near = np.argpartition(away, k - 1, axis=1)[:, :k]
            return kth(away, k) / np.maximum(np.median(usual[near], axis=1), 1e-9)

        return gauge


def _placing(known: Seen, unit: bool) -> Gauge:
    """Return what centres and scales embeddings as the known ones are spread."""
    middle, spread = known.embeddings.mean(axis=0), spread_of(known.embeddings)

    def place(seen: Seen) -> Vectors:
        places = np.asarray((seen.embeddings - middle) / spread)
        if unit:
            places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12)
        return places

    return place
