"""Kernels that change values and leave every pixel where it is.

Pictures are ``(H, W, 3) uint8`` RGB; none of the kernels changes its input.
"""

from statistics import NormalDist

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import Image

_LUMA = np.asarray((0.299, 0.587, 0.114))
_QUANTILES = np.asarray([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)])


def colour_matrix(
    brightness: float = 1.0,
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0),
    hue: float = 0.0,
    saturation: float = 1.0,
) -> NDArray[np.float32]:
    """Return the matrix ``(3, 4) float32`` that does all colour changes in one pass over RGB.

    Hue turns colours about the grey axis, saturation moves them from or to their own grey, then
    the channels are scaled (Haeberli, "Matrix Operations for Image Processing", 1993).

    Args:
        brightness: Below 1 darker, above 1 brighter.
        gains: Of red, green and blue.
        hue: Degrees.
        saturation: 0 is grey, 1 unchanged.
    """
    angle = np.deg2rad(hue)
    cross = np.asarray([(0, -1, 1), (1, 0, -1), (-1, 1, 0)]) / np.sqrt(3)
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) / 3
    fade = saturation * np.eye(3) + (1 - saturation) * _LUMA
    linear = brightness * np.asarray(gains)[:, None] * (fade @ turn)
    return np.hstack((linear, np.zeros((3, 1)))).astype(np.float32)


def colour(image: Image, matrix: NDArray[np.float32]) -> Image:
    """Return the picture under a colour matrix ``(3, 4)``, clipped to 0..255."""
    return np.asarray(cv2.transform(image, matrix), dtype=np.uint8)


def soften(image: Image, sigma: float) -> Image:
    """Return the picture under a Gaussian blur of ``sigma`` px."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.uint8)


def grain(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    """Return the picture with independent Gaussian noise of ``sigma`` grey levels.

    The noise is the Gaussian's inverse distribution function at 256 levels, read by random bytes:
    seven times as fast as drawing normals, cut off at 2.9 sigma.
    """
    words = rng.integers(0, 2**64, -(-image.size // 8), dtype=np.uint64)
    # One buffer holds random bytes, then noise, then the picture: fresh memory costs more here
    # than arithmetic.
    buffer = words.view(np.uint8)[: image.size].reshape(image.shape)
    table = np.clip(np.rint(sigma * _QUANTILES) + 128, 0, 255).astype(np.uint8)
    cv2.LUT(buffer, table, dst=buffer)
    cv2.addWeighted(image, 1, buffer, 1, -128, dst=buffer)
    return buffer
