"""Alarms at a rate that is stated."""

import numpy as np
import pytest

from januscl.core import Conflict, InvalidInput
from januscl.watch.rate import AlarmRate


def alarms(alarm, scores):
    return sum(alarm.update(float(s)) for s in scores)


def slow(rng, number):
    """Scores that wander, so that frames close in time resemble each other."""
    steps = rng.normal(size=number)
    wander = np.zeros(number)
    for k in range(1, number):
        wander[k] = 0.97 * wander[k - 1] + 0.25 * steps[k]
    return wander


@pytest.mark.parametrize("rate", [1 / 20, 1 / 50, 1 / 100])
@pytest.mark.parametrize("kind", ["independent", "wandering", "drifting"])
def test_healthy_frames_raise_alarms_at_the_stated_rate(rate, kind):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=5060) if kind == "independent" else slow(rng, 5060)
    if kind == "drifting":
        scores = scores + np.linspace(0, 4, 5060)
    found = alarms(AlarmRate(rate).fit(scores[:60]), scores[60:]) / 5000
    assert found == pytest.approx(rate, rel=0.2)


@pytest.mark.parametrize("rate", [1 / 20, 1 / 100])
def test_a_camera_that_only_grows_stranger_raises_few_alarms_too_many(rate):
    found = alarms(AlarmRate(rate).fit(np.arange(60) / 60), np.arange(1, 2001))
    assert found < 2000 * rate + 1 + np.log(rate * 2061)


def test_what_is_far_worse_than_all_before_is_an_alarm_whatever_was_raised():
    rng = np.random.default_rng(1)
    alarm = AlarmRate(0.01).fit(rng.normal(size=100))
    assert sum(alarm.update(4.0 + k / 10) for k in range(10)) < 5
    assert alarm.update(60.0)


def test_frames_of_a_known_fault_stay_alarms_however_long_it_lasts():
    rng = np.random.default_rng(0)
    alarm = AlarmRate(0.02).fit(rng.normal(size=200))
    assert all(alarm.update(9.0, healthy=False) for _ in range(500))
    assert not alarm.update(0.0)


def test_alarms_need_healthy_scores_first():
    with pytest.raises(Conflict, match="call fit"):
        AlarmRate(0.01).update(1.0)


@pytest.mark.parametrize(("rate", "memory"), [(0.0, 10), (0.5, 10), (float("nan"), 10), (0.1, 0)])
def test_rates_that_mean_nothing_are_refused(rate, memory):
    with pytest.raises(InvalidInput, match="alarm rate"):
        AlarmRate(rate, memory)
