"""Alarms at a rate that is stated, whatever the scores are and however frames depend."""

from collections import deque
from typing import Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, InvalidInput


class AlarmRate:
    """Says which frames are strange, so that healthy ones raise alarms at a stated rate.

    A frame is an alarm when its p-value against the last healthy frames (`conformal_p`) is at
    most a level, and the level follows the alarms that were raised: adaptive conformal inference
    (Gibbs and Candès, Adaptive conformal inference under distribution shift, 2021, section 2).
    Over T healthy frames the share of alarms differs from the rate by about ``8 / T`` at most,
    also where frames resemble the ones before them or the camera ages. What this costs: a change
    that nobody calls a fault becomes ordinary.

    Args:
        rate: Alarms to a healthy frame, in (0, 0.5).
        memory: Healthy frames that a new one is compared with, at most.

    Raises:
        InvalidInput: An argument is out of its range.
    """

    def __init__(self, rate: float, memory: int = 1000) -> None:
        if not 0 < rate < 0.5 or memory < 1:
            raise InvalidInput(
                "alarm rate", "a rate in (0, 0.5) and a memory of 1 frame or more",
                f"{rate}, {memory}", "0.01 means one false alarm in 100 frames.",
            )  # fmt: skip
        self.rate = rate
        self._level = rate
        self._scores: deque[float] = deque(maxlen=memory)

    def fit(self, scores: NDArray[np.floating]) -> Self:
        """Start from the scores ``(n,)`` of healthy frames, such as `CameraHealth.ordinary`."""
        self._scores.extend(np.asarray(scores, dtype=np.float64).tolist())
        return self

    def update(self, score: float, healthy: bool = True) -> bool:
        """Take the next frame's score and say whether it is an alarm.

        Args:
            score: Higher is stranger; finite.
            healthy: False where a fault is known, whose frames must not become ordinary.

        Raises:
            Conflict: It has not been fitted.
        """
        if not self._scores:
            raise Conflict("AlarmRate has nothing to compare with; call fit with healthy scores")
        higher = np.count_nonzero(np.fromiter(self._scores, np.float64) >= score)
        alarm = bool((1 + higher) / (len(self._scores) + 1) <= self._level)
        if healthy:
            self._level += self.rate / 4 * (self.rate - alarm)
            self._scores.append(score)
        return alarm
