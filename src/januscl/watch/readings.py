"""What can be measured of a camera in one frame, outside the instances.

Each measure is chosen to stay put under the other faults: softness is a ratio of two gradients
at the same edges, noise is divided by the gain, brightness is what all channels share.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask
from januscl.watch.background import LOG, Background, gradient, pixels_at, smooth_edges
from januscl.watch.dirt import darkened, patches_of
from januscl.watch.flicker import bands_of, log_light
from januscl.watch.place import Place, darkest_before
from januscl.watch.view import View

_ENOUGH = 75
_CEILING = 250
_WHITE = 0.3  # share of the background at its ceiling, over which it has no detail to look for
_STILL = (0.0, 0.0, 0.0)
_FINE, _COARSE = 1.0, 4.0  # px of `View.work`, the two smoothings that tell blur


@dataclass(frozen=True, eq=False)
class Readings:
    """Raw measures of one frame.

    Attributes:
        gain: Log brightness against the background, as far as all channels share it.
        saturated: Share of the background that is newly at its ceiling, 0..1.
        cast: ``(r, g, b)`` log shifts of the channels against their mean.
        sharpness: Gradient at edges, slightly smoothed over strongly smoothed; falls with blur.
        noise: Standard deviation of the sensor noise, levels.
        moved: How far the background's edges are from where they belong, ``(x, y)`` px and degrees
            counter-clockwise.
        quarters: Quarter turns counter-clockwise by which the picture as a whole is turned.
        bands: Depth of light and dark bands across the picture, 0..1, and their number.
        patches: ``(rows, columns) float32`` up to 1, share of the edges' strength that is
            missing, on a coarse grid; infinite where nothing can be said.
        stride: Pixels between two points of that grid.
        change: Mean difference to the frame before, levels; None for a first frame.
        light: ``(h, w) float32``, `log_light` of `View.small`.
        edges: ``(h, w) float32``, `smooth_edges` of it.
    """

    gain: float
    saturated: float
    cast: tuple[float, float, float]
    sharpness: float
    noise: float
    moved: tuple[float, float, float]
    quarters: int
    bands: tuple[float, int]
    patches: NDArray[np.float32]
    stride: int
    change: float | None
    light: NDArray[np.float32]
    edges: NDArray[np.float32]


def read_frame(
    view: View, hidden: BoolMask, background: Background, place: Place | None,
    before: NDArray[np.uint8] | None, ought: NDArray[np.float32] | None,
    earlier: Readings | None = None,
) -> Readings:  # fmt: skip
    """Measure one frame.

    Args:
        view: The frame.
        hidden: ``(h, w)``, true where instances are.
        background: What the camera should see.
        place: Where it should see that; None for a camera that moves, which has no place.
        before: `some_rows` of the frame before of the same camera, if there was one.
        ought: ``(h, w)``, the log light that bands show against; None where there is none.
        earlier: Of some frames before, which dirt before a camera that moves shows against.
    """
    valid = background.stable & ~hidden
    if np.count_nonzero(valid) < _ENOUGH:
        valid = background.stable
    shifts, saturated = _channel_shifts(view, valid, background)
    gain = float(shifts.min() if shifts.min() > 0 else min(shifts.max(), 0.0))
    soft, light = smooth_edges(view.small), log_light(view.small)
    apart, quarters, moved = 2 * view.step, 0, _STILL
    patches, stride = _patches(view, light, soft, valid, background if place else earlier)
    if saturated >= _WHITE:
        patches = np.full_like(patches, np.inf)
    elif place is not None:
        quarters, moved = place.of(soft, hidden)
    return Readings(
        gain=gain,
        saturated=saturated,
        cast=tuple((shifts - shifts.mean()).tolist()),
        sharpness=_sharpness(view, valid, None if place is None else background.sharp),
        noise=_noise(view, soft, valid) / float(np.exp(max(gain, 0.0))),
        moved=(apart * moved[0], apart * moved[1], moved[2]),
        quarters=quarters,
        bands=(0.0, 0)
        if ought is None or saturated >= _WHITE
        else bands_of(light, valid, ought, moved),
        patches=patches,
        stride=stride,
        change=None if before is None else _change(some_rows(view), before),
        light=light,
        edges=soft,
    )


def _patches(
    view: View, light: NDArray[np.float32], soft: NDArray[np.float32], valid: BoolMask,
    against: Background | Readings | None,
) -> tuple[NDArray[np.float32], int]:  # fmt: skip
    """Return `Readings.patches` against a still background, or against an earlier frame."""
    if isinstance(against, Background):
        return patches_of(view, soft, valid, against)
    seen = None if against is None else darkest_before(against.light, against.edges, soft)
    return darkened(view, light, valid, seen)


def some_rows(view: View) -> NDArray[np.uint8]:
    """Return rows of the picture ``(R, W, 3)``, spread evenly, that are compared with the next."""
    return np.asarray(view.image[:: max(1, view.image.shape[0] // 120)])


def blur_of(sharpness: float) -> float:
    """Return the blur of a sharpness, as a standard deviation in px of `View.work`.

    An ideal edge blurred by s has a gradient of 1 / hypot(s, k) after smoothing by k, so the
    ratio of two smoothings tells s whatever the contrast.
    """
    ratio = min(max(sharpness, 1.05), 0.99 * _COARSE / _FINE) ** 2
    return float(np.sqrt((_COARSE**2 - ratio * _FINE**2) / (ratio - 1)))


def _change(rows: NDArray[np.uint8], before: NDArray[np.uint8]) -> float:
    return cv2.norm(rows, before, cv2.NORM_L1) / rows.size


def _channel_shifts(
    view: View, valid: BoolMask, background: Background
) -> tuple[NDArray[np.float32], float]:
    seen = valid[background.sample[:, 0], background.sample[:, 1]]
    pixels = pixels_at(view, background.sample)
    bright = (pixels.min(axis=1) >= _CEILING) & (background.colours.min(axis=1) < _CEILING - 5)
    saturated = int(np.count_nonzero(bright & seen)) / max(1, int(np.count_nonzero(seen)))
    # Near the ceiling a brighter light cannot show, and each channel meets it at another time.
    unclipped = seen & background.below_ceiling
    if np.count_nonzero(unclipped) >= _ENOUGH:
        seen = unclipped
    shifts = (LOG[pixels] - background.log_colours)[seen].T.copy()
    middle = shifts.shape[1] // 2
    return np.partition(shifts, middle, axis=1)[:, middle], saturated


def _sharpness(view: View, valid: BoolMask, sharp: BoolMask | None) -> float:
    """Return `Readings.sharpness`, at the background's edges or else at the strongest seen."""
    # Smoothing by 1 px quiets the noise; the stronger is done in the picture of half the size.
    across, down = cv2.spatialGradient(cv2.GaussianBlur(view.work, (5, 5), _FINE))
    fine = across[::2, ::2].astype(np.float32) ** 2 + down[::2, ::2].astype(np.float32) ** 2
    edges = valid if sharp is None else valid & sharp
    if sharp is None or np.count_nonzero(edges) < _ENOUGH:
        values = fine[valid]
        rank = int(values.size * 0.95)
        edges = valid & (fine >= max(float(np.partition(values, rank)[rank]), 1e-3))
    small = cv2.GaussianBlur(view.small.astype(np.float32), (0, 0), _COARSE / 2)
    coarse = gradient(small)[edges]
    return float(np.sqrt(fine[edges].sum() / 64 / max(float((coarse * coarse).sum()), 1e-3)))


