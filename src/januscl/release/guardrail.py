"""The guardrail on failed picks, safe to look at after every pick.

Both questions, "is there harm?" and "is harm ruled out?", are answered by e-processes: the
chance that one ever reaches ``1 / alpha`` while its null hypothesis is true is at most ``alpha``,
however often one looks and whenever one stops. They are likelihood ratios of a mixture over the
alternatives to the best that the null can do (Wasserman, Ramdas and Balakrishnan, 2020,
"Universal inference", PNAS 117, section 8). They need the counts alone, not the order of picks.

The promise is for picks that fail independently of each other, at one rate on each side. Tries at
one pile, and a mix of packages that changes within a stage, meet this only approximately.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, pi

import numpy as np
from numpy.typing import NDArray

from januscl.core import Answer, InvalidInput

_HARM = "It fails more often"
_GRID: NDArray[np.float64] = (1 - np.cos(np.linspace(0, pi, 4001))) / 2


@dataclass(frozen=True)
class Tally:
    """Picks tried and failed.

    Raises:
        InvalidInput: A count is negative, or more failed than were tried.
    """

    picks: int
    failed: int

    def __post_init__(self) -> None:
        if not 0 <= self.failed <= self.picks:
            raise InvalidInput(
                "tally",
                "0 <= failed <= picks",
                f"{self.failed} failed of {self.picks}",
                "Count every attempt once, and each failure among the attempts.",
            )

    @property
    def rate(self) -> float:
        """Share of picks that failed, 0..1; 0 with no picks."""
        return self.failed / self.picks if self.picks else 0.0


def guardrail(
    challenger: Tally,
    control: Tally,
    *,
    margin: float = 0.1,
    alpha: float = 0.1,
    min_picks: int = 40,
) -> tuple[Answer, tuple[str, ...]]:
    """Compare the challenger's failed picks with those of lines that run the champion meanwhile.

    - **fail** as soon as "the challenger fails no more often" is refuted at level `alpha`.
    - **pass** once each side has `min_picks` and "it fails at least `margin` more often" is
      refuted at level `alpha`.
    - **inconclusive** otherwise; collect more picks and ask again, as often as wanted.

    At the defaults, rates of 10% on both sides pass after about 250 picks a side, and 15% against
    the control's 40% after about 60. Harm of 40% against 10% shows after about 60.

    Args:
        challenger: On the lines that try it.
        control: On the lines that run the champion at the same time.
        margin: How much more often it may fail, as a difference of rates in 0..1.
        alpha: Chance in 0..1 of each wrong answer, over all looks together.
        min_picks: Picks a side before it may pass.

    Returns:
        The answer, and sentences that say why.

    Raises:
        InvalidInput: `margin` or `alpha` lies outside 0..1.
    """
    check_levels(margin, alpha)
    story = (
        f"The challenger failed {challenger.failed} of {challenger.picks} picks "
        f"({100 * challenger.rate:.1f}%), the champion {control.failed} of {control.picks} "
        f"({100 * control.rate:.1f}%)."
    )
    enough = f"{1 / alpha:.0f} to 1"
    harm = evidence_of_harm(challenger, control)
    if harm >= log(1 / alpha):
        return Answer.FAIL, (story, told_harm(f"the evidence is {_odds(harm)}, {enough} is enough"))
    short = min_picks - min(challenger.picks, control.picks)
    if short > 0:
        side = "the challenger" if challenger.picks < control.picks else "the champion"
        return Answer.INCONCLUSIVE, (story, f"Collect {short} more picks of {side}.")
    safe = evidence_of_safety(challenger, control, margin)
    if safe >= log(1 / alpha):
        return Answer.PASS, (
            story,
            f"{asked(margin)} No: the evidence against that is {_odds(safe)}, {enough} is enough.",
        )
    found = f"the evidence against that is {_odds(safe)}" if safe > 0 else "nothing rules that out"
    return Answer.INCONCLUSIVE, (
        story,
        f"{asked(margin)} Perhaps: {found}, {enough} is asked. Collect more picks.",
    )


def asked(margin: float) -> str:
    """Return the question that a pass answers with no."""
    return f"Could it fail {100 * margin:.0f} more picks in every 100 than the champion?"


def told_harm(why: str) -> str:
    """Return the sentence that says that a challenger fails more often; see `shows_harm`."""
    return f"{_HARM}: {why}."


def shows_harm(reasons: Sequence[str]) -> bool:
    """Say whether a guardrail's reasons tell of harm, and not of too little evidence.

    A stage can end without an answer; it goes no further then, but nothing speaks against it.
    """
    return any(reason.startswith(_HARM) for reason in reasons)


def check_levels(margin: float, alpha: float) -> None:
    """Raise `InvalidInput` unless both lie between 0 and 1."""
    for name, value in (("margin", margin), ("alpha", alpha)):
        if not 0 < value < 1:
            raise InvalidInput(name, "a number between 0 and 1", f"{value}", "Try 0.1.")


def evidence_of_harm(challenger: Tally, control: Tally) -> float:
    """Return the log e-value against "the challenger fails no more often than the control"."""
    return _log_free(challenger) + _log_free(control) - _log_best(challenger, control, 0.0, -1)


def evidence_of_safety(challenger: Tally, control: Tally, margin: float) -> float:
    """Return the log e-value against "the challenger fails at least ``margin`` more often".

    Half of the mixture has one rate for both sides, since a good challenger is often just as
    good; one parameter less to learn takes fewer picks.
    """
    both = Tally(challenger.picks + control.picks, challenger.failed + control.failed)
    alternatives = (_log_free(both), _log_free(challenger) + _log_free(control))
    mixture = float(np.logaddexp(*alternatives)) - log(2)
    return mixture - _log_best(challenger, control, margin, +1)


def _log_free(tally: Tally) -> float:
    """Return the log likelihood of a sequence of picks, mixed over rates by Beta(1/2, 1/2)."""
    worked = tally.picks - tally.failed
    return lgamma(tally.failed + 0.5) + lgamma(worked + 0.5) - lgamma(tally.picks + 1) - log(pi)


def _log_best(challenger: Tally, control: Tally, shift: float, side: int) -> float:
    """Return the largest log likelihood under a null hypothesis.

    The null is ``challenger - control <= shift`` for side -1 and ``>= shift`` for side +1. Where
    the observed rates fit it they are the best; else the best lies on its edge.
    """
    if side * (challenger.rate - control.rate - shift) >= 0:
        each = (_log_at(tally, np.asarray(tally.rate)) for tally in (challenger, control))
        return float(sum(each))
    lower = (1 - shift) * _GRID
    return float((_log_at(challenger, lower + shift) + _log_at(control, lower)).max())


def _log_at(tally: Tally, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log likelihood of a sequence of picks at each failure rate."""
    worked = tally.picks - tally.failed
    likelihood = np.zeros_like(rates)
    with np.errstate(divide="ignore"):
        if tally.failed:
            likelihood = likelihood + tally.failed * np.log(rates)
        if worked:
            likelihood = likelihood + worked * np.log1p(-np.minimum(rates, 1.0))
    return likelihood


def _odds(log_evidence: float) -> str:
    """Write a log e-value as odds against the null hypothesis."""
    return f"{exp(log_evidence):.2g} to 1" if log_evidence < log(100) else "over 100 to 1"
