"""How strange each instance is: far from all that the fleet knows, or of a kind that gathers."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, InvalidInput, Observation, Signal
from januscl.watch.gaussian import Residual
from januscl.watch.lean import Lean, upper_tail
from januscl.watch.nearness import Nearest
from januscl.watch.seen import Detector, Seen, Vectors, seen_in

_LARGEST = 3000
_FOLDS = 5
_MAIN = 0.98
_LEAST = 20
_FAR = 0.02  # p-value of a distance that needs no other evidence
_OF_DISTANCE, _OF_LEAN = 0.4, 0.25
"""How the chance of a false alarm is shared out once there is something to lean to.

What is left of 1 is for cameras that look a little different from those of the reference.
"""


class InstanceNovelty:
    """Distance of an instance from what the model knows, and whether its like has become common.

    The distance is the geometric mean of two, each direction of the embedding centred and scaled by
    its spread in the reference: to the k-th nearest known instance (Sun and others,
    Out-of-distribution detection with deep nearest neighbors, ICML 2022; without their scaling to
    unit length, as how strong a texture is tells as much as which), and from the main directions
    of the known ones (see `Residual`).

    Some kinds lie among the known ones. Where it is asked to, what is new in the recent instances
    counts as well, as soon as enough of them have gone by (see `Lean`): then the watcher remembers
    what it scores, and is shown the observations in their order. The p-value is the smaller of the
    two, each divided by its share of the chance of a false alarm (Bonferroni's correction,
    weighted).

    Args:
        neighbours: k.
        leaning: Whether what has become common counts as well. A known kind that becomes more
            common is then called strange more often, too.
    """

    name = "novelty"

    def __init__(self, neighbours: int = 2, *, leaning: bool = False) -> None:
        if neighbours < 1:
            raise InvalidInput("neighbours", "1 or more", f"{neighbours}", "2 is usual.")
        self.neighbours = neighbours
        self._detectors: tuple[Detector, ...] = (Nearest(neighbours), Residual(_MAIN))
        self._leaning = leaning
        self._lean: Lean | None = None
        self._healthy: Vectors | None = None

    def fit(self, reference: Sequence[Observation]) -> Self:
        """Learn what instances look like to the model that made the reference.

        Args:
            reference: Observations with embeddings. Beyond 3000 instances an even part is kept.

        Raises:
            InvalidInput: There are too few instances with embeddings to compare.
        """
        known = seen_in(reference)
        groups = np.unique(known.groups).size
        least = max(_LEAST, 4 * self.neighbours)
        if groups < 2 or len(known) < least:
            raise InvalidInput(
                "novelty reference",
                f"{least} instances with embeddings from 2 or more observations",
                f"{len(known)} from {groups}",
                "Use a model that gives embeddings, and a longer healthy window.",
            )
        kept = np.linspace(0, len(known) - 1, min(len(known), _LARGEST)).astype(np.int64)
        known = known.only(kept)
        self._healthy = np.sort(self._left_out(known))
        self._usual = max(float(np.median(self._healthy)), 1e-9)
        self._gauges = [detector.learn(known) for detector in self._detectors]
        self._lean = Lean(known) if self._leaning else None
        return self

    def score(self, observation: Observation) -> list[Signal]:
        """Return ``novelty.distance`` for each instance that counts; see `Instances.counted`.

        An observation without embeddings gives no signals.

        Raises:
            Conflict: It has not been fitted.
        """
        if self._healthy is None:
            raise Conflict("InstanceNovelty has no reference; call fit with known observations")
        if observation.instances.embeddings is None:
            return []
        seen = seen_in([observation])
        if self._lean is not None:
            self._lean.look(observation)
        if not len(seen):
            return []
        away = _far([gauge(seen) for gauge in self._gauges])
        p_values, gathers = upper_tail(self._healthy, away), np.zeros(len(seen), np.bool_)
        if self._lean is not None:
            p_values, gathers = _joined(self._lean, observation, seen, p_values)
        return [
            Signal(
                f"{self.name}.distance",
                each,
                p,
                row,
                each / self._usual,
                _told(each / self._usual, g),
            )
            for row, each, p, g in zip(
                seen.rows.tolist(), away.tolist(), p_values.tolist(), gathers.tolist(), strict=True
            )
        ]

    def _left_out(self, known: Seen) -> Vectors:
        """Return the distance ``(N,)`` of each instance from what its fold left out."""
        folds = np.unique(known.groups, return_inverse=True)[1] % _FOLDS
        found = np.zeros(len(known))
        for fold in np.unique(folds):
            away = folds == fold
            left = known.only(away)
            found[away] = _far([d.learn(known.only(~away))(left) for d in self._detectors])
        return found


def _joined(
    lean: Lean, observation: Observation, seen: Seen, far: Vectors
) -> tuple[Vectors, NDArray[np.bool_]]:
    """Return p-values ``(N,)`` by distance or by what gathers, and which of them are by the latter.

    Args:
        lean: Which is shown what lies among the known ones.
        observation: Of the instances.
        seen: N of them.
        far: Their p-values by distance.
    """
    lean.show(observation, seen.only(far > _FAR))
    near = lean.p_values(seen.embeddings)
    if near is None:
        return far, np.zeros(len(far), np.bool_)
    by_distance, by_lean = far / _OF_DISTANCE, near / _OF_LEAN
    return np.minimum(np.minimum(by_distance, by_lean), 1.0), by_lean < by_distance


def _far(distances: Sequence[Vectors]) -> Vectors:
    return np.asarray(np.sqrt(distances[0] * distances[1]))


def _told(times: float, gathers: bool) -> str:
    told = f"{times:.1f} times as far from anything known as is usual"
    return f"{told}, and of a sort that has become more common" if gathers else told
