"""Detectors that take known instances for Gaussian clouds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.watch.seen import Gauge, Seen, Vectors, spread_of

_LEAST_OF_A_KIND = 5


@dataclass(frozen=True)
class Mahalanobis:
    """Squared Mahalanobis distance to the nearest known kind.

    One mean a kind and one covariance for all (Lee and others, A simple unified framework for
    detecting out-of-distribution samples and adversarial attacks, NeurIPS 2018, eq. 1 and 2).
    Kinds are what the model took the known instances for.

    Attributes:
        relative: Take off the distance to all known instances as one cloud, which is large for
            what is odd in a way that tells no kind from another (Ren and others, A simple fix to
            Mahalanobis distance for improving near-OOD detection, 2021, eq. 3).
    """

    relative: bool = False

    @property
    def name(self) -> str:
        """``mahalanobis``, or ``relative_mahalanobis``."""
        return "relative_mahalanobis" if self.relative else "mahalanobis"

    def learn(self, known: Seen) -> Gauge:
        """Learn the clouds."""
        table, kinds = known.embeddings, _kinds_of(known)
        means = np.stack([table[kinds == kind].mean(axis=0) for kind in np.unique(kinds)])
        within = whitening(table - means[np.searchsorted(np.unique(kinds), kinds)])
        middle = table.mean(axis=0)
        whole = whitening(table - middle)

        def gauge(seen: Seen) -> Vectors:
            away = [_squared((seen.embeddings - mean) @ within) for mean in means]
            nearest = np.min(away, axis=0)
            if self.relative:
                nearest = nearest - _squared((seen.embeddings - middle) @ whole)
            return np.asarray(nearest)

        return gauge


@dataclass(frozen=True)
class Residual:
    """How much of an embedding lies outside the main directions of the known ones.

    Each direction is scaled by its spread first (Wang and others, ViM: out-of-distribution with
    virtual-logit matching, CVPR 2022, eq. 4; without logits).

    Attributes:
        kept: Share of the variance that the main directions carry.
    """

    kept: float = 0.9

    @property
    def name(self) -> str:
        """``residual``."""
        return "residual"

    def learn(self, known: Seen) -> Gauge:
        """Learn the main directions."""
        middle, spread = known.embeddings.mean(axis=0), spread_of(known.embeddings)
        _, sizes, axes = np.linalg.svd((known.embeddings - middle) / spread, full_matrices=False)
        share = np.cumsum(sizes**2) / max(float(np.sum(sizes**2)), 1e-12)
        main = axes[: int(np.searchsorted(share, self.kept)) + 1]

        def gauge(seen: Seen) -> Vectors:
            places = (seen.embeddings - middle) / spread
            return np.sqrt(_squared(places - places @ main.T @ main))

        return gauge


def whitening(centred: Vectors) -> Vectors:
    """Return the matrix ``(D, D)`` that turns the covariance of centred rows ``(N, D)`` into one.

    The covariance of the rows scaled by their spread is shrunk towards a sphere, as far as its own
    error says (Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance
    matrices, 2004).
    """
    spread = spread_of(centred)
    rows = centred / spread
    count, size = rows.shape
    covariance = rows.T @ rows / count
    scale = float(np.trace(covariance)) / size
    misfit = float(((covariance - scale * np.eye(size)) ** 2).sum())
    error = float((_squared(rows) ** 2).mean() - (covariance**2).sum()) / count
    part = min(max(error / misfit, 1e-3), 1.0) if misfit > 0 else 1.0
    values, axes = np.linalg.eigh((1 - part) * covariance + part * scale * np.eye(size))
    return np.asarray((axes / np.sqrt(np.maximum(values, 1e-12))) / spread[:, None])


def _kinds_of(known: Seen) -> NDArray[np.int64]:
    """Return the labels ``(N,)``; those of kinds with few instances are put together as -1."""
    names, counts = np.unique(known.labels, return_counts=True)
    return np.where(np.isin(known.labels, names[counts >= _LEAST_OF_A_KIND]), known.labels, -1)


def _squared(rows: Vectors) -> Vectors:
    return np.asarray((rows**2).sum(axis=1))
