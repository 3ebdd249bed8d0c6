from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import Cell, InvalidInput
from januscl.watch import ChangeWatch, RollingCalibration

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(frame: int) -> datetime:
    return START + timedelta(seconds=frame)


def fed(calibration, scores, camera="camera", model="v1", begin=0):
    """Read then learn each score; return the p-values, None while warming up."""
    found = []
    for frame, score in enumerate(scores):
        given = {"novelty": [float(score)]}
        read = calibration.read(camera, model, given).p_values
        found.append(read["novelty"][0] if read else None)
        calibration.learn(camera, model, at(begin + frame), given)
    return found


def test_a_new_camera_says_that_it_is_warming_up_and_how_much_it_lacks():
    calibration = RollingCalibration(least=3)
    calibration.learn("camera", "v1", at(0), {"novelty": [1.0]})
    found = calibration.read("camera", "v1", {"novelty": [2.0]})
    assert found.p_values == {}
    assert found.warming == {"novelty": 2}
    assert found.told == "warming up: of healthy scores, novelty lacks 2"


def test_a_new_model_version_warms_up_and_the_old_one_does_not():
    calibration = RollingCalibration(least=5)
    fed(calibration, range(10))
    assert calibration.read("camera", "v2", {"novelty": [1.0]}).warming == {"novelty": 5}
    assert calibration.read("camera", "v1", {"novelty": [1.0]}).warming == {}
    assert calibration.read("other", "v1", {"novelty": [1.0]}).warming == {"novelty": 5}


def test_a_third_model_version_takes_the_place_of_the_one_used_longest_ago():
    calibration = RollingCalibration(least=5)
    for model in ("v1", "v2", "v3"):
        fed(calibration, range(10), model=model)
    assert calibration.read("camera", "v2", {"novelty": [1.0]}).warming == {}
    assert calibration.read("camera", "v1", {"novelty": [1.0]}).warming == {"novelty": 5}


@pytest.mark.parametrize("scores", ["continuous", "tied"])
def test_p_values_of_ordinary_frames_are_uniform_even_where_scores_are_tied(scores):
    rng = np.random.default_rng(4)
    drawn = rng.normal(size=4000) if scores == "continuous" else rng.integers(0, 3, 4000)
    found = np.asarray(fed(RollingCalibration(size=4000, least=100), drawn)[100:])
    assert ((found > 0) & (found < 1)).all()
    shares = np.histogram(found, bins=10, range=(0, 1))[0] / found.size
    assert np.abs(shares - 0.1).max() < 0.02
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.04


def test_the_same_seed_gives_the_same_p_values_whatever_other_cameras_do():
    alone, beside = RollingCalibration(least=5, seed=7), RollingCalibration(least=5, seed=7)
    fed(beside, [1, 1, 1, 2], camera="other")
    assert fed(alone, [1, 1, 2] * 10) == fed(beside, [1, 1, 2] * 10)
    assert fed(alone, [1, 1, 2]) != fed(RollingCalibration(least=5, seed=8), [1, 1, 2])


def test_a_full_window_takes_in_a_share_of_frames_whatever_they_look_like():
    calibration, rng = RollingCalibration(size=100, least=10, share=0.1), np.random.default_rng(0)
    fed(calibration, rng.normal(size=100))
    entered = [
        calibration.learn("camera", "v1", at(100 + k), {"novelty": [100.0]}) for k in range(1000)
    ]
    assert 70 <= sum(entered) <= 130


def test_a_full_window_follows_a_slow_drift_but_not_a_sudden_change():
    calibration, rng = RollingCalibration(size=200, least=50), np.random.default_rng(0)
    fed(calibration, rng.normal(size=200))
    sudden = fed(calibration, rng.normal(size=100) + 3)
    assert np.median(sudden) < 0.05
    later = fed(calibration, rng.normal(size=8000) + 3)[-500:]
    assert 0.3 < np.median(later) < 0.7


def test_frames_since_a_fault_began_leave_the_window():
    calibration = RollingCalibration(size=100, least=10)
    fed(calibration, [0.0] * 60 + [9.0] * 40)
    assert calibration.drop_since("camera", at(60)) == 40
    assert calibration.drop_since("other", at(0)) == 0
    assert calibration.read("camera", "v1", {"novelty": [5.0]}).p_values["novelty"][0] <= 1 / 61


def test_each_instance_of_a_frame_gets_its_p_value():
    calibration = RollingCalibration(least=10)
    fed(calibration, range(20))
    found = calibration.read("camera", "v1", {"novelty": [30.0, -1.0, 9.5], "glare": []})
    low, high, middle = found.p_values["novelty"]
    assert low < 0.05 < 0.4 < middle < 0.6 < 0.95 < high
    assert found.warming == {"glare": 10}


@pytest.mark.parametrize("wrong", [{"least": 0}, {"size": 10}, {"share": 1.5}, {"seed": -1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInput, match="rolling calibration"):
        RollingCalibration(**wrong)


def test_a_score_that_is_no_number_is_refused_and_not_kept():
    calibration = RollingCalibration(least=1)
    with pytest.raises(InvalidInput, match="novelty"):
        calibration.learn("camera", "v1", at(0), {"novelty": [float("nan")]})
    assert calibration.read("camera", "v1", {"novelty": [1.0]}).warming == {"novelty": 1}


def test_frames_calibrated_against_a_growing_window_keep_the_stated_run_length():
    rng, frames, alarms = np.random.default_rng(2), 4000, 0
    calibration = RollingCalibration(size=frames, least=50)
    watch, cell = ChangeWatch({"novelty": 1.0}, 100), Cell("robot", "camera", "line", "site")
    for frame in range(frames):
        scores = {"novelty": [float(rng.normal())]}
        read = calibration.read("camera", "v1", scores)
        alarms += len(watch.update(cell, at(frame), read.p_values))
        calibration.learn("camera", "v1", at(frame), scores)
    assert 0 < alarms <= 1.3 * frames / 100
