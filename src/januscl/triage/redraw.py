"""A second opinion on a mask: its package is drawn again, from colour and depth.

A small U-shaped network (after Ronneberger and others, "U-Net", 2015) sees the mask and what is
around it, and says of each pixel whether it is the bin, the mask's package or another package. It
was taught by the simulator's truth (``benchmarks/learn_diagnosis.py``) and runs in numpy.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from januscl.core import BoolMask, Depth, Image
from januscl.triage.surfaces import measured

SIDE = 64  # px of what the network sees
_WEIGHTS = Path(__file__).with_name("redraw.npz")
_AROUND = 1.8  # sides of the mask's box
_LEAST = 7 / 24  # of the picture's width, so that something is seen around a small mask
_FAR, _FINE, _TALL = 0.05, 0.01, 0.1  # metres to which depth and height are scaled

Channels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Redrawn:
    """What each pixel is, as shares that sum to 1; ``(H, W) float32``, 0 far from the mask.

    Attributes:
        bin: No package.
        package: The package that most of the mask lies on.
        others: Any other package.
    """

    bin: Channels
    package: Channels
    others: Channels

    @property
    def whole(self) -> BoolMask:
        """Where the package is the likeliest, ``(H, W)``."""
        return np.asarray((self.package > self.bin) & (self.package > self.others))


def redraw(channels: Channels, mask: BoolMask, others: BoolMask) -> Redrawn:
    """Draw the package of a mask again.

    Args:
        channels: Of the frame, as `channels_of` returns them.
        mask: ``(H, W)``, not empty.
        others: ``(H, W)``, what the other instances cover.
    """
    rows, columns = places_around(mask)
    logits = _forward(cut_out(channels, mask, others, rows, columns))
    shares = np.exp(logits - logits.max(axis=0))
    shares /= shares.sum(axis=0)
    down, across = _back(rows, mask.shape[0]), _back(columns, mask.shape[1])
    within = (down >= 0)[:, None] & (across >= 0)[None]
    full = shares[:, np.maximum(down, 0)[:, None], np.maximum(across, 0)[None]] * within
    return Redrawn(full[0], full[1], full[2])


def channels_of(image: Image, depth: Depth, empty: Depth, field_of_view: float) -> Channels:
    """Return what the network sees of a frame, before it is cut out, ``(8, H, W)``.

    Colour in -0.5..0.5, depth in metres, height over the bin, the slope across and down, and where
    depth was measured. Holes take the depth of the nearest measured pixel.

    Args:
        image: ``(H, W, 3) uint8`` RGB.
        depth: ``(H, W) float32`` metres, with holes of 0, NaN and infinity.
        empty: The same of the empty bin.
        field_of_view: Of the picture's width, degrees.
    """
    solid = measured(depth)
    metres = _filled(depth, solid)
    ground = np.where(measured(empty), empty, metres)
    pixel = np.maximum(metres * 2 * np.tan(np.radians(field_of_view / 2)) / depth.shape[1], 1e-6)
    across, down = (
        np.clip(cv2.Sobel(metres, cv2.CV_32F, x, 1 - x, ksize=3, scale=0.125) / pixel, -3, 3)
        for x in (1, 0)
    )
    length = np.sqrt(1 + across**2 + down**2)
    height = np.clip((ground - metres) / _TALL, -0.5, 2)
    layers = (metres, height, across / length, down / length, solid)
    colour = image.transpose(2, 0, 1) / np.float32(255) - np.float32(0.5)
    return np.concatenate((colour, np.stack(layers))).astype(np.float32)


def cut_out(
    channels: Channels,
    mask: BoolMask,
    others: BoolMask,
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
) -> Channels:
    """Return what the network sees of a mask, ``(11, SIDE, SIDE)``; 0 outside the picture.

    Args:
        channels: Of the frame, ``(8, H, W)``.
        mask: ``(H, W)``, not empty.
        others: ``(H, W)``.
        rows: ``(SIDE,)``, of the pixels to take.
        columns: The same.
    """
    y, x, inside = pixels_at(rows, columns, mask.shape)
    near = channels[:, y, x].astype(np.float32)
    beyond = near[3] - np.median(channels[3][mask])
    depths = np.stack((np.clip(beyond / _FAR, -2, 2), np.tanh(beyond / _FINE)))
    drawn = np.stack((mask[y, x], others[y, x]))
    seen = np.concatenate((near[:3], depths, near[4:], drawn)) * inside
    return np.asarray(seen, dtype=np.float32)


def pixels_at(
    rows: NDArray[np.float64], columns: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], BoolMask]:
    """Return pixels as indices ``(SIDE, 1)`` and ``(1, SIDE)``, and which lie in the picture."""
    y, x = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    inside = ((y >= 0) & (y < shape[0]))[:, None] & ((x >= 0) & (x < shape[1]))[None]
    y, x = np.clip(y, 0, shape[0] - 1), np.clip(x, 0, shape[1] - 1)
    return y[:, None], x[None], np.asarray(inside)


def places_around(mask: BoolMask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows and columns ``(SIDE,)`` of a square around a mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    largest = max(int(np.ptp(rows)), int(np.ptp(columns))) + 1
    side = max(_AROUND * largest, _LEAST * mask.shape[1])
    steps = (np.arange(SIDE) + 0.5) / SIDE * side - side / 2
    middle = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    return middle[0] + steps, middle[1] + steps


def _back(places: NDArray[np.float64], length: int) -> NDArray[np.int64]:
    """Return for each of ``length`` pixels the one of the cut-out on it; -1 outside of it."""
    step = places[1] - places[0]
    found = np.floor((np.arange(length) + 0.5 - places[0]) / step + 0.5).astype(np.int64)
    return np.where((found >= 0) & (found < SIDE), found, -1)


def _filled(depth: Depth, solid: BoolMask) -> Depth:
    if solid.all() or not solid.any():
        return np.where(solid, depth, 1).astype(np.float32)
    _, nearest = cv2.distanceTransformWithLabels(
        (~solid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    known = np.zeros(int(nearest.max()) + 1, np.float32)
    known[nearest[solid]] = depth[solid]
    return np.asarray(known[nearest])


@lru_cache(maxsize=1)
def _weights() -> dict[str, Channels]:
    with np.load(_WEIGHTS, allow_pickle=False) as file:
        return {name: file[name].astype(np.float32) for name in file.files}


def _forward(seen: Channels) -> Channels:
    """Return the logits ``(3, SIDE, SIDE)`` of bin, package and others."""
    fine = _layer(_layer(_folded(seen), "s1"), "s2")
    middle = _layer(_layer(fine, "d1", 2), "d2")
    coarse = _layer(_layer(_layer(middle, "e1", 2), "e2"), "e3")
    middle = _layer(np.concatenate((_doubled(coarse), middle)), "u1")
    fine = _layer(np.concatenate((_doubled(middle), fine)), "u2")
    weights = _weights()
    count, side = len(fine), SIDE // 2
    last = weights["o.w"].reshape(-1, count) @ fine.reshape(count, -1) + weights["o.b"][:, None]
    unfolded = last.reshape(3, 2, 2, side, side).transpose(0, 3, 1, 4, 2)
    return np.asarray(unfolded.reshape(3, SIDE, SIDE))


def _layer(values: Channels, name: str, stride: int = 1) -> Channels:
    """Return a 3x3 convolution and what of it is positive."""
    weights = _weights()
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    height, width = windows.shape[1:3]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(-1, height * width)
    kernels = weights[f"{name}.w"]
    found = kernels.reshape(len(kernels), -1) @ columns + weights[f"{name}.b"][:, None]
    return np.asarray(np.maximum(found, 0).reshape(-1, height, width))


def _folded(values: Channels) -> Channels:
    """Return each 2x2 pixels as one with four times the channels."""
    count, height, width = values.shape
    split = values.reshape(count, height // 2, 2, width // 2, 2)
    return split.transpose(0, 2, 4, 1, 3).reshape(4 * count, height // 2, width // 2)


def _doubled(values: Channels) -> Channels:
    return values.repeat(2, axis=1).repeat(2, axis=2)
