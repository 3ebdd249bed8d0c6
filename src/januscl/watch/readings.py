"""What can be measured of a camera in one frame, outside the instances.

Each measure is chosen to stay put under the other faults: softness is a ratio of two gradients
at the same edges, noise is divided by the gain, brightness is what all channels share.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Image
from januscl.watch.background import LOG, Background, gradient

_ENOUGH = 300
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
        patches: ``(h, w) float32``, local change of brightness against that of the whole, log,
            on a coarse grid; 0 where nothing can be said.
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
    soft = gradient(cv2.GaussianBlur(gray, (0, 0), 2.0).astype(np.float32))
    patches, stride = _patches(gray, valid, background)
    return Readings(
        gain=gain,
        saturated=saturated,
        cast=tuple((shifts - shifts.mean()).tolist()),
        sharpness=_sharpness(gray, valid),
        noise=_noise(gray, soft, valid) / float(np.exp(max(gain, 0.0))),
        shift=_shift(soft, valid, background),
        patches=patches,
        stride=stride,
        change=None if before is None else cv2.norm(image, before, cv2.NORM_L1) / image.size,
    )


def _channel_shifts(
    image: Image, valid: BoolMask, background: Background
) -> tuple[NDArray[np.float32], float]:
    sample = background.sample[valid.ravel()[background.sample]]
    now, ought = image.reshape(-1, 3)[sample], background.image.reshape(-1, 3)[sample]
    saturated = float(((now.max(axis=1) >= 250) & (ought.max(axis=1) < 245)).mean())
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


def _shift(soft: NDArray[np.float32], valid: BoolMask, background: Background) -> float:
    now, ought = (_centred(edges, valid) for edges in (soft, background.edges))
    (x, y), _ = cv2.phaseCorrelate(ought, now)
    return float(np.hypot(x, y))


def _centred(edges: NDArray[np.float32], valid: BoolMask) -> NDArray[np.float32]:
    return np.where(valid, edges - edges[valid].mean(), 0).astype(np.float32)


def _patches(
    gray: NDArray[np.uint8], valid: BoolMask, background: Background
) -> tuple[NDArray[np.float32], int]:
    change = LOG[gray] - LOG[background.gray]
    sampled = background.sample[valid.ravel()[background.sample]]
    change = np.where(valid, change - np.median(change.ravel()[sampled]), 0).astype(np.float32)
    side = max(9, min(gray.shape) // 12) | 1
    weight = cv2.blur(valid.astype(np.float32), (side, side), borderType=cv2.BORDER_CONSTANT)
    local = cv2.blur(change, (side, side), borderType=cv2.BORDER_CONSTANT)
    local = np.where(weight >= 0.5, local / np.maximum(weight, 0.5), 0)
    return local[:: side // 3, :: side // 3].astype(np.float32), side // 3
