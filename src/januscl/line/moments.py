"""Which labelled frames judge and which teach: whole moments, never one pile in both."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from januscl.core import Observation

_PAUSE = timedelta(minutes=20)
_LONGEST = 10


class Moments:
    """Numbers the moments of one robot's frames as they come, from 0.

    A bin is picked from many times, so its frames are nearly the same picture. A moment is cut
    after ten frames all the same, for a robot that never pauses.

    Args:
        pause: Frames further apart than this show another pile.
    """

    def __init__(self, pause: timedelta = _PAUSE) -> None:
        self._pause = pause
        self._last: datetime | None = None
        self._number, self._size = -1, 0

    def of(self, at: datetime) -> int:
        """Return the number of the moment that the next frame, taken at this time, belongs to."""
        if self._last is None or at - self._last > self._pause or self._size >= _LONGEST:
            self._number, self._size = self._number + 1, 0
        self._last, self._size = at, self._size + 1
        return self._number


def moments(frames: Sequence[Observation], pause: timedelta = _PAUSE) -> list[list[Observation]]:
    """Group frames that show one pile, in the order in which the groups begin; see `Moments`."""
    robots: defaultdict[str, Moments] = defaultdict(lambda: Moments(pause))
    groups: dict[tuple[str, int], list[Observation]] = {}
    for frame in sorted(frames, key=lambda f: (f.frame.at, f.id)):
        robot = frame.frame.robot
        groups.setdefault((robot, robots[robot].of(frame.frame.at)), []).append(frame)
    return list(groups.values())


def hold_back(frames: Sequence[Observation], share: float) -> set[str]:
    """Return the ids of about ``share`` of the frames, in whole moments spread over time.

    A moment is held back where that brings what is held so far nearer to its share of what came so
    far. Where all frames are of one moment, its last frames are held back, which is the best there
    is.
    """
    groups = moments(frames)
    if len(groups) < 2:
        taught = max(1, round(len(frames) * (1 - share)))
        return {frame.id for group in groups for frame in group[taught:]}
    held: list[list[Observation]] = []
    seen = kept = 0
    for group in groups:
        seen += len(group)
        short = share * seen - kept
        if abs(short - len(group)) < abs(short) and kept + len(group) < len(frames):
            held.append(group)
            kept += len(group)
    return {frame.id for group in held or [min(groups, key=len)] for frame in group}
