"""Has the world changed: evidence gathered over frames, for a camera, a line, a site, the fleet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from januscl.core import Cell, InvalidInput, utc

TILTS = (-1.0, -0.5, 0.5, 1.0, 2.0)
"""Shifts, in standard deviations of the healthy scores' normal scores, that are bet on."""
POWERS = ((0.1, 0.1), (0.3, 0.1))
"""Share of the frames, and power of their p-values, that are bet on: few, very strange ones."""
_BINS, _MEMORY, _PRIOR = 10, 100, 3.0
_MOST = 1e100
_EMPTY = np.zeros(0)

Array = NDArray[np.float64]


class Scope(StrEnum):
    """How much of the fleet a change is in."""

    CAMERA = "camera"
    LINE = "line"
    SITE = "site"
    FLEET = "fleet"


@dataclass(frozen=True)
class Change:
    """Evidence that a scope is not what it was.

    Attributes:
        scope: Camera, line, site or fleet.
        name: Which one; empty for the fleet.
        began: The most likely time of its first frame: the argmax of the leading bet's product.
        noticed: The time of the frame that made the evidence enough.
        frames: From `began` to `noticed`: frames of a camera, rounds of a wider scope.
        signals: Which carried the evidence, the strongest first.
    """

    scope: Scope
    name: str
    began: datetime
    noticed: datetime
    frames: int
    signals: tuple[str, ...]


