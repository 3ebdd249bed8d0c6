"""The guardrail of the test station: both models on the same scripted piles, looked at once."""

from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist

from januscl.core import Answer, InvalidInput
from januscl.release.guardrail import asked, check_levels, told_harm


def station_guardrail(
    challenger_failed: Sequence[bool],
    champion_failed: Sequence[bool],
    *,
    margin: float = 0.1,
    alpha: float = 0.1,
    min_picks: int = 20,
) -> tuple[Answer, tuple[str, ...]]:
    """Compare both models pick by pick on the same piles.

    Only picks on which they differ tell them apart. Fail when the exact sign test (McNemar, 1947)
    says at level `alpha` that the challenger fails more often. Pass when the score test for
    paired proportions (Tango, 1998, Statistics in Medicine 17, section 3) rules out, at level
    `alpha`, that it fails at least `margin` more often. The script has a fixed length, so one
    look at its end is enough; for a stream of picks use `guardrail`.

    Args:
        challenger_failed: Whether each scripted pick failed with the challenger.
        champion_failed: The same with the champion, in the same order.
        margin: How much more often it may fail, as a difference of rates in 0..1.
        alpha: Chance in 0..1 of each wrong answer.
        min_picks: Length of script before it may pass.

    Returns:
        The answer, and sentences that say why.

    Raises:
        InvalidInput: The lengths differ, or `margin` or `alpha` lies outside 0..1.
    """
    picks = len(challenger_failed)
    if picks != len(champion_failed):
        raise InvalidInput(
            "station picks",
            f"{len(champion_failed)} of the challenger, as many as of the champion",
            f"{picks}",
            "Run both models on every pile of the script.",
        )
    check_levels(margin, alpha)
    pairs = list(zip(challenger_failed, champion_failed, strict=True))
    worse = sum(new and not old for new, old in pairs)
    better = sum(old and not new for new, old in pairs)
    story = (
        f"Both made {picks} picks from the same test piles: the challenger failed "
        f"{sum(map(bool, challenger_failed))}, the champion {sum(map(bool, champion_failed))}. "
        f"On {worse} only the challenger failed, on {better} only the champion."
    )
    by_chance = _sign_test(worse, better)
    if by_chance <= alpha:
        return Answer.FAIL, (
            story,
            told_harm(
                "of two equally good models one would look this much worse in "
                f"{_percent(by_chance)} of such scripts, {_percent(alpha)} is the limit"
            ),
        )
    if picks < min_picks:
        return Answer.INCONCLUSIVE, (story, f"Script {min_picks - picks} more picks.")
    answer, reason = _judge_harm(_harm_test(worse, better, picks, margin), margin, alpha)
    return answer, (story, reason)


def _judge_harm(p_value: float, margin: float, alpha: float) -> tuple[Answer, str]:
    """Say whether harm of ``margin`` or more is ruled out at level ``alpha``."""
    chance = f"then {_percent(p_value)} of such scripts would end as well as this one"
    if p_value <= alpha:
        return Answer.PASS, f"{asked(margin)} No: {chance}, {_percent(alpha)} is the limit."
    return Answer.INCONCLUSIVE, (
        f"{asked(margin)} Perhaps: {chance}, {_percent(alpha)} or less is asked. Script more piles."
    )


def _percent(share: float) -> str:
    """Write a small share in 0..1 as a percentage of two figures."""
    return f"{100 * share:.2g}%" if share >= 1e-4 else "under 0.01%"


def _sign_test(worse: int, better: int) -> float:
    """Return the chance of so many worse among the differing picks if both were equally good."""
    differing = worse + better
    return float(sum(comb(differing, k) for k in range(worse, differing + 1)) / 2**differing)


def _harm_test(worse: int, better: int, picks: int, margin: float) -> float:
    """Return the p-value of "at least ``margin`` more often", by Tango's score statistic."""
    # Rate of "only the champion failed" that fits best where the difference is the margin.
    a = 2 * picks
    b = (2 * picks - worse + better) * margin - worse - better
    c = -better * margin * (1 - margin)
    only_champion = (sqrt(b * b - 4 * a * c) - b) / (2 * a)
    spread = sqrt(picks * (2 * only_champion + margin * (1 - margin)))
    return NormalDist().cdf((worse - better - picks * margin) / spread)
