"""Observations that wait for their picks."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from januscl.core import Observation, Signal


@dataclass(frozen=True)
class Waiting:
    """An observation that waits for its pick.

    Attributes:
        seen: As it was taken in.
        signals: All watchers' readings of it.
        cause: The camera's main cause, or None where it is well.
        look: Its number among the looks of its robot.
        after: The robot's next look, once there was one.
    """

    seen: Observation
    signals: list[Signal]
    cause: Signal | None
    look: int
    after: Observation | None = None


class Picks:
    """Keeps observations until their picks are known, but no longer than their robots look on.

    Args:
        looks: Of a robot, after which an observation waits no more.
        settle: Called with the id of each that waits no more.
    """

    def __init__(self, looks: int, settle: Callable[[str], None]) -> None:
        self._most, self._settle = looks, settle
        self._looks: Counter[str] = Counter()
        self._pending: dict[str, Waiting] = {}

    def __contains__(self, observation: str) -> bool:
        return observation in self._pending

    def __len__(self) -> int:
        return len(self._pending)

    def wait(self, observation: Observation, signals: list[Signal], cause: Signal | None) -> None:
        """Wait for a pick; settle what the same robot has looked past."""
        robot = observation.frame.robot
        self._looks[robot] += 1
        look = self._looks[robot]
        self._pending[observation.id] = Waiting(observation, signals, cause, look)
        for id, waiting in list(self._pending.items()):
            if waiting.seen.frame.robot != robot:
                continue
            if look - waiting.look == 1:
                self._pending[id] = replace(waiting, after=observation)
            if look - waiting.look >= self._most:
                self._settle(id)

    def take(self, observation: str) -> Waiting | None:
        """Return what waited under an id, which waits no more; None where nothing did."""
        return self._pending.pop(observation, None)
