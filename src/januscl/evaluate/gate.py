"""The gate: may a challenger leave for the test station?

On every slice of history the challenger must not be worse, and on the slice of what it was
trained for it must be better. What counts is the worst slice, never the mean.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from januscl.core import Answer, InvalidInput, SliceScore, Verdict
from januscl.evaluate.ap import precision_at
from januscl.evaluate.bootstrap import bootstrap_deltas
from januscl.evaluate.matching import FrameMatches

TOLERATED_DROP = 0.01
"""How much worse a challenger may measure on an old slice, AP in 0..1, unless told otherwise."""
MIN_GAIN = 0.02
"""How much better it must measure on its target, AP in 0..1, unless told otherwise."""
_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class SliceData:
    """What both models found on one slice.

    Attributes:
        champion: Matches of the model that runs now.
        challenger: Matches of the model that may replace it, on the same frames.
        floor: AP in 0..1 that the slice is held to, such as the AP of the model that closed its
            novelty; None holds it to the champion alone. It keeps many small losses, each
            tolerated, from adding up over the releases.
    """

    champion: FrameMatches
    challenger: FrameMatches
    floor: float | None = None


def gate(
    slices: Mapping[str, SliceData],
    *,
    target: str | None,
    margin: float = 0.03,
    margins: Mapping[str, float] | None = None,
    tolerated_drop: float = TOLERATED_DROP,
    min_gain: float = MIN_GAIN,
    confidence: float = 0.9,
    seed: int = 0,
) -> Verdict:
    """Compare a challenger with the champion on every slice.

    Each slice gives a difference in AP with two bounds from a paired bootstrap over its frames:
    ``low``, one-sided at `confidence`, and ``high``, one-sided at ``1 - (1 - confidence) / K``
    for K slices (Bonferroni).

    - **fail**: on an old slice ``high < -tolerated_drop``, so the loss is real; or on the target
      ``high < min_gain``, so the gain is too small. As K bounds are looked at, the correction
      keeps the chance to refuse a good challenger below ``1 - confidence`` in all.
    - **pass**: on every old slice ``low >= -margin`` and the difference itself is at least
      ``-tolerated_drop``, from the champion and from the floor; and on the target ``low > 0``
      with a difference of at least `min_gain`. As every slice must pass, no correction is needed:
      a challenger that is worse than the margin on any slice passes with a chance of at most
      ``1 - confidence`` (intersection-union test: Berger, 1982, Technometrics 24).
    - **inconclusive** otherwise, with what to do.

    The bounds are percentiles of the bootstrap, which are a little narrow on few frames, so both
    chances are approximate.

    Args:
        slices: Name of each slice to what both models found on it.
        target: Name of the slice that the challenger was trained for; None to ask only that
            nothing is lost.
        margin: How much worse the challenger could still be on an old slice, AP in 0..1. On
            slices of 40 frames chance alone is about two points, so a smaller margin asks for
            larger slices.
        margins: Name of a slice to its own margin, in the place of `margin`.
        tolerated_drop: How much worse it may measure on an old slice, AP in 0..1.
        min_gain: How much better it must measure on the target, AP in 0..1.
        confidence: Of the one-sided bounds, 0.5..1.
        seed: Of the bootstrap.

    Raises:
        InvalidInput: There is no slice, the target or a slice with a margin of its own is not
            among them, or a slice's matches are not of the same frames.
    """
    margins = margins or {}
    _check_slices(slices, target, margins)
    judged = []
    for name, data in slices.items():
        score = _score(name, data, margins.get(name, margin), confidence, len(slices), seed)
        if name == target:
            judged.append((score, *_judge_target(score, min_gain)))
        else:
            judged.append((score, *_judge_old(score, data.floor, tolerated_drop)))
    answers = {answer for _, answer, _ in judged}
    answer = next(a for a in (Answer.FAIL, Answer.INCONCLUSIVE, Answer.PASS) if a in answers)
    # What decided comes first, and of that the worst.
    judged.sort(key=lambda row: (row[1] is not answer, row[0].delta))
    return Verdict(
        answer, tuple(reason for _, _, reason in judged), tuple(score for score, _, _ in judged)
    )


def _check_slices(
    slices: Mapping[str, SliceData], target: str | None, margins: Mapping[str, float]
) -> None:
    if not slices or (target is not None and target not in slices):
        raise InvalidInput(
            "slices of the gate",
            "at least one" if target is None else f"the target {target!r} and every old slice",
            f"{sorted(slices)}",
            "Freeze held-back frames of what is to be learned, and evaluate every slice.",
        )
    if unknown := sorted(set(margins) - set(slices)):
        raise InvalidInput(
            "margins of the gate",
            f"names among {sorted(slices)}",
            f"{unknown}",
            "A margin belongs to a slice; check its name.",
        )


def _score(
    name: str, data: SliceData, margin: float, confidence: float, count: int, seed: int
) -> SliceScore:
    deltas = bootstrap_deltas(data.champion, data.challenger, resamples=_RESAMPLES, seed=seed)
    low, high = np.quantile(deltas, (1 - confidence, 1 - (1 - confidence) / count))
    champion = float(precision_at(data.champion).mean())
    challenger = float(precision_at(data.challenger).mean())
    return SliceScore(
        name,
        int(data.champion.truths.size),
        champion,
        challenger,
        challenger - champion,
        float(low),
        float(high),
        margin,
    )


def _judge_old(score: SliceScore, floor: float | None, tolerated: float) -> tuple[Answer, str]:
    story = _story(score)
    drop = f"{100 * tolerated:.1f}"
    if score.high < -tolerated:
        return Answer.FAIL, f"{story}: the loss is real and more than the {drop} tolerated."
    if score.delta < -tolerated:
        more = _frames_for(score, score.delta + tolerated)
        return Answer.INCONCLUSIVE, (
            f"{story}: it measures more than the {drop} tolerated below the champion, which may "
            f"be chance; {more}, or replay more of this slice."
        )
    if floor is not None and score.challenger < floor - tolerated:
        return Answer.INCONCLUSIVE, (
            f"{story}: that is more than the {drop} tolerated below the {100 * floor:.1f} that "
            "the slice once reached; replay more of this slice."
        )
    if score.low < -score.margin:
        return Answer.INCONCLUSIVE, (
            f"{story}: a loss of more than {100 * score.margin:.1f} cannot be ruled out; "
            f"{_frames_for(score, score.delta + score.margin)}."
        )
    return Answer.PASS, f"{story}: no worse."


def _judge_target(score: SliceScore, min_gain: float) -> tuple[Answer, str]:
    story, gain = _story(score), f"{100 * min_gain:.1f}"
    if score.high < min_gain:
        return Answer.FAIL, f"{story}: the gain is less than the {gain} it was trained for."
    if score.delta < min_gain:
        more = _frames_for(score, score.delta - min_gain)
        return Answer.INCONCLUSIVE, (
            f"{story}: it measures less than the {gain} it was trained for, which may be chance; "
            f"{more}, or train on more labels."
        )
    if score.low <= 0:
        return Answer.INCONCLUSIVE, (
            f"{story}: the gain may be chance; {_frames_for(score, score.delta)}."
        )
    return Answer.PASS, f"{story}: better."


def _story(score: SliceScore) -> str:
    """Tell one slice in AP points, 0..100."""
    return (
        f"{score.slice}: AP {100 * score.champion:.1f} to {100 * score.challenger:.1f} on "
        f"{score.frames} frames ({100 * score.delta:+.1f}, from {100 * score.low:+.1f} to "
        f"{100 * score.high:+.1f})"
    )


def _frames_for(score: SliceScore, distance: float) -> str:
    """Say how many more frames would settle it, as bounds shrink with the root of the frames.

    Args:
        score: Of the slice.
        distance: Between the measured difference and the line that is in doubt.
    """
    width = score.delta - score.low
    if distance <= 0:
        width, distance = score.high - score.delta, -distance
    ratio = max(width, 0.0) / max(distance, 1e-3)
    more = min(max(math.ceil(score.frames * (ratio**2 - 1)), 10), 9 * score.frames)
    return f"about {more} more frames in the slice would tell"
