"""When the faults of one camera began."""

from collections import deque
from datetime import datetime

from januscl.core import Observation, Signal

_FORGIVEN = 4
"""Frames without a fault, one after the other, that do not end it: it may come and go."""


class Onsets:
    """Remembers since when each fault of a camera goes on.

    Args:
        reach: Frames that are remembered, to say when something began that was told late.
    """

    def __init__(self, reach: int) -> None:
        self._times: deque[datetime] = deque(maxlen=max(1, reach))
        self._since: dict[str, datetime] = {}
        self._without: dict[str, int] = {}
        self._newest = ""

    def update(self, observation: Observation, cause: Signal | None, late: int) -> None:
        """Take in the next frame.

        Args:
            observation: The frame; the same one again changes nothing.
            cause: Its main cause; None where it is healthy.
            late: Frames, this one included, in which the cause can be seen by hindsight.
        """
        if observation.id == self._newest:
            return
        self._newest = observation.id
        self._times.append(observation.frame.at)
        name = cause.watcher.split(".")[-1] if cause else ""
        for other in list(self._since):
            self._without[other] = 0 if other == name else self._without[other] + 1
            if self._without[other] > _FORGIVEN:
                del self._since[other], self._without[other]
        if name and name not in self._since:
            self._since[name] = self._times[-min(max(1, late), len(self._times))]
            self._without[name] = 0

    def began(self, cause: str) -> datetime | None:
        """Return since when a fault goes on; None where it does not."""
        return self._since.get(cause)
