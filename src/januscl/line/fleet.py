"""A fleet at work: look, segment, watch, choose, pick, report, robot by robot."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from januscl.core import Cell, Frame, Instances, Pick, Robot, SegmentationModel
from januscl.picking import choose_pick

Point = tuple[float, float]
_REMEMBERED = 3


class Fleet(Protocol):
    """Robots in their cells, as the line drives them. **Moves hardware** through its robots."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, the test station among them."""

    @property
    def now(self) -> datetime:
        """The fleet's time, UTC."""

    def robot(self, name: str) -> Robot:
        """Return the robot of this name."""

    def advance(self) -> None:
        """Let time pass until every robot is due for its next attempt."""

    def mend(self, robot: str, cause: str) -> None:
        """Send technicians to the robot's camera."""

    def load_station(self, test: int) -> None:
        """Put scripted test pile number ``test`` before the station's robot."""


class Recorder(Protocol):
    """What takes in observations and picks: the line's observer."""

    def observe(self, frame: Frame, instances: Instances, model: str) -> str:
        """Take in a frame and what a model saw in it; return the observation's id."""

    def report(self, observation: str, pick: Pick) -> None:
        """Take in the outcome of the pick made on an observation."""


class Tried:
    """Where a robot's last attempts failed in a row: there it does not try again at once."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=_REMEMBERED)

    def __iter__(self) -> Iterator[Point]:
        return iter(self._points)

    def learn(self, pick: Pick) -> None:
        """Remember a failure; a success moves the pile, and makes all places worth trying."""
        if not pick.outcome.failed:
            self._points.clear()
        elif pick.point is not None:
            self._points.append(pick.point)


class Crew:
    """The production robots at work. **Moves hardware.**

    Args:
        fleet: The robots.
        recorder: Takes in every observation and outcome.
        runs: Which model each robot runs at the moment.
        load: Returns the model of an id.
    """

    def __init__(
        self,
        fleet: Fleet,
        recorder: Recorder,
        runs: Callable[[], dict[str, str]],
        load: Callable[[str], SegmentationModel],
    ) -> None:
        self._fleet, self._recorder = fleet, recorder
        self._runs, self._load = runs, load
        self._cells = [cell for cell in fleet.cells if not cell.station]
        self._tried = {cell.robot: Tried() for cell in self._cells}

    def work(self, ticks: int) -> None:
        """Let every robot make a number of attempts. **Moves hardware.**"""
        for _ in range(ticks):
            self._fleet.advance()
            models = self._runs()
            seen = _look(self._fleet, self._cells, models, self._load)
            for cell in self._cells:
                frame, instances = seen[cell.robot]
                observation = self._recorder.observe(frame, instances, models[cell.robot])
                robot, tried = self._fleet.robot(cell.robot), self._tried[cell.robot]
                pick = attempt(robot, frame, instances, self._fleet.now, tried)
                self._recorder.report(observation, pick)


def _look(
    fleet: Fleet,
    cells: Sequence[Cell],
    models: dict[str, str],
    load: Callable[[str], SegmentationModel],
) -> dict[str, tuple[Frame, Instances]]:
    """Take every robot's picture and segment those of one model together."""
    together: dict[str, list[Frame]] = defaultdict(list)
    for cell in cells:
        together[models[cell.robot]].append(fleet.robot(cell.robot).look())
    return {
        frame.robot: (frame, instances)
        for model, frames in together.items()
        for frame, instances in zip(
            frames, load(model).predict([f.image for f in frames]), strict=True
        )
    }


def attempt(robot: Robot, frame: Frame, instances: Instances, at: datetime, tried: Tried) -> Pick:
    """Choose a package and try to pick it, not where that failed just before. **Moves hardware.**

    Args:
        robot: Whose frame it is.
        frame: What it took last.
        instances: What a model saw in it.
        at: The time, UTC.
        tried: Where its last attempts failed; learns of this one.
    """
    choice = choose_pick(instances, frame.depth, tried=tuple(tried))
    if choice is None:
        pick = Pick(None, None, robot.attempt(instances, None, None), at)
    else:
        instance, point = choice
        pick = Pick(instance, point, robot.attempt(instances, instance, point), at)
    tried.learn(pick)
    return pick
