"""The simulated fleet as the line sees it, and the truth that only a simulation knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from januscl.core import Cell, Frame, Instances, Outcome, Pick, Taxonomy
from januscl.line.fleet import Recorder
from januscl.sim import BASE_MIX, Attempt, CellRobot, Scene, SimFleet

_STATION_PACKAGES = 8
_STATION_SEED = 77


class SimulatedSite:
    """A `januscl.line.fleet.Fleet` over simulated robots; technicians come when they are called.

    Args:
        fleet: The robots and their scripted day.
    """

    def __init__(self, fleet: SimFleet) -> None:
        self.fleet = fleet
        self.station_mix: Mapping[str, float] = BASE_MIX
        self._station = next(cell.robot for cell in fleet.cells if cell.station)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, the test station among them."""
        return self.fleet.cells

    @property
    def now(self) -> datetime:
        """The fleet's time, UTC."""
        return self.fleet.now

    def robot(self, name: str) -> CellRobot:
        """Return the robot of this name."""
        return self.fleet.robot(name)

    def advance(self) -> None:
        """Let one tick of the day pass."""
        self.fleet.advance()

    def mend(self, robot: str, cause: str) -> None:
        """Send technicians to the robot's camera."""
        self.fleet.mend(robot, cause)

    def load_station(self, test: int) -> None:
        """Put scripted test pile number ``test`` before the station's robot."""
        self.fleet.robot(self._station).load(
            self.station_mix, _STATION_PACKAGES, _STATION_SEED * 10_000 + test
        )

    def bring_to_station(self, kind: str, share: float = 0.35) -> None:
        """Mix a newly labelled kind into the station's test piles."""
        total = sum(BASE_MIX.values())
        late = {name: w for name, w in self.station_mix.items() if name not in BASE_MIX}
        late[kind] = share * total
        self.station_mix = {**BASE_MIX, **late}


@dataclass(frozen=True)
class TruePick:
    """A pick as it really was.

    Attributes:
        kind: What the robot tried to pick; where it found nothing to try, the kind that most of
            the packages left were of; None for background.
    """

    at: datetime
    robot: str
    kind: str | None
    outcome: Outcome


class TruthRecorder:
    """Hands observations on to the line and keeps what the simulation knows of them.

    Nothing of it reaches the line, but for the labels that an annotator is asked for.

    Attributes:
        recorder: The line; set once that is made.
        picks: Every pick as it really was, by the observation's id.
    """

    def __init__(self, site: SimulatedSite) -> None:
        self._site = site
        self.recorder: Recorder | None = None
        self._scenes: dict[str, Scene] = {}
        self._robots: dict[str, str] = {}
        self._faulty: set[str] = set()
        self.picks: dict[str, TruePick] = {}

    def observe(self, frame: Frame, instances: Instances, model: str) -> str:
        """Take in a frame; see `Recorder.observe`."""
        assert self.recorder is not None, "the line is set before the fleet works"
        id = self.recorder.observe(frame, instances, model)
        robot = self._site.robot(frame.robot)
        self._scenes[id] = robot.scene
        self._robots[id] = frame.robot
        if robot.faults:
            self._faulty.add(id)
        return id

    def report(self, observation: str, pick: Pick) -> None:
        """Take in an outcome; see `Recorder.report`."""
        assert self.recorder is not None, "the line is set before the fleet works"
        self.recorder.report(observation, pick)
        name = self._robots[observation]
        last = self._site.robot(name).last_attempt
        assert last is not None, "a report follows an attempt"
        self.picks[observation] = TruePick(pick.at, name, true_kind(last), pick.outcome)

    def faulty(self) -> frozenset[str]:
        """Return the observations taken while their camera had a fault."""
        return frozenset(self._faulty)

    def truth(self, observation: str, taxonomy: Taxonomy) -> Instances | None:
        """Return what was really in an observation's picture."""
        scene = self._scenes.get(observation)
        return None if scene is None else scene.truth().instances(taxonomy)


def true_kind(attempt: Attempt) -> str | None:
    """Return the kind that an attempt was really made on, or that most of the bin is of."""
    if attempt.outcome is Outcome.INFEASIBLE and attempt.target is None:
        return max(sorted(set(attempt.left)), key=attempt.left.count, default=None)
    return attempt.target or attempt.pointed
