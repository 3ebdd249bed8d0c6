"""Outlines of things that nobody named, drawn by chance.

An outline is ``(P, 2) float64``: the corners of a closed line in turn, x right and y down, within
about one unit of its middle.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
Rng = np.random.Generator


def _around(count: int) -> NDArray[np.float64]:
    return np.linspace(0, 2 * np.pi, count, endpoint=False)


def _polar(angles: NDArray[np.float64], radii: NDArray[np.float64]) -> Outline:
    return np.stack((np.cos(angles) * radii, np.sin(angles) * radii), axis=1)


def _superellipse(rng: Rng) -> Outline:
    """Between a lozenge, an ellipse and a box with rounded corners."""
    angles, power = _around(48), 2 / rng.choice((1.3, 2.0, 3.0, 5.0, 12.0))
    x, y = np.cos(angles), np.sin(angles)
    rounded = np.stack((np.sign(x) * np.abs(x) ** power, np.sign(y) * np.abs(y) ** power), axis=1)
    return np.asarray(rounded * (1, rng.uniform(0.3, 1)))


def _box(rng: Rng) -> Outline:
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (1, rng.uniform(0.2, 1))


def _polygon(rng: Rng) -> Outline:
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 9))))
    return _polar(angles + np.linspace(0, 0.1, len(angles)), rng.uniform(0.75, 1, len(angles)))


def _blob(rng: Rng) -> Outline:
    """Soft: a circle with a few slow waves on it."""
    angles, radii = _around(48), np.ones(48)
    for wave in range(2, 6):
        radii += rng.normal(0, 0.5 / wave) * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    shape = _polar(angles, np.clip(radii, 0.25, 2))
    return np.asarray(shape / np.abs(shape).max() * (1, rng.uniform(0.5, 1)))


def _rock(rng: Rng) -> Outline:
    count = int(rng.integers(9, 22))
    return _polar(_around(count) + rng.normal(0, 0.08, count), rng.uniform(0.7, 1, count))


def _turned(rng: Rng) -> Outline:
    """Bottle, tool, toy: a few widths along an axis, the same on both sides."""
    stations = int(rng.integers(3, 7))
    x = np.sort(np.concatenate(((-1.0, 1.0), rng.uniform(-0.9, 0.9, stations))))
    y = rng.uniform(0.1, 0.5, len(x)) * rng.uniform(0.5, 1)
    if rng.random() < 0.5:
        x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
    return np.concatenate((np.stack((x, y), axis=1), np.stack((x, -y), axis=1)[::-1]))


def _bent(rng: Rng) -> Outline:
    """A band of even width along a bow, such as a banana, a cable or a hook."""
    angles = np.linspace(-0.5, 0.5, 14) * rng.uniform(1.0, 4.0)
    width = rng.uniform(0.12, 0.35)
    band = np.concatenate(
        (_polar(angles, np.full(14, 1 + width)), _polar(angles[::-1], np.full(14, 1 - width)))
    )
    band -= band.mean(axis=0)
    return np.asarray(band / np.abs(band).max())


def _cross(rng: Rng) -> Outline:
    """Two bars across each other, or one upon another: T, L, X and the like."""
    a, b, shift = rng.uniform(0.15, 0.35), rng.uniform(0.15, 0.35), rng.uniform(-0.6, 0.6)
    left, right = shift - a, shift + a
    return np.array(
        [(-1, -b), (left, -b), (left, -0.8), (right, -0.8), (right, -b), (1, -b), (1, b),
         (right, b), (right, 0.8 * rng.random()), (left, b), (-1, b)]
    )  # fmt: skip


FAMILIES: tuple[tuple[Callable[[Rng], Outline], float], ...] = (
    (_superellipse, 0.22), (_box, 0.25), (_polygon, 0.1), (_blob, 0.1), (_rock, 0.12),
    (_turned, 0.11), (_bent, 0.05), (_cross, 0.05),
)  # fmt: skip
"""How an outline is drawn, and how often."""


def draw_outline(rng: Rng, family: int | None = None) -> Outline:
    """Return an outline of one of the `FAMILIES`, turned by a random angle.

    Args:
        rng: Of all chance.
        family: Its number; drawn by chance when omitted.
    """
    if family is None:
        family = draw_family(rng)
    shape, angle = FAMILIES[family][0](rng), rng.uniform(0, 2 * np.pi)
    turn = np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    return np.asarray(shape @ turn.T)


def draw_family(rng: Rng) -> int:
    """Return the number of one of the `FAMILIES`."""
    return int(rng.choice(len(FAMILIES), p=[share for _, share in FAMILIES]))
