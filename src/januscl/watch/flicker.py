"""Light that flickers: bands across one picture, and brightness that swings between pictures."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask
from januscl.watch.background import LOG

SWINGS = 8
"""Frames over which brightness has to swing; a lamp that fails changes it but once."""

_STRIPS = 8
_FEWEST, _MOST = 3, 24  # bands in a picture; fewer look like a shadow
_REGULAR = 0.7  # share of the energy
_SLIGHT, _LEFT = 0.03, 0.6
_TURN = 0.05  # log ratio
_SETTLED = 5  # frames without a turn of the light after which it is called steady again
_MOVED = 0.4  # px of `View.small`
_LARGEST = 0.6  # log ratio; a package that the model missed differs by more


def log_light(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logarithm ``(h, w) float32`` of the light in `View.small`."""
    return np.asarray(cv2.LUT(small, LOG))


def bands_of(
    light: NDArray[np.float32], valid: BoolMask, ought: NDArray[np.float32],
    moved: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> tuple[float, int]:  # fmt: skip
    """Return how deep bands of light and dark across the picture are, and how many there are.

    A rolling shutter under lamps of the mains draws bands that cross the whole picture, in phase:
    the picture is cut in eight strips from top to bottom, and of their spectra the median counts,
    so that what stands in some strips alone is left out.

    Args:
        light: ``(h, w)``, `log_light` of `View.small`.
        valid: ``(h, w)``, where the background shows.
        ought: ``(h, w)``, the same of what the camera should see.
        moved: Where that seems to have gone: ``(x, y)`` px of ``light``, and degrees
            counter-clockwise. Bands that are not there any more beside the background so moved
            were its edges.

    Returns:
        The amplitude as a share of the light, 0..1, and the number of bands from top to bottom.
    """
    if light.shape[0] < 2 * _MOST:
        return 0.0, 0
    waves = _waves(light, valid, ought)
    if waves is None:
        return 0.0, 0
    best, energy = int(waves.argmax()), waves**2
    # Bands are regular; edges out of their place spread over all numbers of bands.
    regular = energy[max(0, best - 1) : best + 2].sum() >= _REGULAR * energy.sum()
    depth = float(waves[best]) if regular else 0.0
    if depth > _SLIGHT and np.hypot(moved[0], moved[1]) > _MOVED:
        height, width = light.shape
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), moved[2], 1.0)
        turn[:, 2] += moved[:2]
        there = cv2.warpAffine(ought, turn, (width, height), borderValue=-1.0)
        left = _waves(light, valid & (there >= 0), there)
        depth = 0.0 if left is None or left[best] < _LEFT * depth else depth
    return depth, best + _FEWEST


def _waves(
    light: NDArray[np.float32], valid: BoolMask, ought: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """Return the depth of `_FEWEST` to `_MOST` bands that the strips share; None if unseen."""
    rows = light.shape[0]
    seen = valid.astype(np.float32)
    both = cv2.merge(((light - ought) * seen, seen))
    strips = cv2.resize(both, (_STRIPS, rows), interpolation=cv2.INTER_AREA)
    seen = strips[:, :, 1]
    ratio = strips[:, :, 0] / np.maximum(seen, 1e-3)
    ratio -= (ratio * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1e-3)
    window = _window(rows) * (seen > 0.1)
    weight = window.sum(axis=0)
    # A strip that packages cover tells nothing.
    told = weight >= 0.3 * rows
    if np.count_nonzero(told) < 3:
        return None
    ratio = np.clip(ratio, -_LARGEST, _LARGEST) * window
    spectra = np.fft.rfft(ratio[:, told], axis=0)[_FEWEST : _MOST + 1] * (2 / weight[told])
    return np.hypot(_middle(spectra.real), _middle(spectra.imag))


@cache
def _window(rows: int) -> NDArray[np.float32]:
    return np.hanning(rows).astype(np.float32)[:, None]


def _middle(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the medians along the second axis, faster for a few values than `np.median`."""
    ordered, n = np.sort(values, axis=1), values.shape[1]
    return np.asarray((ordered[:, (n - 1) // 2] + ordered[:, n // 2]) / 2)


def swing_of(gains: Sequence[float]) -> float:
    """Return by how much brightness swings about its mean from frame to frame, as a share of it.

    Args:
        gains: Log brightness of the last frames, the newest last; `SWINGS` of them count. It has
            to turn twice, as light that fails and comes back, or one odd frame, turns once.
    """
    steps = np.diff(np.asarray(gains[-SWINGS:]))
    if steps.size < 3:
        return 0.0
    turns = np.sort(_turns(steps))
    if turns[-2] < 0.3 * np.abs(steps).max():
        return 0.0
    # A wave of amplitude a at a third of the frame rate, or more, bends by 3 a or more.
    return float(np.sort(np.abs(np.diff(steps)))[-3:][0] / 3)


def is_unsettled(gains: Sequence[float], least: float) -> bool:
    """Say whether the light has just turned, so that neither dark nor bright is the word yet.

    Args:
        gains: Log brightness of the last frames, the newest last.
        least: Of `turn_of`, for this camera.
    """
    turned = _turns(np.diff(np.asarray(gains[-_SETTLED:])))
    return bool(turned.size) and bool(turned.max() >= least)


def turn_of(gains: Sequence[float]) -> float:
    """Return how far light has to turn to be unsettled, from ``gains`` of three healthy frames.

    What a moved camera looks at may be bright and dark in turn.
    """
    return max(_TURN, 1.5 * float(np.quantile(_turns(np.diff(np.asarray(gains))), 0.95)))


def _turns(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lesser of each two steps that follow each other in opposite directions, or 0."""
    lesser = np.minimum(np.abs(steps[1:]), np.abs(steps[:-1]))
    return np.asarray(np.where(steps[1:] * steps[:-1] < 0, lesser, 0.0))