class ChangeWatch:
    """Says that the world has changed, in which scope and since when, at a stated run length.

    On each signal's p-values several bets are made, each of mean 1 under health: tilts of the
    normal score to either side (the whole stream has shifted), power calibrators on a share of the
    frames (some are very strange; Vovk and Wang, E-values, Annals of Statistics 2021, section 2),
    and a histogram of the signal's own latest p-values (whatever shape the change has; Vovk and
    others, Retrain or not retrain, 2021). P-values of one signal in one frame are merged by the
    average of their bets. Each bet's e-values ``e`` drive a Shiryaev-Roberts e-detector,
    ``M = (1 + M) * e``, and the mixture of these by the signals' weights is the evidence (Shin,
    Ramdas and Rinaldo, E-detectors, 2023, sections 2 and 3).

    A wider scope works in rounds, a round ending when a camera speaks a second time. Its e-value
    for each bet is the average over the cameras that spoke, which is an e-value however the
    cameras depend on each other. A round with one camera is left out: that is the camera's affair.

    Guarantee: while all is well, the mean number of frames (for a wider scope, rounds) from a start
    to a false alarm is `average_run_length` or more, in each scope by itself: the evidence less the
    number of frames is a supermartingale. Condition: each p-value is uniform in (0, 1) given what
    came before its frame (its round) in the scope, as those of `RollingCalibration` are while its
    window only grows. It holds approximately when p-values share one finite healthy window or
    frames follow each other closely. P-values that are too large at times (ties not broken at
    random) break it too, for bets are made to both sides. After an alarm a scope starts from
    nothing, and the guarantee anew; it speaks again while the change lasts and is not yet part of
    what is healthy.

    A finite healthy window misjudges each signal a little, for ever, and a bet that learns would
    grow rich on that in thousands of frames: of 1000 healthy scores a histogram may find 0.02 nats
    a frame. So each e-value pays a toll. It is still an e-value, and a change worth telling brings
    far more.

    Args:
        signals: Signal to its weight, more than 0. P-values of other signals are not accepted;
            a signal missing from a frame changes nothing.
        average_run_length: Frames or rounds, more than 1.
        toll: Nats a frame taken off each bet, 0 or more; 30 over the size of the healthy window.

    Raises:
        InvalidInput: An argument is out of its range.
    """

    def __init__(
        self,
        signals: Mapping[str, float],
        average_run_length: float = 10_000,
        toll: float = 0.03,
    ) -> None:
        weights = np.asarray(list(signals.values()), dtype=np.float64)
        bad = not weights.size or not np.isfinite(weights).all() or bool((weights <= 0).any())
        if bad or not 1 < average_run_length < _MOST or not 0 <= toll < np.inf:
            raise InvalidInput(
                "change watch",
                "signals with weights over 0, an average run length over 1 and a toll of 0 or more",
                f"{dict(signals)}, {average_run_length}, {toll}",
                "With 10,000, one false alarm in 10,000 frames of a scope is to be expected.",
            )
        self.average_run_length = average_run_length
        self._kept = float(np.exp(-toll))
        self._names = tuple(signals)
        self._rows = {name: row for row, name in enumerate(signals)}
        bets = len(TILTS) + len(POWERS) + 1
        self._weights = np.repeat(weights[:, None] / weights.sum() / bets, bets, axis=1)
        self._histograms: dict[str, Array] = {}
        self._detectors: dict[tuple[Scope, str], _Detector] = {}
        self._rounds: dict[tuple[Scope, str], dict[str, tuple[datetime, Array]]] = {}

    def update(
        self, cell: Cell, at: datetime, p_values: Mapping[str, Sequence[float]]
    ) -> tuple[Change, ...]:
        """Take a frame and return the changes that it brought to light, the widest scope first.

        Args:
            cell: The camera's place in the fleet.
            at: When the frame was taken.
            p_values: Signal to its p-values in (0, 1] in this frame, none or several.

        Raises:
            InvalidInput: A signal is not known, or a p-value is out of its range.
        """
        at = utc(at)
        e_values = self._bet(cell.camera, p_values)
        own = self._feed((Scope.CAMERA, cell.camera), at, at, e_values)
        wider = (
            (Scope.LINE, f"{cell.site}/{cell.line}"), (Scope.SITE, cell.site), (Scope.FLEET, ""),
        )  # fmt: skip
        found = [own] if own else []
        for key in wider:
            spoken = self._rounds.setdefault(key, {})
            if cell.camera in spoken:
                change = self._close(key, spoken)
                found = [change, *found] if change else found
                spoken.clear()
            spoken[cell.camera] = (at, e_values)
        return tuple(found)

    def evidence(self, scope: Scope, name: str = "") -> float:
        """Return the evidence gathered so far; `average_run_length` is enough. 0 for none."""
        detector = self._detectors.get((scope, name))
        return detector.evidence() if detector else 0.0

    def restart(self, camera: str) -> None:
        """Forget a camera's evidence, as after it was mended or got another model version."""
        self._histograms.pop(camera, None)
        self._detectors.pop((Scope.CAMERA, camera), None)
        for spoken in self._rounds.values():
            spoken.pop(camera, None)

    def _close(
        self, key: tuple[Scope, str], spoken: Mapping[str, tuple[datetime, Array]]
    ) -> Change | None:
        if len(spoken) < 2:
            return None
        times = [at for at, _ in spoken.values()]
        together = np.mean([e_values for _, e_values in spoken.values()], axis=0)
        return self._feed(key, min(times), max(times), together)

    def _feed(
        self, key: tuple[Scope, str], first: datetime, last: datetime, e_values: Array
    ) -> Change | None:
        detector = self._detectors.get(key)
        if detector is None:
            detector = self._detectors[key] = _Detector(self._weights)
        detector.update(first, e_values)
        if detector.evidence() < self.average_run_length:
            return None
        del self._detectors[key]
        began, frames = detector.began()
        ranked = tuple(self._names[row] for row in detector.leading())
        return Change(key[0], key[1], began, last, frames, ranked)

    def _bet(self, camera: str, p_values: Mapping[str, Sequence[float]]) -> Array:
        """Return the frame's e-values ``(signals, bets)``."""
        table = self._histograms.setdefault(camera, np.zeros((len(self._names), _BINS)))
        e_values = np.ones_like(self._weights)
        given = [(name, len(values)) for name, values in p_values.items() if len(values)]
        unknown = [name for name, _ in given if name not in self._rows]
        flat = np.concatenate([_EMPTY, *(np.asarray(p_values[n], np.float64) for n, _ in given)])
        if unknown or not ((flat > 0) & (flat <= 1)).all():
            raise InvalidInput(
                f"p-values of camera {camera}",
                f"numbers in (0, 1] of {', '.join(self._names)}",
                f"{unknown or flat[~((flat > 0) & (flat <= 1))][:8]}",
                "Calibrate first, and name every signal when the watch is made.",
            )
        if not given:
            return e_values
        counts = np.asarray([count for _, count in given])
        rows = np.asarray([self._rows[name] for name, _ in given])
        starts = np.cumsum(counts) - counts
        whose = np.repeat(rows, counts)
        bins = np.minimum((flat * _BINS).astype(np.int64), _BINS - 1)
        payoffs = _payoffs(flat, _densities(table)[whose, bins])
        e_values[rows] = np.add.reduceat(payoffs, starts) / counts[:, None] * self._kept
        # The histogram learns of a frame only after the bet on it.
        table[rows] *= 1 - 1 / _MEMORY
        added = np.bincount(whose * _BINS + bins, 1 / np.repeat(counts, counts), table.size)
        table += added.reshape(table.shape)
        return e_values


