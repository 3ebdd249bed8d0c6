"""What can be measured of a camera in one frame, outside the instances.

Each measure is chosen to stay put under the other faults: softness is a ratio of two gradients
at the same edges, noise is divided by the gain, brightness is what all channels share.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Image
from januscl.watch.background import LOG, Background, gradient, smooth_edges

_DETAIL = 1.0  # mean square gradient of the background below which dirt would not show
_ENOUGH = 300
_IN_PLACE = 0.65  # share of the background's edges that match where they belong
_NOISE_KERNEL = np.asarray([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Readings:
    """Raw measures of one frame.

    Attributes:
        gain: Log brightness against the background, as far as all channels share it.
        saturated: Share of the background that is newly at its ceiling, 0..1.
        cast: ``(r, g, b)`` log shifts of the channels against their mean.
        sharpness: Gradient at edges, slightly smoothed over strongly smoothed; falls with blur.
        noise: Standard deviation of the sensor noise, levels.
        shift: Distance of the background's edges from where they belong, px.
        patches: ``(h, w) float32`` up to 1, share of the edges' strength that is missing, on a
            coarse grid; infinite where nothing can be said.
        stride: Pixels between two points of that grid.
        change: Mean difference to the frame before, levels; None for a first frame.
    """

    gain: float
    saturated: float
    cast: tuple[float, float, float]
    sharpness: float
    noise: float
    shift: float
    patches: NDArray[np.float32]
    stride: int
    change: float | None


def read_frame(
    image: Image, hidden: BoolMask, background: Background, before: Image | None
) -> Readings:
    """Measure one frame.

    Args:
        image: ``(H, W, 3) uint8`` RGB, of the background's size.
        hidden: ``(H, W)``, true where instances are.
        background: What the camera should see.
        before: The frame before of the same camera, if there was one.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    valid = background.stable & ~hidden
    if np.count_nonzero(valid) < _ENOUGH:
        valid = background.stable
    shifts, saturated = _channel_shifts(image, valid, background)
    gain = float(shifts.min() if shifts.min() > 0 else min(shifts.max(), 0.0))
    soft = smooth_edges(gray)
    patches, stride = _patches(gray, soft, valid, background)
    return Readings(
        gain=gain,
        saturated=saturated,
        cast=tuple((shifts - shifts.mean()).tolist()),
        sharpness=_sharpness(gray, valid),
        noise=_noise(gray, soft, valid) / float(np.exp(max(gain, 0.0))),
        shift=_shift(soft, hidden, background),
        patches=patches,
        stride=stride,
        change=None if before is None else cv2.norm(image, before, cv2.NORM_L1) / image.size,
    )


def _channel_shifts(
    image: Image, valid: BoolMask, background: Background
) -> tuple[NDArray[np.float32], float]:
    sample = background.sample[valid.ravel()[background.sample]]
    now, ought = image.reshape(-1, 3)[sample], background.image.reshape(-1, 3)[sample]
    saturated = float(((now.min(axis=1) >= 250) & (ought.min(axis=1) < 245)).mean())
    # Near the ceiling a brighter light cannot show, and each channel meets it at another time.
    unclipped = ought.max(axis=1) < 170
    if np.count_nonzero(unclipped) >= _ENOUGH:
        now, ought = now[unclipped], ought[unclipped]
    return np.median(LOG[now] - LOG[ought], axis=0), saturated


def _sharpness(gray: NDArray[np.uint8], valid: BoolMask) -> float:
    # An ideal edge blurred by s px has a gradient of 1 / hypot(s, k) after smoothing by k px, so
    # the ratio of two smoothings tells s whatever the contrast; smoothing by 1 px quiets noise.
    fine, coarse = (gradient(cv2.GaussianBlur(gray, (0, 0), k).astype(np.float32)) for k in (1, 4))
    values = fine[valid]
    rank = int(values.size * 0.95)
    edges = valid & (fine >= np.partition(values, rank)[rank])
    return float(np.sqrt(np.square(fine[edges]).sum() / max(np.square(coarse[edges]).sum(), 1e-3)))


