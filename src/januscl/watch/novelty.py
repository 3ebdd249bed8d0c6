"""How far each instance is from every instance the fleet knows."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, InvalidInput, Observation, Signal
from januscl.watch.calibration import conformal_p

_LARGEST = 3000
_LEAST_SPREAD = 0.1  # of the mean spread; a direction that never varied tells nothing


class InstanceNovelty:
    """Distance of an instance's embedding to its k-th nearest in the reference.

    Each direction of the embedding is centred and scaled by its spread in the reference; the k-th
    neighbour is robust to a stray one (Sun and others, Out-of-distribution detection with deep
    nearest neighbors, ICML 2022; without their scaling to unit length, as how strong a texture
    is tells as much as which). A reference distance leaves out the instances of its own
    observation, which would be too near.

    Args:
        neighbours: k.
    """

    name = "novelty"

    def __init__(self, neighbours: int = 5) -> None:
        if neighbours < 1:
            raise InvalidInput("neighbours", "1 or more", f"{neighbours}", "5 is usual.")
        self.neighbours = neighbours
        self._known: NDArray[np.float64] | None = None

    def fit(self, reference: Sequence[Observation]) -> Self:
        """Learn what instances look like to the model that made the reference.

        Args:
            reference: Observations with embeddings. Beyond 3000 instances an even part is kept.

        Raises:
            InvalidInput: There are too few instances with embeddings to compare.
        """
        rows = [_counted(o) for o in reference]
        groups = np.repeat(np.arange(len(rows)), [len(r) for r, _ in rows])
        if np.unique(groups).size < 2 or groups.size < 4 * self.neighbours:
            raise InvalidInput(
                "novelty reference",
                f"{4 * self.neighbours} instances with embeddings from 2 or more observations",
                f"{groups.size} from {np.unique(groups).size}",
                "Use a model that gives embeddings, and a longer healthy window.",
            )
        embeddings = np.concatenate([e for r, e in rows if len(r)])
        kept = np.linspace(0, groups.size - 1, min(groups.size, _LARGEST)).astype(np.int64)
        embeddings, groups = embeddings[kept].astype(np.float64), groups[kept]
        spread = embeddings.std(axis=0)
        self._middle = embeddings.mean(axis=0)
        self._spread = np.maximum(spread, max(_LEAST_SPREAD * float(spread.mean()), 1e-9))
        self._known = self._place(embeddings)
        distances = _distances(self._known, self._known)
        distances[groups[:, None] == groups[None, :]] = np.inf
        healthy = np.partition(distances, self.neighbours - 1, axis=1)[:, self.neighbours - 1]
        self._healthy = healthy[np.isfinite(healthy)]
        return self

    def score(self, observation: Observation) -> list[Signal]:
        """Return ``novelty.distance`` for each instance that counts; see `Instances.counted`.

        An observation without embeddings gives no signals.

        Raises:
            Conflict: It has not been fitted.
        """
        if self._known is None:
            raise Conflict("InstanceNovelty has no reference; call fit with known observations")
        rows, embeddings = _counted(observation)
        if not len(rows):
            return []
        distances = _distances(self._place(embeddings), self._known)
        nearest = np.partition(distances, self.neighbours - 1, axis=1)[:, self.neighbours - 1]
        usual = max(float(np.median(self._healthy)), 1e-9)
        return [
            Signal(
                f"{self.name}.distance",
                float(distance),
                conformal_p(self._healthy, float(distance)),
                int(row),
                float(distance) / usual,
                f"{distance / usual:.1f} times as far from anything known as is usual",
            )
            for row, distance in zip(rows, nearest, strict=True)
        ]

    def _place(self, embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray((embeddings - self._middle) / self._spread)


def _counted(observation: Observation) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows that count, ``(K,)``, and their embeddings, ``(K, D)``."""
    seen = observation.instances
    if seen.embeddings is None:
        return np.zeros(0, np.int64), np.zeros((0, 0), np.float32)
    rows = seen.counted()
    return rows, seen.embeddings[rows]


def _distances(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    return np.asarray(np.sqrt(np.maximum(squares - 2 * left @ right.T, 0)))