class _Detector:
    """The e-detectors of one scope, one for each signal and bet, and where each bet's run began.

    Args:
        weights: ``(signals, bets)``, summing to 1.
    """

    def __init__(self, weights: Array) -> None:
        self._weights = weights
        self._sums = np.zeros_like(weights)
        self._runs = np.zeros_like(weights)
        self._starts = np.zeros(weights.shape, dtype=np.int64)
        self._frames = 0
        self._times: dict[int, datetime] = {}

    def update(self, at: datetime, e_values: Array) -> None:
        self._sums = np.minimum((1 + self._sums) * e_values, _MOST)
        # A running product at its lowest is where the product from there on is the largest.
        self._starts[self._runs <= 0] = self._frames
        self._runs = np.maximum(self._runs, 0) + np.log(e_values)
        self._times[self._frames] = at
        self._frames += 1
        if self._frames % 256 == 0:
            used = set(np.unique(self._starts).tolist())
            self._times = {frame: time for frame, time in self._times.items() if frame in used}

    def evidence(self) -> float:
        return float((self._weights * self._sums).sum())

    def began(self) -> tuple[datetime, int]:
        """Return when the leading bet's run began, and how many frames ago."""
        start = int(self._starts.flat[int((self._weights * self._sums).argmax())])
        return self._times[start], self._frames - start

    def leading(self) -> list[int]:
        """Return the signals' rows that carry a tenth of the evidence or more."""
        shares = (self._weights * self._sums).sum(axis=1)
        order = np.argsort(-shares, kind="stable")
        return [int(row) for row in order if shares[row] >= 0.1 * shares.sum()]


def _payoffs(p_values: Array, densities: Array) -> Array:
    """Return what each bet pays on each of P p-values, ``(P, bets)``."""
    return np.concatenate(
        (_tilted(p_values, TILTS), _powered(p_values, POWERS), densities[:, None]), axis=1
    )


def _tilted(p_values: Array, tilts: Sequence[float]) -> Array:
    """Return the likelihood ratios of shifts of the normal score, ``(P, len(tilts))``."""
    # A p-value of 1 has no normal score; this one is as far out as a float tells from it.
    inverse = NormalDist().inv_cdf
    normal = np.asarray([-inverse(min(max(p, 1e-15), 1 - 1e-15)) for p in p_values.tolist()])
    shifts = np.asarray(tilts)
    return np.asarray(np.exp(normal[:, None] * shifts - shifts**2 / 2))


def _powered(p_values: Array, powers: Sequence[tuple[float, float]]) -> Array:
    """Return what power calibrators pay where a share of the capital is staked."""
    stakes, ks = np.asarray(powers).T
    return np.asarray(1 - stakes + stakes * ks * p_values[:, None] ** (ks - 1))


def _densities(table: Array) -> Array:
    """Return the densities ``(signals, bins)`` that the histograms of p-values predict."""
    total = table.sum(axis=1, keepdims=True)
    return np.asarray((table + _PRIOR) / (total + _PRIOR * _BINS) * _BINS)
