"""How many steps fit into a budget of seconds, and what a run has cost."""

import math
from collections import deque
from dataclasses import replace
from time import monotonic

import torch

from januscl.train.checkpoint import Course
from januscl.train.crew import Team
from januscl.train.settings import Settings

_TIMED = 10
"""Steps whose mean time says what the next ones take."""
_FIRST = 3
"""Steps before anything is planned: the first ones are slower."""
_OFF = 0.1
"""Share of the steps left by which a plan may be off before another is made: a plan that holds
still makes a run that goes on after a kill repeat its losses."""


class Pace:
    """The steps of one run. Without a budget in seconds they are those of the settings.

    Args:
        settings: Of the run.
        crew: All its processes keep one pace.
        device: Where they exchange tensors.
    """

    def __init__(self, settings: Settings, crew: Team, device: torch.device) -> None:
        self.steps = settings.steps
        self._settings, self._crew, self._device = settings, crew, device
        self._began, self._before = monotonic(), 0.0
        self._planned = False
        self._ends: deque[float] = deque(maxlen=_TIMED + 1)

    def gone_on(self, course: Course) -> list[float]:
        """Take up the pace of a run that was kept, and return its losses so far."""
        self._before = course.seconds
        if course.steps is not None:
            self.steps, self._planned = course.steps, True
        return list(course.losses)

    @property
    def seconds(self) -> float:
        """Wall-clock time of this call so far."""
        return monotonic() - self._began

    @property
    def spent(self) -> float:
        """Wall-clock time of the run so far, earlier calls included."""
        return self._before + self.seconds

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return replace(self._settings, steps=self.steps).rate(step)

    def made(self, done: int) -> None:
        """Plan anew, where the time left asks for it, after ``done`` steps."""
        if self._settings.seconds is None:
            return
        self._ends.append(monotonic())
        fits = torch.tensor(self._fits(done, self._settings.seconds), device=self._device)
        total = float(self._crew.mean(fits))
        if math.isnan(total):
            return
        new = min(round(total), self._settings.steps)
        off = abs(new - self.steps) > 1 + _OFF * (self.steps - done)
        if new <= done or off or not self._planned:
            self.steps, self._planned = new, True

    def _fits(self, done: int, budget: float) -> float:
        """Return how many steps the budget holds in all; NaN while too few were timed."""
        left = budget - self.spent
        if left <= 0:
            return float(done)
        if len(self._ends) <= _FIRST:
            return math.nan
        each = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1)
        return float(done + int(left / max(each, 1e-9)))

    def course(self, losses: list[float]) -> Course:
        """Return what is to be kept of the run."""
        return Course(losses, self.steps if self._planned else None, self.spent)
