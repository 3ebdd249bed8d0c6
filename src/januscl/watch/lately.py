"""What a camera that moves read just before: its scene changes little from frame to frame."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from januscl.watch.readings import Readings
from januscl.watch.severity import Usual

DELAY = 6
"""Frames by which the reference is compared late: a fault is, for as long as it goes on."""

LIGHTS = 3
"""Frames before whose light is averaged."""

KEPT = 5
"""Healthy readings whose median is compared with; dirt shows against the first of them."""

_LEAST = 3
_SETTLED, _FALLS = 5, 3  # steps from frame to frame, and how many of them fall
_FALL, _SUDDEN = 0.04, 0.18  # share of sharpness; motion was seen to take 0.15 at once
_LEAST_NEAR = 20  # pairs of frames
_PAUSE = 8  # times the usual time between frames, after which nothing was just before
_STALE = 25  # frames
_CLOSER = 0.3  # times the usual difference between two frames of the reference


class Lately:
    """Remembers the last healthy readings of a camera, and the light of its last frames.

    What a moved camera looks at decides how bright, sharp and coloured its picture is, far more
    than a slight fault does; but not from one frame to the next. A fault's own frames are not
    remembered, so it stays told, for 25 frames at most.

    Args:
        pause: After so much time without a frame all is forgotten.
    """

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause
        self._healthy: deque[Readings] = deque(maxlen=KEPT)
        self._lights: deque[NDArray[np.float32]] = deque(maxlen=LIGHTS)
        self._sharp: deque[float] = deque(maxlen=_SETTLED + 1)
        self._newest: NDArray[np.float32] | None = None
        self._id, self._since = "", 0
        self._at: datetime | None = None

    def come(self, id: str, at: datetime) -> None:
        """Take in that a frame has come; the same one again changes nothing."""
        if id == self._id:
            return
        if self._newest is not None:
            self._lights.append(self._newest)
        self._since += 1
        if self._at is not None and at - self._at > self._pause:
            self._lights.clear()
            self._sharp.clear()
            self._healthy.clear()
        if self._since > _STALE:
            self._healthy.clear()
        self._id, self._at, self._newest = id, at, None

    def saw(self, readings: Readings) -> None:
        """Take in the readings of the frame that has come, well or not."""
        if self._newest is None:
            self._newest = readings.light
            self._sharp.append(readings.sharpness)

    def keep(self, readings: Readings) -> None:
        """Remember the readings of a healthy frame, once for each that comes."""
        if self._since:
            self._healthy.append(readings)
        self._since = 0

    @property
    def light(self) -> NDArray[np.float32] | None:
        """Mean log light ``(h, w)`` of the frames before; None where there were none."""
        return np.mean(self._lights, axis=0) if self._lights else None

    @property
    def softens(self) -> bool:
        """Whether pictures grow softer step by step, as in motion and while a lens searches.

        A lens that is knocked out of focus is so from one frame to the next.
        """
        falls = [1 - now / max(before, 1e-9) for before, now in pairwise(self._sharp)]
        return sum(fall > _FALL for fall in falls) >= _FALLS and max(falls) < _SUDDEN

    @property
    def earlier(self) -> Readings | None:
        """What dirt shows against: the first of the readings kept; None where there are too few."""
        return self._healthy[0] if len(self._healthy) == KEPT else None

    def usual(self, usual: Usual) -> Usual | None:
        """Return what is usual just now; None where too little was just before."""
        if len(self._healthy) < _LEAST:
            return None
        return replace(
            usual,
            # The softest, as a camera in motion blurs its pictures for some frames.
            sharpness=min(r.sharpness for r in self._healthy),
            noise=max(1.0, float(np.median([r.noise for r in self._healthy]))),
            gain=float(np.median([r.gain for r in self._healthy])),
            cast=np.median([r.cast for r in self._healthy], axis=0),
        )


def runs_of(times: Sequence[datetime]) -> tuple[list[int], timedelta]:
    """Return where the run of each frame starts, ``(n,)``, and the pause that ends a run.

    Args:
        times: Of n frames, in order.
    """
    gaps = [later - sooner for sooner, later in pairwise(times)]
    pause = _PAUSE * sorted(gaps)[len(gaps) // 2]
    starts = [0]
    for number, gap in enumerate(gaps, 1):
        starts.append(number if gap > pause else starts[-1])
    return starts, pause


def follow_closely(gains: Sequence[float], runs: Sequence[int]) -> bool:
    """Say whether frames a few apart are far more alike than any two of the reference.

    Args:
        gains: Log brightness of n healthy frames in order.
        runs: Where the run of each starts, ``(n,)``.
    """
    near = [abs(gains[k] - gains[k - DELAY]) for k in range(len(gains)) if k - DELAY >= runs[k]]
    if len(near) < _LEAST_NEAR:
        return False
    far = np.abs(np.asarray(gains) - np.roll(gains, len(gains) // 2))
    return bool(np.median(near) < _CLOSER * np.median(far))
