"""What a novelty costs has an interval that keeps its word, and a trend that is told when shown."""

import numpy as np
import pytest

from januscl.core import InvalidInput
from januscl.triage import Attempts, expected_cost
from januscl.triage.ranking import Trend, course_of, lost_by_day

DRAWS, PICKS_A_DAY = 500, 10_000
# 500 draws at 90% scatter by 1.3% around it.
LEAST, MOST = 0.88, 0.93


@pytest.mark.parametrize(
    ("share", "fails", "usual", "tried"),
    [
        (0.05, 0.5, 0.05, 2000),
        (0.02, 0.3, 0.05, 1000),
        (0.2, 0.15, 0.1, 3000),
        (0.01, 0.9, 0.02, 800),
        (0.05, 0.08, 0.05, 2000),
    ],
)
def test_the_90_percent_interval_of_a_cost_holds_the_true_cost_in_90_percent(
    share, fails, usual, tried
):
    rng, held = np.random.default_rng(1), 0
    truth = PICKS_A_DAY * share * (fails - usual)
    for draw in range(DRAWS):
        met = rng.binomial(tried, share)
        novel = Attempts(met, rng.binomial(met, fails))
        others = Attempts(tried - met, rng.binomial(tried - met, usual))
        cost = expected_cost(novel, others, PICKS_A_DAY, draw)
        held += cost.low <= truth <= cost.high
        assert cost.low <= cost.expected <= cost.high
    assert LEAST <= held / DRAWS <= MOST


def test_the_interval_of_what_costs_nothing_holds_nothing_more_often_still():
    rng, held = np.random.default_rng(2), 0
    for draw in range(DRAWS):
        novel = Attempts(100, rng.binomial(100, 0.05))
        others = Attempts(1900, rng.binomial(1900, 0.05))
        held += expected_cost(novel, others, PICKS_A_DAY, draw).low < 1.0
    assert held / DRAWS >= LEAST


def days(rng, rates, piles=6):
    """Return what a novelty lost on days of few piles, whose attempts resemble each other."""
    novel, others = [], []
    for rate in rates:
        met = rng.poisson(piles) * 8
        hard = rng.beta(2, 2 / rate - 2)  # of this day's piles
        novel.append(Attempts(met, rng.binomial(met, hard)))
        others.append(Attempts(900, rng.binomial(900, 0.05)))
    return lost_by_day(novel, others, PICKS_A_DAY)


@pytest.mark.parametrize("number", [5, 8, 14])
def test_a_steady_cost_is_told_to_rise_or_fall_in_5_percent_at_most(number):
    rng = np.random.default_rng(3)
    found = [course_of(days(rng, [0.4] * number)).trend for _ in range(300)]
    wrong = sum(trend is not Trend.STEADY for trend in found) / len(found)
    assert wrong <= 0.05 + 2 * 0.0126  # the level, and two standard errors of 300 draws


def test_a_cost_that_goes_up_or_down_for_two_weeks_is_seen():
    rng = np.random.default_rng(4)
    up = np.linspace(0.1, 0.9, 14)
    rising = [course_of(days(rng, up, 20)).trend for _ in range(100)]
    falling = [course_of(days(rng, up[::-1], 20)).trend for _ in range(100)]
    assert rising.count(Trend.RISING) >= 90
    assert falling.count(Trend.FALLING) >= 90
    assert Trend.FALLING not in rising


def test_fewer_than_five_days_show_nothing():
    course = course_of([0, 10, 20, 30])
    assert (course.trend, course.p_value) == (Trend.STEADY, 1.0)
    assert course_of([0, 10, 20, 30, 40]).trend is Trend.RISING


def test_the_slope_is_in_picks_a_day_from_day_to_day_and_one_odd_day_does_not_turn_it():
    assert course_of([0, 10, 20, 900, 40, 50, 60, 70]).slope == pytest.approx(10)
    assert course_of([7.0] * 10).trend is Trend.STEADY


def test_a_day_with_little_work_is_no_day_with_little_loss():
    novel = [Attempts(100, 60), Attempts(10, 6)]
    others = [Attempts(900, 90), Attempts(90, 9)]
    assert lost_by_day(novel, others, 1000) == pytest.approx([50, 50])


def test_a_day_without_attempts_says_nothing():
    assert lost_by_day([Attempts(0, 0)] * 3, [Attempts(0, 0)] * 3, 1000) == []
    with pytest.raises(InvalidInput, match="by day"):
        lost_by_day([Attempts(1, 1)], [], 1000)
