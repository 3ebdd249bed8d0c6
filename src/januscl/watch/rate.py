"""Alarms at a rate that is stated, whatever the scores are and however frames depend."""

from bisect import bisect_left, insort
from collections import deque
from math import exp
from typing import Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, InvalidInput

_TAIL = 0.1  # share of the healthy scores that tell how their tail falls


class AlarmRate:
    """Says which frames are strange, so that healthy ones raise alarms at a stated rate.

    A frame is an alarm when its p-value against the last healthy frames is at most a level, which
    follows the alarms that were raised, as in adaptive conformal inference (Gibbs and Candès, 2021,
    section 2). It follows all of them alike, as an integrator (Angelopoulos, Candès and Tibshirani,
    Conformal PID control, 2023, section 2.2): after S alarms more than stated it is
    ``rate * exp(-S)``. So healthy frames raise at most ``1 + log(rate / p)`` alarms more than
    stated, p being the smallest of their p-values, and ``1 + log(1 / rate)`` fewer, also where
    frames resemble the ones before them or the camera ages. What this costs: a change that nobody
    calls a fault becomes ordinary.

    Above all healthy scores p-values fall as an exponential tail does (Pickands, Statistical
    inference using extreme order statistics, 1975), so that what is far worse than anything
    before is an alarm whatever was raised.

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
        self._excess = 0.0  # alarms
        self._memory = memory
        self._in_time: deque[float] = deque()
        self._in_order: list[float] = []

    def fit(self, scores: NDArray[np.floating]) -> Self:
        """Start from the scores ``(n,)`` of healthy frames, such as `CameraHealth.ordinary`."""
        for score in np.asarray(scores, dtype=np.float64).tolist():
            self._learn(score)
        return self

    def update(self, score: float, healthy: bool = True) -> bool:
        """Take the next frame's score and say whether it is an alarm.

        Args:
            score: Higher is stranger; finite.
            healthy: False where a fault is known, whose frames must not become ordinary.

        Raises:
            Conflict: It has not been fitted.
        """
        if not self._in_order:
            raise Conflict("AlarmRate has nothing to compare with; call fit with healthy scores")
        alarm = self._p_value(score) <= self.rate * exp(-self._excess)
        if healthy:
            self._excess += alarm - self.rate
            self._learn(score)
        return alarm

    def _p_value(self, score: float) -> float:
        known = self._in_order
        higher = len(known) - bisect_left(known, score)
        p_value = (1 + higher) / (len(known) + 1)
        if higher:
            return p_value
        tail = known[-max(2, int(_TAIL * len(known))) :]
        fall = max(sum(tail) / len(tail) - tail[0], 1e-9)
        return p_value * exp(-(score - known[-1]) / fall)

    def _learn(self, score: float) -> None:
        self._in_time.append(score)
        insort(self._in_order, score)
        if len(self._in_time) > self._memory:
            del self._in_order[bisect_left(self._in_order, self._in_time.popleft())]
