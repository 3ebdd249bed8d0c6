"""From raw scores to p-values, and from runs of p-values to evidence."""

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput


def conformal_p(reference_scores: NDArray[np.floating], score: float) -> float:
    """Return the share of healthy scores at least as high as ``score``, itself counted.

    For a score that is exchangeable with the reference, the p-value is at most ``a`` with a
    chance of at most ``a`` (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World,
    2005, section 2.2). The smallest value is ``1 / (n + 1)``.

    Args:
        reference_scores: ``(n,)`` scores of healthy observations, higher is stranger.
        score: The new score, finite.

    Returns:
        A p-value in (0, 1].
    """
    n = reference_scores.size
    return float((1 + np.count_nonzero(reference_scores >= score)) / (n + 1))


class EProcess:
    """Says when a run of small p-values has become evidence of a change.

    A share `stake` of the capital bets on each p-value by the power calibrator
    ``k * p ** (k - 1)``, whose mean is at most 1 under health (Vovk and Wang, E-values, Annals
    of Statistics 2021, section 2); the rest is kept, so that a fault that comes and goes is
    found too. The capital starts again from 1 whenever it fell below, which makes it the e-CUSUM
    of Shin, Ramdas and Rinaldo (E-detectors, 2023).

    Guarantee: with p-values that are valid given the past, the mean number of frames before a
    false alarm is at least `threshold`. P-values that share one finite reference, or frames
    that follow each other closely, meet this only approximately.

    Args:
        threshold: Capital at which the evidence is enough; more than 1.
        power: ``k`` in (0, 1); small values bet on few, very small p-values.
        stake: In (0, 1].

    Raises:
        InvalidInput: An argument is out of its range.
    """

    def __init__(self, threshold: float = 400.0, power: float = 0.3, stake: float = 0.6) -> None:
        if not threshold > 1 or not 0 < power < 1 or not 0 < stake <= 1:
            raise InvalidInput(
                "e-process",
                "threshold > 1, 0 < power < 1 and 0 < stake <= 1",
                f"{threshold}, {power}, {stake}",
                "A threshold of 400 means one false alarm in 400 frames, on average, at most.",
            )
        self.threshold = threshold
        self.power = power
        self.stake = stake
        self.capital = 1.0

    def update(self, p_value: float) -> bool:
        """Take the next p-value in (0, 1] and say whether the evidence is enough by now."""
        if not 0 < p_value <= 1:
            raise InvalidInput("p-value", "a number in (0, 1]", f"{p_value}", "Calibrate first.")
        payoff = 1 - self.stake + self.stake * self.power * p_value ** (self.power - 1)
        # The ceiling keeps a long fault from overflowing; it changes no decision.
        self.capital = min(max(self.capital, 1.0) * payoff, 1e12)
        return self.capital >= self.threshold

    def reset(self) -> None:
        """Forget what was seen."""
        self.capital = 1.0
