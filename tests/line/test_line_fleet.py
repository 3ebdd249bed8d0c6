from datetime import UTC, datetime

import numpy as np

from januscl.core import Frame, Instances, Outcome, encode_mask
from januscl.line import Tried, attempt

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Stubborn:
    """A robot whose cup never seals within ten pixels of one spot."""

    def __init__(self, spot):
        self.spot, self.points = spot, []

    def attempt(self, instances, instance, point):
        if point is None:
            return Outcome.INFEASIBLE
        self.points.append(point)
        far = np.hypot(point[0] - self.spot[0], point[1] - self.spot[1]) > 10
        return Outcome.PICKED if far else Outcome.MISSED


def one_long_package():
    mask = np.zeros((96, 128), bool)
    mask[30:61, 10:110] = True
    return Instances.of_masks([encode_mask(mask)], [1])


def test_a_robot_does_not_try_again_where_it_failed_just_before():
    seen = one_long_package()
    frame = Frame(np.zeros((96, 128, 3), np.uint8), "c", "r", AT)
    first = attempt(Stubborn((-99, -99)), frame, seen, AT, Tried()).point
    robot, tried = Stubborn(first), Tried()
    outcomes = [attempt(robot, frame, seen, AT, tried).outcome for _ in range(3)]
    assert outcomes[0] is Outcome.MISSED
    assert outcomes[-1] is Outcome.PICKED
    assert len(set(robot.points)) == len(robot.points)


def test_a_success_makes_every_place_worth_trying_again():
    seen = one_long_package()
    frame = Frame(np.zeros((96, 128, 3), np.uint8), "c", "r", AT)
    first = attempt(Stubborn((-99, -99)), frame, seen, AT, Tried()).point
    robot, tried = Stubborn(first), Tried()
    while attempt(robot, frame, seen, AT, tried).outcome.failed:
        pass
    attempt(robot, frame, seen, AT, tried)
    assert robot.points[-1] == first
