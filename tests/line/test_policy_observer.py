import pytest

from januscl.core import InvalidInput
from januscl.line import Releasing, Watching
from januscl.watch import LEAST_REFERENCE


@pytest.mark.parametrize("frames", [LEAST_REFERENCE - 1, 0, -30, 25.0, True])
def test_a_camera_is_not_to_be_learned_from_fewer_frames_than_it_takes(frames):
    with pytest.raises(InvalidInput, match=r"watching\.reference_frames: .* 20 or more"):
        Watching(reference_frames=frames)


def test_a_model_may_be_learned_from_few_frames_where_no_camera_is_watched():
    assert Watching(cameras=False, reference_frames=1).reference_frames == 1
    with pytest.raises(InvalidInput, match="1 or more, found 0"):
        Watching(cameras=False, reference_frames=0)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("ordinary_share", -0.1),
        ("ordinary_share", 1.1),
        ("ordinary_share", float("nan")),
        ("await_pick", 0),
        ("novelty", "guessed"),
    ],
)
def test_a_setting_of_watching_outside_its_range_is_refused_at_once(setting, value):
    with pytest.raises(InvalidInput, match=rf"watching\.{setting}: expected"):
        Watching(**{setting: value})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("station_picks", 0),
        ("stage_picks", -1),
        ("max_looks", 0),
        ("fleet_looks", 0),
        ("beta_lines", 0),
        ("beta_lines", 1.5),
        ("margin", 0.0),
        ("margin", 0.5),
        ("margin", float("nan")),
    ],
)
def test_a_setting_of_releasing_outside_its_range_is_refused_at_once(setting, value):
    with pytest.raises(InvalidInput, match=rf"releasing\.{setting}: expected"):
        Releasing(**{setting: value})
