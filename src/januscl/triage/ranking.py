"""Whether what a novelty costs rises or falls: the trend beside its rank.

Rank is by `januscl.triage.expected_cost`, which says what a novelty costs at present. Two novelties
of equal cost are not equally urgent when one spreads and the other fades.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np

from januscl.core import InvalidInput
from januscl.triage.cost import Attempts

_SHUFFLES, _SEED = 4999, 20_260_101
LEAST_DAYS = 5
"""With fewer, no order of days is rare enough: 2 of 4! orders is 8%."""


class Trend(StrEnum):
    """Where the cost of a novelty goes."""

    RISING = "rising"
    STEADY = "steady"
    FALLING = "falling"


@dataclass(frozen=True)
class Course:
    """How what a novelty costs changed from day to day.

    Attributes:
        trend: `Trend.STEADY` where no trend was shown, which is not to say that there is none.
        p_value: Of the test, two-sided.
        slope: Change of the lost picks a day, from one day to the next.
    """

    trend: Trend
    p_value: float
    slope: float


def lost_by_day(
    novel: Sequence[Attempts], ordinary: Sequence[Attempts], picks_a_day: float
) -> list[float]:
    """Return the picks that a novelty lost on each day beyond what ordinary packages would have.

    Each day is brought to ``picks_a_day``, so a day with little work is no day with little loss. By
    chance a day may be below 0. Days without any attempt say nothing, and are left out.

    Args:
        novel: Attempts on the novelty, day by day.
        ordinary: All others of the same days. Their failure rate is pooled over all days.
        picks_a_day: Attempts a day in the whole fleet.

    Raises:
        InvalidInput: The days are not the same.
    """
    if len(novel) != len(ordinary):
        raise InvalidInput(
            "days", f"{len(novel)} of ordinary attempts", f"{len(ordinary)}", "Count both by day."
        )
    tried = sum(day.tried for day in ordinary)
    usual = sum(day.failed for day in ordinary) / tried if tried else 0.0
    return [
        picks_a_day * (mine.failed - mine.tried * usual) / (mine.tried + others.tried)
        for mine, others in zip(novel, ordinary, strict=True)
        if mine.tried + others.tried
    ]


def course_of(lost: Sequence[float], level: float = 0.05) -> Course:
    """Say whether daily losses rise or fall.

    The test is Mann and Kendall's (Mann 1945; Kendall, *Rank Correlation Methods*, 1975): the days
    that are above an earlier one, less those below. Its p-value comes from shuffling whole days
    rather than from counts of picks, so attempts of one day may depend on each other, as those on
    one pile do. Where days are exchangeable, a trend is told wrongly in at most ``level`` of the
    cases. The slope is Theil and Sen's, the median over all pairs of days.

    Args:
        lost: Picks lost on each day, in the order of the days.
        level: Of the test.
    """
    days = np.asarray(lost, dtype=np.float64)
    if len(days) < LEAST_DAYS:
        return Course(Trend.STEADY, 1.0, 0.0)
    first, second = np.asarray(list(combinations(range(len(days)), 2))).T
    slope = float(np.median((days[second] - days[first]) / (second - first)))
    rng = np.random.default_rng(_SEED)
    shuffled = rng.permuted(np.tile(days, (_SHUFFLES, 1)), axis=1)
    stands = int(np.sign(days[second] - days[first]).sum())
    chance = np.sign(shuffled[:, second] - shuffled[:, first]).sum(axis=1)
    p_value = (1 + int((np.abs(chance) >= abs(stands)).sum())) / (1 + _SHUFFLES)
    if p_value > level or stands == 0:
        return Course(Trend.STEADY, p_value, slope)
    return Course(Trend.RISING if stands > 0 else Trend.FALLING, p_value, slope)
