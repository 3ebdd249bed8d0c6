"""What one camera sees where nothing moves."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Image, Instances

_SAMPLE = 4096
# The offset keeps sensor noise in black pixels from looking like large relative changes.
LOG = np.log(np.arange(256, dtype=np.float32) + 8)


@dataclass(frozen=True, eq=False)
class Background:
    """The median picture of one camera and where it can be relied on.

    Attributes:
        image: ``(H, W, 3) uint8`` RGB, the median of what was seen outside the instances.
        stable: ``(H, W) bool``, seen in most of the reference and hardly changing.
        sample: ``(S,) int64``, flat indices of some stable pixels, spread evenly.
        gray: ``(H, W) uint8``.
        edges: ``(H, W) float32``, gradient of the smoothed grey picture, levels a pixel.
        energy: ``(H, W) float32``, the square gradient to expect: that of `edges`, or its mean
            over the single pictures where the camera moves.
    """

    image: Image
    stable: BoolMask
    sample: NDArray[np.int64]
    gray: NDArray[np.uint8]
    edges: NDArray[np.float32]
    energy: NDArray[np.float32]


def hidden_by(instances: Instances, height: int, width: int, margin: int = 3) -> BoolMask:
    """Return ``(H, W) bool``: the pixels of the instances that count, and a margin around them.

    Args:
        instances: Those scored under `HALFWAY_SURE` are left out, as they are often no package;
            but not what is unexplained, which stands there whatever it is.
        height: Rows of the frame.
        width: Its columns.
        margin: Pixels by which the union is dilated, for soft shadows and loose masks.
    """
    steps = np.zeros(height * width + 1, dtype=np.int32)
    for row in instances.counted().tolist():
        bounds = np.cumsum(instances.masks[row].counts)
        np.add.at(steps, bounds[0::2][: bounds[1::2].size], 1)
        np.add.at(steps, bounds[1::2], -1)
    union = (np.cumsum(steps[:-1]) > 0).reshape((height, width), order="F")
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), dtype=np.uint8)
    return np.asarray(cv2.dilate(union.astype(np.uint8), kernel), dtype=np.bool_)


def smooth_edges(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the gradient ``(H, W) float32`` of a grey picture smoothed by 2 px."""
    soft = cv2.GaussianBlur(gray, (0, 0), 2.0).astype(np.float32)
    return gradient(soft)


def gradient(gray: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the magnitude ``(H, W) float32`` of the gradient, in levels a pixel."""
    across = cv2.Sobel(gray, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(gray, cv2.CV_32F, 0, 1, scale=0.125)
    return np.asarray(cv2.magnitude(across, down))


def learn_background(
    images: Sequence[Image], hidden: Sequence[BoolMask], steady: bool = True
) -> Background:
    """Learn the background from healthy pictures of one camera.

    Args:
        images: n pictures ``(H, W, 3) uint8``.
        hidden: n masks ``(H, W)``, true where an instance is.
        steady: False for a camera that moves: nothing is stable then, and all that is usually
            visible is taken.
    """
    values = np.stack(images).astype(np.uint16)
    covered = np.stack(hidden)
    plain = np.median(values[:: max(1, len(images) // 9)], axis=0).astype(np.uint8)
    values[covered] = 65535
    values.sort(axis=0)
    seen = (~covered).sum(axis=0)
    low, middle, high = (_rank(values, seen, q) for q in (0.25, 0.5, 0.75))
    spread = (high.astype(np.float32) - low).mean(axis=2)
    image = np.where((seen > 0)[:, :, None], middle, plain).astype(np.uint8)
    often = seen >= 0.4 * len(images)
    stable = often & (spread <= 5 + 0.06 * image.mean(axis=2))
    # Beside a pixel that is not known, the smoothed gradients mean nothing.
    stable = cv2.erode(stable.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.bool_)
    if not steady or stable.mean() < 0.02:
        stable = seen >= 0.5 * seen.max()
    where = np.flatnonzero(stable)
    sample = where[np.linspace(0, where.size - 1, min(_SAMPLE, where.size)).astype(np.int64)]
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    edges = smooth_edges(gray)
    energy = edges**2 if steady else _energy(images, covered)
    return Background(image, stable, sample, gray, edges, energy)


def _rank(values: NDArray[np.uint16], seen: NDArray[np.int64], q: float) -> NDArray[np.uint16]:
    index = (np.maximum(seen - 1, 0) * q).astype(np.int64)
    chosen: NDArray[np.uint16] = np.take_along_axis(values, index[None, :, :, None], axis=0)[0]
    return chosen


def _energy(images: Sequence[Image], covered: NDArray[np.bool_]) -> NDArray[np.float32]:
    total = np.zeros(covered.shape[1:], dtype=np.float32)
    for image, hidden in zip(images, covered, strict=True):
        total += np.where(hidden, 0, smooth_edges(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)) ** 2)
    mean: NDArray[np.float32] = total / np.maximum((~covered).sum(axis=0), 1).astype(np.float32)
    return mean