def _noise(view: View, soft: NDArray[np.float32], valid: BoolMask) -> float:
    # Immerkaer, Fast noise variance estimation, 1996, with a median so that texture is ignored;
    # of one pixel for each of `View.small`.
    rows, columns = soft.shape
    apart, middle = 2 * view.step, view.step
    last = view.gray.shape[0] - 2, view.gray.shape[1] - 2
    row = np.minimum(np.arange(rows) * apart + middle, last[0])
    column = np.minimum(np.arange(columns) * apart + middle, last[1])
    above, on, below = (view.gray[row + d].astype(np.int16) for d in (-1, 0, 1))
    bent = above - 2 * on + below
    response = np.abs(bent[:, column - 1] - 2 * bent[:, column] + bent[:, column + 1])
    values = soft[valid]
    flat = valid & (soft <= np.partition(values, values.size // 2)[values.size // 2])
    return _median_of_counts(np.bincount(response[flat])) / (6 * 0.6745)


def _median_of_counts(counts: NDArray[np.int64]) -> float:
    """Return the median of whole numbers as if each were spread over half a unit either side."""
    below = np.cumsum(counts)
    half = below[-1] / 2
    k = int(np.searchsorted(below, half))
    return max(0.0, k - 0.5 + float(half - below[k] + counts[k]) / float(counts[k]))
