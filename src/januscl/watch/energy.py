"""What the model's own scores say of novelty."""

from dataclasses import dataclass

import numpy as np

from januscl.watch.seen import Gauge, Seen, Vectors


@dataclass(frozen=True)
class ScoreEnergy:
    """The energy of an instance, from its score (Liu and others, Energy-based OOD, NeurIPS 2020).

    Energy is ``-log sum exp`` of the logits. A score s is the probability of being any package
    against the background's logit of 0, as `januscl.train`'s model gives it, so the sum is
    ``1 / (1 - s)`` and the energy ``log(1 - s)``: no logits have to be kept.
    """

    @property
    def name(self) -> str:
        """``energy``."""
        return "energy"

    def learn(self, known: Seen) -> Gauge:
        """Learn nothing: a model's scores speak for themselves."""
        return _energy


def _energy(seen: Seen) -> Vectors:
    return np.asarray(np.log(np.maximum(1 - seen.scores, 1e-7)))
