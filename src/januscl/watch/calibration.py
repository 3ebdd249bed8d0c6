"""From raw scores to p-values, and from runs of p-values to evidence."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput, utc

_MODELS_KEPT = 2
"""Model versions a camera is remembered with: the champion and one on its trial."""


def conformal_p(reference_scores: NDArray[np.floating], score: float) -> float:
    """Return the share of healthy scores at least as high as ``score``, itself counted.

    For a score that is exchangeable with the reference, the p-value is at most ``a`` with a
    chance of at most ``a`` (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World,
    2005, section 2.2). The smallest value is ``1 / (n + 1)``.

    Args:
        reference_scores: ``(n,)`` scores of healthy observations, higher is stranger.
        score: The new score, finite.

    Returns:
        A p-value in (0, 1].
    """
    n = reference_scores.size
    return float((1 + np.count_nonzero(reference_scores >= score)) / (n + 1))


class EProcess:
    """Says when a run of small p-values has become evidence of a change.

    A share `stake` of the capital bets on each p-value by the power calibrator
    ``k * p ** (k - 1)``, whose mean is at most 1 under health (Vovk and Wang, E-values, Annals
    of Statistics 2021, section 2); the rest is kept, so that a fault that comes and goes is
    found too. The capital starts again from 1 whenever it fell below, which makes it the e-CUSUM
    of Shin, Ramdas and Rinaldo (E-detectors, 2023).

    Guarantee: with p-values that are valid given the past, the mean number of frames before a
    false alarm is at least `threshold`. P-values that share one finite reference, or frames
    that follow each other closely, meet this only approximately.

    Args:
        threshold: Capital at which the evidence is enough; more than 1.
        power: ``k`` in (0, 1); small values bet on few, very small p-values.
        stake: In (0, 1].

    Raises:
        InvalidInput: An argument is out of its range.
    """

    def __init__(self, threshold: float = 400.0, power: float = 0.3, stake: float = 0.6) -> None:
        if not threshold > 1 or not 0 < power < 1 or not 0 < stake <= 1:
            raise InvalidInput(
                "e-process",
                "threshold > 1, 0 < power < 1 and 0 < stake <= 1",
                f"{threshold}, {power}, {stake}",
                "A threshold of 400 means one false alarm in 400 frames, on average, at most.",
            )
        self.threshold = threshold
        self.power = power
        self.stake = stake
        self.capital = 1.0

    def update(self, p_value: float) -> bool:
        """Take the next p-value in (0, 1] and say whether the evidence is enough by now."""
        if not 0 < p_value <= 1:
            raise InvalidInput("p-value", "a number in (0, 1]", f"{p_value}", "Calibrate first.")
        payoff = 1 - self.stake + self.stake * self.power * p_value ** (self.power - 1)
        # The ceiling keeps a long fault from overflowing; it changes no decision.
        self.capital = min(max(self.capital, 1.0) * payoff, 1e12)
        return self.capital >= self.threshold

    def reset(self) -> None:
        """Forget what was seen."""
        self.capital = 1.0


@dataclass(frozen=True)
class Calibrated:
    """What one frame's scores mean against the healthy window of its camera and model version.

    Attributes:
        p_values: Signal to the p-value in (0, 1) of each of its scores, in their order; without
            the signals that are still warming up.
        warming: Signal to how many healthy scores its window still lacks.
    """

    p_values: Mapping[str, tuple[float, ...]]
    warming: Mapping[str, int]

    @property
    def told(self) -> str:
        """One line that a person can read; empty when nothing is warming up."""
        lacking = ", ".join(f"{name} lacks {count}" for name, count in self.warming.items())
        return f"warming up: of healthy scores, {lacking}" if lacking else ""


class RollingCalibration:
    """Conformal p-values against a rolling window of healthy frames.

    There is a window for each camera and model version. While it fills, every frame given to
    `learn` enters; once it is full, a random share does, whatever the frames look like, and the
    oldest leave. A choice by score would make ordinary frames look strange after a while. The small
    share keeps a change from becoming the new ordinary before it is noticed.

    Ties are broken at random (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World,
    2005, section 2.2): for exchangeable frames, while the window only grows, the p-values of
    successive frames are uniform and independent, which is what `ChangeWatch` builds on. Once
    frames leave the window, and where a frame has several scores that go together, this holds
    approximately, the better the larger the window is.

    Args:
        size: Frames in a window at most.
        least: Healthy scores that a signal needs before it is given p-values.
        share: Of frames that enter a full window, in 0..1.
        seed: Of the chance in ties and in the share; the same for each camera whatever the
            others do.

    Raises:
        InvalidInput: An argument is out of its range.
    """

    def __init__(
        self, size: int = 1000, least: int = 100, share: float = 0.05, seed: int = 0
    ) -> None:
        if not 1 <= least <= size or not 0 <= share <= 1 or seed < 0:
            raise InvalidInput(
                "rolling calibration",
                "1 <= least <= size, a share in 0..1 and a seed of 0 or more",
                f"least {least}, size {size}, share {share}, seed {seed}",
                "A window of 1000 frames that starts to speak at 100 is usual.",
            )
        self._size, self._least, self._share, self._seed = size, least, share, seed
        self._windows: dict[tuple[str, str], _Window] = {}

    def read(self, camera: str, model: str, scores: Mapping[str, Sequence[float]]) -> Calibrated:
        """Return what the scores of a frame mean; it does not enter the window by this.

        Args:
            camera: Name of the camera.
            model: Id of the model version.
            scores: Signal to its scores in the frame, such as one for each instance; higher is
                stranger.

        Raises:
            InvalidInput: A score is not finite.
        """
        window, found, warming = self._window(camera, model), {}, {}
        for name, row in _rows(scores).items():
            healthy = window.table(name)
            if healthy.size < self._least:
                warming[name] = self._least - healthy.size
                continue
            above = healthy.size - np.searchsorted(healthy, row, side="right")
            equal = healthy.size - np.searchsorted(healthy, row, side="left") - above
            # The generator may give 0, and a p-value of 0 would be infinite evidence.
            chance = 1 - window.rng.random(row.size)
            p_values = (above + chance * (equal + 1)) / (healthy.size + 1)
            found[name] = tuple(p_values.tolist())
        return Calibrated(found, warming)

    def learn(
        self, camera: str, model: str, at: datetime, scores: Mapping[str, Sequence[float]]
    ) -> bool:
        """Offer a frame to its window after it was read, and say whether it entered.

        Offer every frame that lies under no ticket, strange or not.

        Raises:
            InvalidInput: A score is not finite, or the time has no zone.
        """
        window, rows, at = self._window(camera, model), _rows(scores), utc(at)
        if len(window.frames) >= self._size and window.rng.random() >= self._share:
            return False
        window.frames.append((at, rows))
        if len(window.frames) > self._size:
            window.frames.popleft()
        window.tables.clear()
        return True

    def drop_since(self, camera: str, at: datetime) -> int:
        """Take out the frames of a camera from ``at`` on, as when a fault turns out to have begun.

        Returns:
            How many left. The windows fill again with what is offered from now on.
        """
        dropped, at = 0, utc(at)
        for (name, _), window in self._windows.items():
            if name == camera:
                kept = deque(frame for frame in window.frames if frame[0] < at)
                dropped += len(window.frames) - len(kept)
                window.frames = kept
                window.tables.clear()
        return dropped

    def _window(self, camera: str, model: str) -> "_Window":
        window = self._windows.pop((camera, model), None)
        if window is None:
            known = [key for key in self._windows if key[0] == camera]
            for key in known[: len(known) + 1 - _MODELS_KEPT]:
                del self._windows[key]
            names = crc32(f"{camera}\n{model}".encode())
            window = _Window(np.random.default_rng((self._seed, names)))
        # Last in order is latest in use: the models used longest ago are forgotten first.
        self._windows[camera, model] = window
        return window


@dataclass
class _Window:
    """The healthy frames of one camera and model version, and their scores in order."""

    rng: np.random.Generator
    frames: deque[tuple[datetime, dict[str, NDArray[np.float64]]]] = field(default_factory=deque)
    tables: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def table(self, name: str) -> NDArray[np.float64]:
        """Return a signal's healthy scores ``(n,)`` in rising order."""
        if name not in self.tables:
            rows = [rows[name] for _, rows in self.frames if name in rows]
            self.tables[name] = np.sort(np.concatenate(rows)) if rows else np.zeros(0)
        return self.tables[name]


def _rows(scores: Mapping[str, Sequence[float]]) -> dict[str, NDArray[np.float64]]:
    rows = {name: np.asarray(row, dtype=np.float64).reshape(-1) for name, row in scores.items()}
    for name, row in rows.items():
        if not np.isfinite(row).all():
            raise InvalidInput(
                f"scores of {name}", "finite numbers", f"{row[:8]}", "Mend the watcher."
            )
    return rows
