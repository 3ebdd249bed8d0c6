"""Which labelled frames judge and which teach: whole moments, never one pile in both."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from januscl.core import Observation

_PAUSE = timedelta(minutes=20)


def moments(frames: Sequence[Observation], pause: timedelta = _PAUSE) -> list[list[Observation]]:
    """Group frames that show one pile: of one robot, no further apart than ``pause``.

    A bin is picked from many times, so its frames are nearly the same picture. A moment is cut
    after ten frames all the same, for a robot that never pauses.
    """
    groups: list[list[Observation]] = []
    latest: dict[str, tuple[datetime, list[Observation]]] = {}
    for frame in sorted(frames, key=lambda f: (f.frame.at, f.id)):
        last = latest.get(frame.frame.robot)
        if last is None or frame.frame.at - last[0] > pause or len(last[1]) >= 10:
            group: list[Observation] = []
            groups.append(group)
        else:
            group = last[1]
        group.append(frame)
        latest[frame.frame.robot] = (frame.frame.at, group)
    return groups


def hold_back(frames: Sequence[Observation], share: float) -> set[str]:
    """Return the ids of about ``share`` of the frames, in whole moments spread over time.

    Where all frames are of one moment, its last frames are held back, which is the best there is.
    """
    groups = moments(frames)
    stride = max(2, round(1 / share))
    if len(groups) < 2:
        return {
            frame.id for group in groups for frame in group[len(group) - len(group) // stride :]
        }
    return {frame.id for group in groups[1::stride] for frame in group}
