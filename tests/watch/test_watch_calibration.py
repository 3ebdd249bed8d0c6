import numpy as np
import pytest

from januscl.core import InvalidInput
from januscl.watch import EProcess, conformal_p


def test_a_conformal_p_value_counts_the_healthy_scores_at_least_as_high():
    reference = np.array([1.0, 2.0, 3.0, 4.0])
    assert [conformal_p(reference, s) for s in (5.0, 4.0, 2.5, 0.0)] == [0.2, 0.4, 0.6, 1.0]


def test_the_p_values_of_healthy_scores_are_not_too_small_too_often():
    rng = np.random.default_rng(0)
    p = [conformal_p(rng.normal(size=39), rng.normal()) for _ in range(4000)]
    for level in (0.05, 0.1, 0.5):
        assert np.mean(np.array(p) <= level) < level + 0.02


def test_healthy_p_values_raise_false_alarms_no_more_often_than_stated():
    rng = np.random.default_rng(1)
    process, alarms, frames = EProcess(threshold=50), 0, 20_000
    for p_value in rng.uniform(size=frames):
        if process.update(1 - p_value):
            alarms += 1
            process.reset()
    assert 0 < alarms <= frames / 50


def test_six_frames_at_the_smallest_p_value_of_a_forty_frame_reference_are_evidence():
    process = EProcess()
    assert [process.update(1 / 41) for _ in range(6)] == [False] * 5 + [True]


def test_a_long_healthy_time_does_not_delay_the_alarm():
    process = EProcess()
    for _ in range(1000):
        process.update(1.0)
    assert [process.update(1 / 41) for _ in range(6)][-1]


@pytest.mark.parametrize("p_value", [0.0, -0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p_value):
    with pytest.raises(InvalidInput, match="p-value"):
        EProcess().update(p_value)
