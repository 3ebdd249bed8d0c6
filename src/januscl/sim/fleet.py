"""The robots of a site, living through a scripted day."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from januscl.core import Cell, NotFound
from januscl.sim.day import Day, ScriptedFault
from januscl.sim.robot import CellRobot
from januscl.sim.scene import Look


class SimFleet:
    """All robots of a `Day`. The same day and seed give the same frames, times and outcomes.

    Args:
        day: The script.
        seed: Of all chance.
        look: What the site's cells have in common; the usual cell when omitted.
        size: Side of the square pictures in px.

    Attributes:
        day: As given.
        tick: The present one, from 0.
    """

    def __init__(self, day: Day, seed: int, look: Look | None = None, size: int = 192) -> None:
        self.day = day
        self.tick = 0
        self._seed = seed
        self._robots: dict[str, CellRobot] = {}
        for number, cell in enumerate(day.cells):
            own = (look or Look()).varied(np.random.default_rng((seed, number, 5)))
            self._robots[cell.robot] = CellRobot(
                cell, own, seed * 1000 + number, size, clock=self._clock(number)
            )
        # Faults that were put in, and for those in repair the tick at which they are gone.
        self._present: dict[ScriptedFault, int | None] = {}
        self._apply()

    def _clock(self, number: int) -> Callable[[], datetime]:
        def read() -> datetime:
            jitter = np.random.default_rng((self._seed, number, self.tick, 6)).uniform(0, 2)
            return self.now + timedelta(seconds=3.0 * number + round(float(jitter), 3))

        return read

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells, in the day's order."""
        return self.day.cells

    @property
    def now(self) -> datetime:
        """When the present tick begins, UTC."""
        return self.day.start + timedelta(seconds=self.tick * self.day.seconds_per_tick)

    def robot(self, name: str) -> CellRobot:
        """Return the robot of this name, or raise `NotFound`."""
        if name not in self._robots:
            raise NotFound(f"robot {name!r} is not in the fleet {sorted(self._robots)}")
        return self._robots[name]

    def advance(self) -> None:
        """Go to the next tick: arrivals begin and end, faults come, technicians finish.

        What arrives shows in the piles poured from now on; the bins at hand stay as they are.
        """
        self.tick += 1
        self._apply()

    def mend(self, robot: str, cause: str) -> bool:
        """Call technicians to a robot's camera; after the scripted ticks the fault is gone.

        Returns:
            Whether there was such a fault. Calling them again to the same fault changes nothing.

        Raises:
            NotFound: There is no such robot.
        """
        self.robot(robot)
        found = False
        for fault, gone in self._present.items():
            if (fault.robot, fault.fault) == (robot, cause):
                found = True
                if gone is None:
                    self._present[fault] = self.tick + fault.repair
        return found

    def _apply(self) -> None:
        for name, robot in self._robots.items():
            robot.mix = self.day.mix_at(robot.cell.line, self.tick)
            for fault in self.day.faults:
                if fault.robot == name and fault.at == self.tick:
                    self._present[fault] = None
                    robot.set_fault(fault.fault, fault.severity)
        for fault, gone in list(self._present.items()):
            if gone is not None and gone <= self.tick:
                del self._present[fault]
                self._robots[fault.robot].set_fault(fault.fault, 0.0)