def _noise(gray: NDArray[np.uint8], soft: NDArray[np.float32], valid: BoolMask) -> float:
    # Immerkaer, Fast noise variance estimation, 1996, with a median so that texture is ignored.
    values = soft[valid]
    flat = valid & (soft <= np.partition(values, values.size // 2)[values.size // 2])
    response = np.abs(cv2.filter2D(gray.astype(np.float32), cv2.CV_32F, _NOISE_KERNEL)[flat])
    return float(np.median(response)) / (6 * 0.6745)


def _shift(soft: NDArray[np.float32], hidden: BoolMask, background: Background) -> float:
    # The whole visible picture is searched for the stable edges, by cross-correlation at half
    # size: to whiten it, as phase correlation does, would favour the outline of the masks.
    now, ought = _halved(soft, ~hidden), _halved(background.edges, background.stable)
    rows, columns = (cv2.getOptimalDFTSize(n + n // 3) for n in now.shape)
    spectra = (np.fft.rfft2(edges, (rows, columns)) for edges in (now, ought))
    match = np.fft.irfft2(next(spectra) * next(spectra).conj(), (rows, columns))
    row, column = (int(i) for i in np.unravel_index(int(match.argmax()), match.shape))
    seen = cv2.resize((~hidden).astype(np.float32), now.shape[::-1], interpolation=cv2.INTER_AREA)
    if match[0, 0] >= _IN_PLACE * float((seen * ought**2).sum()):
        # Edges that are where they belong have not gone far, whatever matches better elsewhere:
        # packages that the model missed may look like a bin that has moved.
        near = np.roll(match, (2, 2), axis=(0, 1))[:5, :5]
        row, column = (int(i) - 2 for i in np.unravel_index(int(near.argmax()), near.shape))
        if max(abs(row), abs(column)) > 1:
            return 0.0  # no peak, but the slope of one far away
    down = _peak(*(float(match[(row + d) % rows, column]) for d in (-1, 0, 1)))
    right = _peak(*(float(match[row, (column + d) % columns]) for d in (-1, 0, 1)))
    y, x = (row + rows // 2) % rows - rows // 2, (column + columns // 2) % columns - columns // 2
    return float(2 * np.hypot(x + right, y + down))


def _halved(edges: NDArray[np.float32], where: BoolMask) -> NDArray[np.float32]:
    centred = np.where(where, edges - edges[where].mean(), 0).astype(np.float32)
    return np.asarray(cv2.resize(centred, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def _peak(left: float, middle: float, right: float) -> float:
    """Return where the parabola through three values peaks, -0.5..0.5 from the middle."""
    bend = left - 2 * middle + right
    return 0.5 * (left - right) / bend if bend < 0 else 0.0


def _patches(
    gray: NDArray[np.uint8], soft: NDArray[np.float32], valid: BoolMask, background: Background
) -> tuple[NDArray[np.float32], int]:
    # What dirt covers is out of focus however near it lies. Packages add edges of their own, and
    # a shadow that dims what is there is divided out.
    side = max(15, min(gray.shape) // 8) | 1
    energy = background.energy
    weight, now, ought, light, usual = (
        cv2.blur(np.where(valid, v, 0).astype(np.float32), (side, side))[:: side // 4, :: side // 4]
        for v in (1.0, soft**2, energy, energy * gray, energy * background.gray)
    )
    # The light is taken at the edges themselves, as a shadow may lie on them alone.
    dimmed = (light + 8 * ought + 1e-3) / (usual + 8 * ought + 1e-3)
    clear = np.sqrt((now + 1e-3) / (ought + 1e-3)) / dimmed
    told = (weight >= 0.6) & (ought >= _DETAIL * weight)
    if told.any():
        clear /= max(float(np.median(clear[told])), 1e-3)
    return np.where(told, 1 - clear, np.inf).astype(np.float32), side // 4


def remember_patches(
    memory: NDArray[np.float32] | None, patches: NDArray[np.float32], lasting: int
) -> NDArray[np.float32]:
    """Return the last readings of each place that could be told, ``(lasting, h, w)``.

    Args:
        memory: What this returned before; None at first.
        patches: `Readings.patches` of the new frame.
        lasting: Readings of a place over which dirt has to stay.
    """
    if memory is None:
        memory = np.full((lasting, *patches.shape), np.inf, dtype=np.float32)
    pushed = np.concatenate([patches[None], memory[:-1]])
    return np.where(np.isfinite(patches), pushed, memory)


def lasting_patch(memory: NDArray[np.float32]) -> tuple[float, tuple[int, int]]:
    """Return the worst loss of detail that stays at one place, and that place on the grid.

    A package that the model missed, or a shadow, hides detail as dirt does, but goes with its
    pile. Of the last readings of each place the 20th percentile counts.

    Args:
        memory: Of `remember_patches`.

    Returns:
        The loss in 0..1 and ``(column, row)``; 0 where too little was told.
    """
    rank = int(0.2 * len(memory))
    ranked = np.partition(memory, rank, axis=0)[rank]
    loss = np.where(np.isfinite(memory[-1]), ranked, 0)  # the last place fills last
    row, column = np.unravel_index(int(loss.argmax()), loss.shape)
    return max(0.0, float(loss[row, column])), (int(column), int(row))
