"""How sure a difference in AP is: the paired bootstrap over frames."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput
from januscl.evaluate.ap import precision_at
from januscl.evaluate.matching import FrameMatches


class ApDelta(NamedTuple):
    """Challenger's AP less the champion's, with an interval."""

    delta: float
    low: float
    high: float


def bootstrap_deltas(
    champion: FrameMatches, challenger: FrameMatches, *, resamples: int = 500, seed: int = 0
) -> NDArray[np.float64]:
    """Return the difference in AP in each resample of the frames.

    Frames are drawn with replacement and both models are scored on the same draw (Efron and
    Tibshirani, 1993, "An Introduction to the Bootstrap", chapter 13, with the frame as the unit
    and the pair of models kept together). The matching is reused, so that only the weights of
    the frames change.

    Args:
        champion: Matches on F frames.
        challenger: Matches on the same frames.
        resamples: How many draws.
        seed: Of the draws.

    Returns:
        ``(R,) float64``. A draw without any truth is left out, so R may be less than
        ``resamples`` where few frames have truths.

    Raises:
        InvalidInput: The two were matched on different frames, or no frame has a truth.
    """
    if not np.array_equal(champion.truths, challenger.truths):
        raise InvalidInput(
            "matches of champion and challenger",
            "the same frames with the same truths",
            f"{champion.truths.size} frames with {champion.truths.sum()} truths and "
            f"{challenger.truths.size} with {challenger.truths.sum()}",
            "Match both models on one slice, in one order.",
        )
    frames = champion.truths.size
    if champion.truths.sum() == 0:
        raise InvalidInput(
            "slice",
            "at least one truth",
            f"none in {frames} frames",
            "AP is undefined without truths; label some frames.",
        )
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(frames, np.full(frames, 1 / frames), size=resamples)
    weights = drawn[drawn @ champion.truths > 0].astype(np.float64)
    before = precision_at(champion, weights).mean(axis=1)
    return np.asarray(precision_at(challenger, weights).mean(axis=1) - before)


def paired_bootstrap(
    champion: FrameMatches,
    challenger: FrameMatches,
    *,
    resamples: int = 500,
    confidence: float = 0.9,
    seed: int = 0,
) -> ApDelta:
    """Return the difference in AP with its percentile interval.

    Args:
        champion: Matches on F frames.
        challenger: Matches on the same frames.
        resamples: How many draws of the frames.
        confidence: Of the two-sided interval.
        seed: Of the draws.

    Raises:
        InvalidInput: The two were matched on different frames, or no frame has a truth.
    """
    deltas = bootstrap_deltas(champion, challenger, resamples=resamples, seed=seed)
    low, high = np.quantile(deltas, ((1 - confidence) / 2, (1 + confidence) / 2))
    delta = precision_at(challenger).mean() - precision_at(champion).mean()
    return ApDelta(float(delta), float(low), float(high))
