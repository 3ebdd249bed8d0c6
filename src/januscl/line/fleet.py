"""A fleet at work: look, segment, watch, choose, pick, report, robot by robot."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from januscl.core import Cell, Frame, Instances, Pick, Robot, SegmentationModel
from januscl.picking import choose_pick


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


def work(
    fleet: Fleet,
    recorder: Recorder,
    ticks: int,
    runs: Callable[[], dict[str, str]],
    load: Callable[[str], SegmentationModel],
) -> None:
    """Let the production robots work. **Moves hardware.**

    Args:
        fleet: The robots.
        recorder: Takes in every observation and outcome.
        ticks: Attempts of each robot.
        runs: Which model each robot runs at the moment.
        load: Returns the model of an id.
    """
    cells = [cell for cell in fleet.cells if not cell.station]
    for _ in range(ticks):
        fleet.advance()
        models = runs()
        seen = _look(fleet, cells, models, load)
        for cell in cells:
            frame, instances = seen[cell.robot]
            observation = recorder.observe(frame, instances, models[cell.robot])
            pick = attempt(fleet.robot(cell.robot), frame, instances, fleet.now)
            recorder.report(observation, pick)


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


def attempt(robot: Robot, frame: Frame, instances: Instances, at: datetime) -> Pick:
    """Choose a package and try to pick it. **Moves hardware.**"""
    choice = choose_pick(instances, frame.depth)
    if choice is None:
        outcome = robot.attempt(instances, None, None)
        return Pick(None, None, outcome, at)
    instance, point = choice
    return Pick(instance, point, robot.attempt(instances, instance, point), at)
