"""The watcher of novel instances, by the detectors that suit the model at hand."""

from collections.abc import Sequence
from typing import Self

import numpy as np

from januscl.core import Conflict, InvalidInput, Observation, Signal
from januscl.watch.calibration import conformal_p
from januscl.watch.energy import ScoreEnergy
from januscl.watch.gaussian import Mahalanobis, Residual
from januscl.watch.nearness import LocalOutlier, Nearest
from januscl.watch.seen import Detector, Gauge, Seen, Vectors, seen_in
from januscl.watch.trials import Trial, run_trials, standard_of

DETECTORS: tuple[Detector, ...] = (
    Nearest(), Nearest(unit=True), LocalOutlier(), Mahalanobis(), Mahalanobis(relative=True),
    Residual(), ScoreEnergy(),
)  # fmt: skip
"""What `ChosenNovelty` chooses among unless told otherwise."""

_FOLDS = 5
_LARGEST = 3000
_LEAST = 20


class ChosenNovelty:
    """Strangeness of instances by a weighted sum of detectors, weighed on known instances alone.

    No detector wins on every backbone, so each is tried on known data (see `run_trials`): every
    known kind plays the novelty in turn, and what is made up from known instances plays it too.
    Given one detector, it is that detector as a watcher.

    The p-values are cross-conformal: a healthy strangeness is that of an instance whose observation
    was left out of what was learned (Vovk, Cross-conformal predictors, 2015).

    Args:
        detectors: At least one, with names of their own.

    Attributes:
        weights: Name to weight, the weights sum to 1; empty before it was fitted.
        trials: What played the novelty, to each detector's AUROC; empty where there was nothing to
            choose.

    Raises:
        InvalidInput: There is no detector, or two have one name.
    """

    name = "novelty"

    def __init__(self, detectors: Sequence[Detector] = DETECTORS) -> None:
        names = [detector.name for detector in detectors]
        if not names or len(set(names)) < len(names):
            raise InvalidInput(
                "detectors", "one or more, with names of their own", f"{names}", "Rename one."
            )
        self._detectors = tuple(detectors)
        self._gauges: list[Gauge] | None = None
        self.weights: dict[str, float] = {}
        self.trials: dict[str, dict[str, float]] = {}

    def fit(self, reference: Sequence[Observation]) -> Self:
        """Weigh the detectors, and learn what instances look like to the reference's model.

        Args:
            reference: Observations of known kinds with embeddings. Beyond 3000 instances an even
                part is kept.

        Raises:
            InvalidInput: There are too few instances with embeddings to compare.
        """
        known = seen_in(reference)
        groups = np.unique(known.groups).size
        if len(known) < _LEAST or groups < _FOLDS:
            raise InvalidInput(
                "novelty reference",
                f"{_LEAST} instances with embeddings from {_FOLDS} or more observations",
                f"{len(known)} from {groups}",
                "Use a model that gives embeddings, and a longer healthy window.",
            )
        kept = np.linspace(0, len(known) - 1, min(len(known), _LARGEST)).astype(np.int64)
        known = known.only(kept)
        self._weigh(known)
        # What has no weight need not be read on every frame.
        used = [d for d in self._detectors if self.weights[d.name] > 0]
        self._weights = np.asarray([self.weights[d.name] for d in used])
        healthy = _left_out(used, known)
        self._middle, self._scale = standard_of(healthy)
        self._healthy = self._sum(healthy)
        self._usual = float(np.quantile(self._healthy, 0.9) - np.median(self._healthy))
        self._gauges = [detector.learn(known) for detector in used]
        return self

    def score(self, observation: Observation) -> list[Signal]:
        """Return ``novelty.chosen`` for each instance that counts; see `Instances.counted`.

        Severity counts upper tails: 1 is as far above the middle of the known instances as one in
        ten of them is. An observation without embeddings gives no signals.

        Raises:
            Conflict: It has not been fitted.
        """
        seen = seen_in([observation])
        strangeness = self.strangeness(seen)
        return [
            Signal(
                f"{self.name}.chosen",
                float(strange),
                conformal_p(self._healthy, float(strange)),
                int(row),
                max(float(strange) / max(self._usual, 1e-9), 0.0),
                self._evidence(float(strange)),
            )
            for row, strange in zip(seen.rows, strangeness, strict=True)
        ]

    def strangeness(self, seen: Seen) -> Vectors:
        """Return how strange each instance is, ``(N,)``; 0 for the usual known one.

        Raises:
            Conflict: It has not been fitted.
        """
        if self._gauges is None:
            raise Conflict("ChosenNovelty has no reference; call fit with known observations")
        if not len(seen):
            return np.zeros(0)
        return self._sum(np.column_stack([gauge(seen) for gauge in self._gauges]))

    def _weigh(self, known: Seen) -> None:
        names = [detector.name for detector in self._detectors]
        trials = run_trials(self._detectors, known) if len(names) > 1 else []
        weights = weights_of(trials) if trials else np.full(len(names), 1 / len(names))
        self.weights = dict(zip(names, weights.tolist(), strict=True))
        self.trials = {
            trial.name: dict(zip(names, trial.aurocs().tolist(), strict=True)) for trial in trials
        }

    def _sum(self, strangeness: Vectors) -> Vectors:
        return np.asarray((strangeness - self._middle) / self._scale @ self._weights)

    def _evidence(self, strange: float) -> str:
        higher = float((self._healthy >= strange).mean())
        return f"stranger than {100 * (1 - higher):.1f}% of known instances"


def weights_of(trials: Sequence[Trial]) -> Vectors:
    """Return the weight of each of K detectors, ``(K,)``, by what they did in trials.

    It is the root of the product of how far the AUROC is above chance: in the mean of the known
    kinds' trials, and in each of those of what is made up. What fails in one of them gets nothing,
    since no one knows which of them the next novelty is like; near-equals share, as a sum of a few
    is steadier than any one of them.
    """
    kinds = [trial.aurocs() for trial in trials if not trial.made_up]
    made_up = [trial.aurocs() for trial in trials if trial.made_up]
    aurocs = np.stack([*([np.mean(kinds, axis=0)] if kinds else []), *made_up])
    weights = np.sqrt(np.prod(np.maximum(2 * aurocs - 1, 0), axis=0))
    total = float(weights.sum())
    return np.asarray(weights / total if total > 0 else np.full(weights.size, 1 / weights.size))


def _left_out(detectors: Sequence[Detector], known: Seen) -> Vectors:
    """Return the strangeness ``(N, K)`` of each instance to what its fold left out."""
    folds = np.unique(known.groups, return_inverse=True)[1] % _FOLDS
    found = np.zeros((len(known), len(detectors)))
    for fold in range(_FOLDS):
        away = folds == fold
        for column, detector in enumerate(detectors):
            found[away, column] = detector.learn(known.only(~away))(known.only(away))
    return found
