"""Every surface print of the cell, drawn once with numpy from a fixed seed.

A picture is ``(S, S, 3) uint8`` RGB. ``cube`` prints go on all six faces of a thing, ``2d``
prints on the upper face of a flat one. Letters: u runs right, v runs down, both in 0..1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.core import Image

_SIZE = 64
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Surface:
    """A material of the cell: how it shines, and its print.

    Attributes:
        name: Unique; what a part of a package names.
        mapping: ``cube``, ``2d``, or empty for no print.
        picture: ``(S, S, 3) uint8`` RGB, or None.
        specular, shininess: OpenGL's, in 0..1.
        emission: Light of its own, for what lies behind a clear pane: the shadow pass does not
            know that the pane is clear.
        repeat: How often a ``2d`` print is repeated along each side.
    """

    name: str
    mapping: str = ""
    picture: Image | None = None
    specular: float = 0.15
    shininess: float = 0.2
    repeat: float = 1.0
    emission: float = 0.0


def _grid(size: int = _SIZE) -> tuple[Array, Array]:
    axis = (np.arange(size) + 0.5) / size
    v, u = np.meshgrid(axis, axis, indexing="ij")
    return u, v


def _paint(canvas: Array, where: NDArray[np.bool_], rgb: tuple[int, int, int]) -> None:
    canvas[where] = rgb


def _noise(rng: np.random.Generator, cells: int, size: int = _SIZE) -> Array:
    """Return smooth noise ``(size, size)`` in 0..1 with ``cells`` bumps along a side."""
    coarse = rng.random((cells + 1, cells + 1))
    at = np.linspace(0, cells, size, endpoint=False)
    low = at.astype(int)
    t = at - low
    t = t * t * (3 - 2 * t)
    rows = coarse[low] * (1 - t)[:, None] + coarse[low + 1] * t[:, None]
    mixed: Array = rows[:, low] * (1 - t) + rows[:, low + 1] * t
    return mixed


def _cardboard(rng: np.random.Generator) -> Array:
    u, _ = _grid()
    shade = 225 + 22 * _noise(rng, 6) + 6 * np.sin(u * np.pi * 2 * 16)
    shade += rng.normal(0, 3, shade.shape)
    edge = np.minimum.reduce([*_grid(), 1 - _grid()[0], 1 - _grid()[1]]) < 0.025
    shade[edge] *= 0.8
    return np.repeat(shade[:, :, None], 3, axis=2)


def _label(rng: np.random.Generator) -> Array:
    u, v = _grid()
    canvas = np.full((_SIZE, _SIZE, 3), 244.0)
    bars = np.repeat(rng.random(24) < 0.5, 3)[:_SIZE]
    bars = np.pad(bars, (0, _SIZE - bars.size))
    _paint(canvas, bars[None, :] & (v > 0.62) & (v < 0.88) & (u > 0.1) & (u < 0.9), (20, 20, 20))
    for line in range(4):
        end = 0.3 + 0.55 * rng.random()
        row = np.abs(v - (0.16 + 0.11 * line)) < 0.024
        _paint(canvas, row & (u > 0.1) & (u < end), (50, 50, 60))
    _paint(canvas, np.minimum.reduce([u, v, 1 - u, 1 - v]) < 0.03, (120, 120, 125))
    return canvas


def _padding(rng: np.random.Generator) -> Array:
    u, v = _grid()
    bumps = np.sin(u * np.pi * 2 * 8) * np.sin(v * np.pi * 2 * 8)
    shade = 222 + 20 * bumps + 14 * _noise(rng, 5)
    return np.repeat(shade[:, :, None], 3, axis=2)


def _crumple(rng: np.random.Generator) -> Array:
    """Folded film: planes of random tilt between random creases, with bright ridges."""
    u, v = _grid()
    height = np.full(u.shape, -np.inf)
    shade = np.zeros(u.shape)
    gap = np.zeros(u.shape)
    for _ in range(26):
        x, y, tilt = rng.random(), rng.random(), rng.random()
        plane = -np.hypot(u - x, v - y) * (0.8 + 0.4 * tilt)
        nearer = plane > height
        gap = np.where(nearer, plane - height, np.minimum(gap, height - plane))
        shade = np.where(nearer, tilt, shade)
        height = np.maximum(height, plane)
    value = 105 + 120 * shade**1.6 + 90 * (gap < 0.018)
    return np.repeat(np.clip(value, 0, 255)[:, :, None], 3, axis=2)


def _star(canvas: Array, x: float, y: float, r: float, rgb: tuple[int, int, int]) -> None:
    u, v = _grid(canvas.shape[0])
    angle = np.arctan2(v - y, u - x)
    reach = r * (0.62 + 0.38 * np.cos(5 * angle - np.pi / 2))
    _paint(canvas, np.hypot(u - x, v - y) < reach, rgb)


def _snowflake(canvas: Array, x: float, y: float, r: float, rgb: tuple[int, int, int]) -> None:
    u, v = _grid(canvas.shape[0])
    for arm in range(3):
        a = arm * np.pi / 3
        along = (u - x) * np.cos(a) + (v - y) * np.sin(a)
        across = np.abs(-(u - x) * np.sin(a) + (v - y) * np.cos(a))
        on_arm = (across < 0.016) & (np.abs(along) < r)
        barb = (np.abs(across - (np.abs(along) - 0.55 * r)) < 0.014) & (across < 0.35 * r)
        _paint(canvas, on_arm | barb, rgb)


def _bauble(canvas: Array, x: float, y: float, r: float, rgb: tuple[int, int, int]) -> None:
    u, v = _grid(canvas.shape[0])
    inside = np.hypot(u - x, v - y) < r
    _paint(canvas, inside, rgb)
    _paint(canvas, inside & (np.abs(v - y) < 0.25 * r), (250, 240, 210))
    _paint(canvas, (np.abs(u - x) < 0.2 * r) & (np.abs(v - y + 1.15 * r) < 0.2 * r), (230, 190, 60))


def _tree(canvas: Array, x: float, y: float, r: float, rgb: tuple[int, int, int]) -> None:
    u, v = _grid(canvas.shape[0])
    for tier in range(3):
        top = y - r + tier * 0.5 * r
        inside = (v > top) & (v < top + 0.8 * r) & (np.abs(u - x) < (v - top) * 0.75)
        _paint(canvas, inside, rgb)
    _paint(
        canvas, (np.abs(u - x) < 0.15 * r) & (v > y + 0.8 * r) & (v < y + 1.2 * r), (110, 70, 30)
    )


def _gift(canvas: Array, x: float, y: float, r: float, rgb: tuple[int, int, int]) -> None:
    """A drawn parcel with its shadow, outline and ribbon: a package printed on a package."""
    u, v = _grid(canvas.shape[0])
    wide, high = np.abs(u - x) / r, np.abs(v - y) / (0.8 * r)
    shadow = np.maximum(np.abs(u - x - 0.22 * r), np.abs(v - y - 0.22 * r) / 0.8) < r
    _paint(canvas, shadow, (24, 22, 30))
    _paint(canvas, np.maximum(wide, high) < 1, rgb)
    _paint(canvas, (np.maximum(wide, high) < 1) & (np.minimum(wide, high) < 0.16), (250, 244, 225))
    _paint(canvas, (np.maximum(wide, high) < 1) & (np.maximum(wide, high) > 0.88), (40, 34, 40))


_GROUNDS = (((196, 22, 36), (250, 250, 245)), ((18, 98, 52), (232, 190, 70)),
            ((30, 36, 86), (206, 214, 226)), ((248, 246, 240), (214, 32, 44)))  # fmt: skip
_GIFTS = ((190, 146, 96), (214, 32, 44), (240, 238, 230), (36, 132, 70))


def _holiday(rng: np.random.Generator, number: int) -> Array:
    """Holiday art: two broad fields of colour that break a face up, and a thing drawn on each."""
    ground, other = _GROUNDS[number % len(_GROUNDS)]
    u, v = _grid()
    canvas = np.zeros((_SIZE, _SIZE, 3))
    canvas[:] = ground
    fields = (u + v > 1, u > 0.5, v > 0.5 + 0.1 * np.sin(7 * u), u < v)
    _paint(canvas, fields[number % len(fields)], other)
    draw: tuple[Callable[..., None], ...] = (_gift, _tree, _bauble, _star, _snowflake)
    for place, (x, y) in enumerate(((0.3, 0.3), (0.7, 0.7))):
        shape = draw[(2 * number + place) % len(draw)]
        shape(canvas, x, y, rng.uniform(0.15, 0.2), _GIFTS[(number + place) % len(_GIFTS)])
    return canvas


def _toy_print(rng: np.random.Generator, number: int) -> Array:
    u, v = _grid()
    hues = ((240, 90, 150), (60, 170, 230), (250, 170, 30), (120, 80, 200))
    canvas = np.zeros((_SIZE, _SIZE, 3))
    canvas[:] = hues[number % 4]
    rays = np.sin(np.arctan2(v - 0.5, u - 0.5) * 9 + rng.uniform(0, 6)) > 0.2
    _paint(canvas, rays, tuple(min(c + 45, 255) for c in hues[number % 4]))  # type: ignore[arg-type]
    _paint(canvas, (np.abs(v - 0.2) < 0.07) & (np.abs(u - 0.5) < 0.36), (255, 245, 120))
    _paint(canvas, (np.abs(v - 0.2) < 0.03) & (np.abs(u - 0.5) < 0.3), (30, 30, 90))
    return canvas


def _belt(rng: np.random.Generator) -> Array:
    u, v = _grid(128)
    shade = 150 + 30 * _noise(rng, 24, 128) + rng.normal(0, 5, u.shape)
    shade[(v * 10 % 1) < 0.14] -= 55
    shade[np.abs(u * 8 % 1 - 0.5) < 0.04] += 45
    return np.repeat(shade[:, :, None], 3, axis=2)


def _mesh(rng: np.random.Generator) -> Array:
    u, v = _grid()
    shade = 205 + 20 * _noise(rng, 8)
    shade[((u * 8 % 1) < 0.12) | ((v * 8 % 1) < 0.12)] -= 42
    return np.repeat(shade[:, :, None], 3, axis=2)


def _picture(canvas: Array) -> Image:
    return np.clip(canvas, 0, 255).astype(np.uint8)


CARDBOARDS = 3
LABELS = 5
HOLIDAYS = 3
TOYS = 4
CRUMPLES = 3


def surfaces() -> tuple[Surface, ...]:
    """Return every material of the cell, always the same, in a fixed order."""
    rng = np.random.default_rng(20240)
    made = [Surface("plain"), Surface("metal", specular=0.5, shininess=0.6)]
    made += [Surface("film", specular=0.5, shininess=0.9), Surface("tape", specular=0.6)]
    made.append(Surface("behind pane", emission=0.3))
    made.append(Surface("belt", "2d", _picture(_belt(rng)), 0.05, 0.1, repeat=2))
    made.append(Surface("mesh", "2d", _picture(_mesh(rng)), 0.1, 0.1, repeat=2))
    made += [Surface(f"cardboard{k}", "cube", _picture(_cardboard(rng))) for k in range(CARDBOARDS)]
    made += [Surface(f"label{k}", "2d", _picture(_label(rng))) for k in range(LABELS)]
    made.append(Surface("padding", "cube", _picture(_padding(rng)), 0.25, 0.3))
    made += [
        Surface(f"crumple{k}", "cube", _picture(_crumple(rng)), 0.9, 0.55) for k in range(CRUMPLES)
    ]
    made += [
        Surface(f"holiday{k}", "cube", _picture(_holiday(rng, k)), 0.35, 0.4)
        for k in range(HOLIDAYS)
    ]
    made += [
        Surface(f"toy{k}", "cube", _picture(_toy_print(rng, k)), 0.4, 0.5) for k in range(TOYS)
    ]
    return tuple(made)
