"""Prints for things and grounds that nobody named: colours and patterns drawn by chance.

A print is ``(H, W, 3) float32`` in 0..1, drawn over the whole of a picture or of a thing's box.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Print = NDArray[np.float32]
Field = NDArray[np.float32]
Rng = np.random.Generator


def draw_colour(rng: Rng, near: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Return a colour ``(3,) float32`` in 0..1, grey and brown as often as bright.

    Args:
        rng: Of all chance.
        near: A colour that it is to be close to.
    """
    if near is not None:
        return np.asarray(np.clip(near + rng.normal(0, 0.08, 3), 0.01, 1), dtype=np.float32)
    hue, value = rng.random(), rng.uniform(0.05, 1.0)
    saturation = rng.choice((rng.uniform(0, 0.15), rng.uniform(0.1, 0.5), rng.uniform(0.4, 1)))
    wheel = np.clip(np.abs((hue * 6 + np.array((0, 4, 2))) % 6 - 3) - 1, 0, 1)
    return np.asarray(value * (1 - saturation + saturation * wheel), dtype=np.float32)


def noise(rng: Rng, height: int, width: int, cells: float, octaves: int = 1) -> Field:
    """Return smooth noise ``(H, W) float32`` of about zero mean and unit range.

    Args:
        rng: Of all chance.
        height: H, px.
        width: W, px.
        cells: Bumps along the longer side, of the coarsest octave.
        octaves: Each has twice the bumps of the one before, at half its strength.
    """
    out, longest = np.zeros((height, width), np.float32), max(height, width)
    for octave in range(octaves):
        side = cells * 2**octave / longest
        grid = (max(2, round(height * side) + 1), max(2, round(width * side) + 1))
        coarse = rng.random(grid, dtype=np.float32) - 0.5
        out += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    return out


def _axes(rng: Rng, height: int, width: int) -> tuple[Field, Field]:
    """Return two coordinates at right angles to each other in -1..1, turned by chance."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * x + sin * y, cos * y - sin * x


def _cloudy(rng: Rng, height: int, width: int) -> Field:
    return noise(rng, height, width, rng.uniform(1, 12), int(rng.integers(1, 5))) * 1.5 + 0.5


def _grainy(rng: Rng, height: int, width: int) -> Field:
    coarse = noise(rng, height, width, rng.uniform(0.2, 0.6) * max(height, width), 2)
    return coarse * rng.uniform(0.3, 1.5) + 0.5


def _striped(rng: Rng, height: int, width: int) -> Field:
    u, _ = _axes(rng, height, width)
    wave = np.sin(u * rng.uniform(3, 30) + rng.uniform(0, 6)) - rng.uniform(-0.7, 0.7)
    return np.asarray(np.clip(wave * rng.choice((0.5, 4.0)) + 0.5, 0, 1), dtype=np.float32)


def _chequered(rng: Rng, height: int, width: int) -> Field:
    u, v = _axes(rng, height, width)
    times = rng.uniform(3, 18)
    waves = np.sin(u * times) * np.sin(v * times) * rng.choice((1.0, 6.0))
    return np.asarray(np.clip(waves + 0.5, 0, 1), dtype=np.float32)


def _split(rng: Rng, height: int, width: int) -> Field:
    u, _ = _axes(rng, height, width)
    return np.asarray(u > rng.uniform(-0.5, 0.5), dtype=np.float32)


def _graded(rng: Rng, height: int, width: int) -> Field:
    return np.asarray(np.clip(_axes(rng, height, width)[0] * 0.5 + 0.5, 0, 1), dtype=np.float32)


def _spotted(rng: Rng, height: int, width: int) -> Field:
    field = noise(rng, height, width, rng.uniform(3, 14))
    return np.asarray(field > rng.uniform(0, 0.25), dtype=np.float32)


def _veined(rng: Rng, height: int, width: int) -> Field:
    """Wood, marble or crumpled film: thin lines where slow noise crosses its levels."""
    u, _ = _axes(rng, height, width)
    field = noise(rng, height, width, rng.uniform(1, 5), 3) + rng.uniform(0, 1.5) * u
    return np.asarray(np.abs(np.sin(field * rng.uniform(4, 25))), dtype=np.float32)


def _written(rng: Rng, height: int, width: int) -> Field:
    """Lines of something like text or bars."""
    u, v = _axes(rng, height, width)
    rows, letters = rng.uniform(3, 8), rng.uniform(8, 30)
    line = np.sin(v * rows * np.pi) > rng.uniform(-0.3, 0.5)
    inked = np.sin(u * letters + np.floor(v * rows) * 7.3) + np.sin(u * letters * 1.7) > -0.2
    return np.asarray(line & inked & (np.abs(u) < rng.uniform(0.5, 1.2)), dtype=np.float32)


_PATTERNS: tuple[Callable[[Rng, int, int], Field], ...] = (
    _cloudy, _cloudy, _grainy, _striped, _chequered, _split, _graded, _spotted, _veined, _written,
)  # fmt: skip


def draw_print(
    rng: Rng, height: int, width: int, base: NDArray[np.float32], bold: float = 1.0
) -> Print:
    """Return a print of a base colour with up to three patterns, one over another.

    Args:
        rng: Of all chance.
        height: H, px.
        width: W, px.
        base: Colour ``(3,)`` in 0..1 that most of it has.
        bold: 1 for any contrast; smaller for quieter prints.
    """
    out = np.broadcast_to(base, (height, width, 3)).astype(np.float32)
    for _ in range(int(rng.integers(0, 4))):
        field = _PATTERNS[rng.integers(len(_PATTERNS))](rng, height, width)
        near = base if rng.random() < 0.5 else None
        strength = np.float32(rng.uniform(0.15, 1.0) * bold)
        out += (field * strength)[..., None] * (draw_colour(rng, near) - out)
    return np.clip(out, 0, 1)
