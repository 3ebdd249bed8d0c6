from datetime import UTC, datetime, timedelta

import numpy as np

from januscl.core import Frame, Instances, Observation
from januscl.line.moments import Moments, hold_back, moments

START = datetime(2026, 3, 1, tzinfo=UTC)


def observation(number: int, robot: str, minutes: float) -> Observation:
    image = np.zeros((4, 4, 3), np.uint8)
    frame = Frame(image, f"cam-{robot}", robot, START + timedelta(minutes=minutes))
    return Observation(f"o{number:03d}", frame, Instances.empty(), "m")


def test_frames_of_one_pile_are_one_moment_and_a_pause_or_another_robot_begins_the_next():
    frames = [
        observation(0, "a", 0),
        observation(1, "a", 3),
        observation(2, "b", 3),
        observation(3, "a", 60),
    ]
    assert [[f.id for f in group] for group in moments(frames)] == [
        ["o000", "o001"],
        ["o002"],
        ["o003"],
    ]


def test_no_moment_is_both_learned_from_and_judged_by():
    frames = [observation(k, f"r{k % 3}", 2.5 * (k // 3) + 40 * (k // 12)) for k in range(60)]
    held = hold_back(frames, 1 / 3)
    for group in moments(frames):
        assert len({frame.id in held for frame in group}) == 1
    assert 0.2 * 60 <= len(held) <= 0.5 * 60


def test_the_share_is_met_however_long_moments_are():
    lengths = [1, 10, 3, 4, 10, 6, 3, 10, 6, 7]  # every third from the second would be half
    starts = np.cumsum([0, *lengths[:-1]])
    frames = [
        observation(int(start) + k, f"r{n % 4}", 300 * n + k)
        for n, (start, length) in enumerate(zip(starts, lengths, strict=True))
        for k in range(length)
    ]
    assert len(frames) == 60
    assert abs(len(hold_back(frames, 1 / 3)) - 20) <= 3
    assert abs(len(hold_back(frames, 1 / 2)) - 30) <= 5


def test_something_judges_and_something_teaches_whatever_the_share():
    for lengths in ([1, 1], [1, 10], [10, 1]):
        frames = [
            observation(10 * n + k, f"r{n}", k)
            for n, size in enumerate(lengths)
            for k in range(size)
        ]
        for share in (0.01, 1 / 3, 0.99):
            assert 0 < len(hold_back(frames, share)) < len(frames)
    for count in (1, 5):
        assert len(hold_back([observation(k, "a", k) for k in range(count)], 0.9)) < count


def test_a_single_moment_is_cut_at_its_end():
    frames = [observation(k, "a", 2.5 * k) for k in range(9)]
    assert hold_back(frames, 1 / 3) == {"o006", "o007", "o008"}


def test_moments_are_numbered_as_frames_come_and_cut_after_ten():
    minutes = [*range(12), 60, 61]
    teller = Moments()
    numbers = [teller.of(START + timedelta(minutes=m)) for m in minutes]
    assert numbers == [0] * 10 + [1] * 2 + [2] * 2
