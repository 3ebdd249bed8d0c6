"""What tells of a change in embeddings: p-values of how a new one stands to the healthy ones."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, InvalidInput
from januscl.watch.gaussian import whitening
from januscl.watch.seen import distances, kth

Array = NDArray[np.float64]

_NEIGHBOURS, _FOLDS, _TURNING = 5, 5, 16
_PAIRS = np.triu_indices(_TURNING)


class EmbeddingLean:
    """P-values of embeddings, by fixed scores and by scores that learn where recent ones lean.

    The fixed scores: each dimension given the others (the innovation of a linear prediction), the
    Mahalanobis distance, and the distance to the fifth nearest healthy embedding. The learned ones:
    how far an embedding goes the way in which recent ones differ from the healthy ones, in their
    mean (``lean``, for each length of memory) and in their covariance (``turn``, for the longest).
    Such a score is made before the embedding that it scores is seen, and the healthy embeddings are
    scored by it anew, so its p-value is conformal as any other's. All p-values break ties at
    random; they share one healthy window, so that they are uniform approximately.

    Args:
        memories: Half-lives of the memories, in frames.
        seed: Of the chance in ties.

    Attributes:
        signals: Signal to its weight, what `ChangeWatch` is made with; empty before a fit.

    Raises:
        InvalidInput: A memory is not above 0.
    """

    def __init__(self, memories: Sequence[float] = (8.0, 32.0), seed: int = 0) -> None:
        if not memories or not min(memories) > 0:
            raise InvalidInput(
                "memories", "one or more half-lives over 0", f"{memories}", "Try 8 and 32 frames."
            )
        self._memories = tuple(memories)
        self._steps = 1 - 0.5 ** (1 / np.asarray(memories, dtype=np.float64))
        self._rng = np.random.default_rng(seed)
        self._fitted = False
        self.signals: dict[str, float] = {}

    def fit(self, reference: NDArray[np.floating]) -> Self:
        """Learn what is healthy; the memories start from the last rows.

        Args:
            reference: ``(N, D)`` healthy embeddings of one camera and model version, in the order
                of time, 1000 for choice; of one kind (frames' or instances').

        Raises:
            InvalidInput: There are too few rows to tell strange ones, or one is not finite.
        """
        table = np.asarray(reference, dtype=np.float64)
        least = 10 * _FOLDS
        if table.ndim != 2 or len(table) < least or not np.isfinite(table).all():
            raise InvalidInput(
                "healthy embeddings",
                f"(N, D) finite numbers, N of {least} or more",
                f"shape {table.shape}",
                "Use a longer healthy window.",
            )
        self._middle, self._whitening = table.mean(axis=0), whitening(table - table.mean(axis=0))
        innovation = self._whitening @ self._whitening.T
        self._innovation = innovation / np.sqrt(np.diag(innovation))
        self._healthy = (table - self._middle) @ self._whitening
        self._norms = (self._healthy**2).sum(axis=1)
        apart = distances(self._healthy, self._healthy)
        np.fill_diagonal(apart, np.inf)
        self.signals = self._weights(table.shape[1])
        # One row a signal; those of the learned scores are filled in for each embedding anew.
        self._scores = np.empty((len(self.signals), len(table)))
        self._scores[: table.shape[1]] = ((table - self._middle) @ self._innovation).T
        self._scores[table.shape[1]] = _left_out_spread(table)
        self._scores[table.shape[1] + 1] = kth(apart, _NEIGHBOURS) ** 2
        turned = _products(self._healthy)
        self._usual = turned.mean(axis=0)
        self._turned = turned - self._usual
        # A healthy row is part of the mean that recent rows are held against; this takes it out.
        self._own = (self._turned**2).sum(axis=1) / (len(table) - 1)
        self._lean = np.zeros((len(self._memories), table.shape[1]))
        self._turn = np.zeros(self._usual.size, dtype=np.float32)
        for row in range(max(len(table) - 200, 0), len(table)):
            self._remember(self._healthy[row], self._turned[row])
        self._fitted = True
        return self

    def read(self, embedding: NDArray[np.floating]) -> dict[str, tuple[float]]:
        """Return the p-values of the next embedding ``(D,)``, then remember it.

        Raises:
            Conflict: There was no fit.
            InvalidInput: It is of another length, or not finite.
        """
        if not self._fitted:
            raise Conflict("EmbeddingLean has no reference; call fit with healthy embeddings")
        row = np.asarray(embedding, dtype=np.float64)
        if row.shape != self._middle.shape or not np.isfinite(row).all():
            raise InvalidInput(
                "embedding",
                f"{self._middle.shape} finite numbers",
                f"{row.shape}",
                "Use one model version with one reference.",
            )
        place = (row - self._middle) @ self._whitening
        turned = _products(place[None, :])[0] - self._usual
        norm = float(place @ place)
        away = self._norms - 2 * self._healthy @ place + norm
        score = np.concatenate(
            (
                (row - self._middle) @ self._innovation,
                [norm, np.partition(away, _NEIGHBOURS - 1)[_NEIGHBOURS - 1]],
                self._lean @ place,
                [self._turn @ turned],
            )
        )
        self._scores[-1 - len(self._lean) : -1] = self._lean @ self._healthy.T
        self._scores[-1] = self._turned @ self._turn + self._own
        above = np.count_nonzero(self._scores > score[:, None], axis=1)
        equal = np.count_nonzero(self._scores == score[:, None], axis=1)
        chance = 1 - self._rng.random(score.size)
        p_values = (above + chance * (equal + 1)) / (self._scores.shape[1] + 1)
        self._remember(place, turned)
        return {name: (p,) for name, p in zip(self.signals, p_values.tolist(), strict=True)}

    def _remember(self, place: Array, turned: NDArray[np.float32]) -> None:
        # What is far out counts less: one odd frame does not set the direction.
        far = np.linalg.norm(place) / (2 * np.sqrt(place.size))
        self._lean += self._steps[:, None] * (place / max(far, 1.0) - self._lean)
        self._turn += np.float32(self._steps.min()) * (turned - self._turn)

    def _weights(self, size: int) -> dict[str, float]:
        """Return the signals, in the order of their scores, with their weights."""
        return {
            **{f"embedding.axis.{k}": 1 / size for k in range(size)},
            "embedding.distance": 1.0,
            "embedding.nearest": 1.0,
            **{f"embedding.lean.{memory:g}": 1.0 for memory in self._memories},
            "embedding.turn": 1.0,
        }


def _left_out_spread(table: Array) -> Array:
    """Return each row's squared Mahalanobis distance ``(N,)`` to what its fold left out."""
    folds, found = np.arange(len(table)) % _FOLDS, np.zeros(len(table))
    for fold in range(_FOLDS):
        kept = table[folds != fold]
        centred = (table[folds == fold] - kept.mean(axis=0)) @ whitening(kept - kept.mean(axis=0))
        found[folds == fold] = (centred**2).sum(axis=1)
    return found


def _products(places: Array) -> NDArray[np.float32]:
    """Return the products of two of the widest coordinates, ``(N, pairs)``, squares included."""
    far = np.linalg.norm(places, axis=1, keepdims=True) / (1.5 * np.sqrt(places.shape[1]))
    part = (places / np.maximum(far, 1.0))[:, -_TURNING:]
    first, second = _PAIRS if part.shape[1] == _TURNING else np.triu_indices(part.shape[1])
    scale = np.where(first == second, np.sqrt(0.5), 1)
    return np.asarray(part[:, first] * part[:, second] * scale, dtype=np.float32)
