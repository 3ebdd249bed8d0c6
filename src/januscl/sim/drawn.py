"""Pictures of things that nobody named, composed in two dimensions: thousands a minute.

Each is a ground with things lying on it, over each other: an outline, a print, a body that is flat,
domed or upright, its shadow, one lamp; then a lens and a sensor. No physics and no third dimension;
what it is for is variety (domain randomisation: Tobin et al., IROS 2017; and for instance masks of
unknown things, Danielczuk et al., ICRA 2019).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import IdMap, Image, Instances, LabelledFrame, encode_mask, new_id
from januscl.sim.outlines import Outline, draw_family, draw_outline
from januscl.sim.packages import LEAST_PIXELS, LEAST_SHARE
from januscl.sim.prints import Print, draw_colour, draw_print, noise

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_FINE = 8  # fractional bits of OpenCV's polygon corners
Rng = np.random.Generator
Field = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Light:
    """One lamp: where its light comes from in the picture, and how hard its shadows are.

    Attributes:
        way: ``(3,)`` unit vector to the lamp; x right, y down, z to the camera.
        ambient: Share of light that comes from everywhere.
        shadow: Darkness of a shadow in 0..1.
        soft: Blur of a shadow as a share of the thing's size.
    """

    way: NDArray[np.float64]
    ambient: float
    shadow: float
    soft: float

    @classmethod
    def drawn(cls, rng: Rng) -> "_Light":
        flat = rng.normal(size=2)
        way = np.array((*(flat / np.linalg.norm(flat) * rng.uniform(0.2, 1.2)), 1.0))
        return cls(
            way / np.linalg.norm(way), rng.uniform(0.25, 0.8), rng.uniform(0.1, 0.8),
            rng.uniform(0.03, 0.2),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Manner:
    """What the things of one picture have in common.

    Attributes:
        size: Half their usual length in px.
        spread: Of the sizes, as the deviation of their logarithm.
        family: Of their outlines; None when each has its own.
        colour: That all are close to; None when each has its own.
        bold: Contrast of their prints.
        upright: Where the tops of upright things are shifted to, px for each px of size.
        domed: Most height of a dome.
    """

    size: float
    spread: float
    family: int | None
    colour: NDArray[np.float32] | None
    bold: float
    upright: NDArray[np.float64]
    domed: float

    @classmethod
    def drawn(cls, rng: Rng, picture: int) -> "_Manner":
        alike = rng.random() < 0.3
        return cls(
            size=picture * float(np.exp(rng.uniform(np.log(0.05), np.log(0.25)))),
            spread=rng.uniform(0.1, 0.5),
            family=draw_family(rng) if alike else None,
            colour=draw_colour(rng) if rng.random() < 0.25 else None,
            bold=rng.uniform(0.1, 1.0),
            upright=rng.normal(0, 0.25, 2),
            domed=rng.uniform(0, 1.5),
        )


def make_drawn(count: int, seed: int, label: int, size: int = 192) -> Iterator[LabelledFrame]:
    """Yield composed pictures with their truth. The k-th depends on ``seed``, ``size`` and k alone.

    Things of which fewer than `LEAST_PIXELS` pixels or less than `LEAST_SHARE` are seen are left
    out of the truth, as in `make_labelled`.

    Args:
        count: How many.
        seed: Of everything.
        label: Class id of every thing.
        size: Side of the square picture in px.
    """
    for number in range(count):
        rng = np.random.default_rng((seed, number, size))
        canvas, ids, alone = _composed(rng, size)
        pixels = np.bincount(ids.ravel(), minlength=len(alone) + 1)[1:]
        enough = (pixels >= LEAST_PIXELS) & (pixels >= LEAST_SHARE * np.asarray(alone))
        masks = [encode_mask(ids == k + 1) for k in np.flatnonzero(enough)]
        entropy = sha256(f"drawn {seed} {number} {size}".encode()).digest()[:10]
        frame_id = new_id(_EPOCH + timedelta(seconds=number), entropy)
        truth = Instances.of_masks(masks, [label] * len(masks))
        yield LabelledFrame(frame_id, _taken(canvas, rng), truth)


def _composed(rng: Rng, size: int) -> tuple[Print, IdMap, list[int]]:
    """Return colours, ids ``(S, S)`` and how many pixels each thing fills alone."""
    light, manner = _Light.drawn(rng), _Manner.drawn(rng, size)
    canvas = _ground(rng, size, light)
    ids = np.zeros((size, size), np.int32)
    alone: list[int] = []
    room = (size / manner.size / 2) ** 2
    count = int(np.clip(rng.uniform(0.15, 1.5) * room, 1, 60))
    centre, reach = rng.uniform(0.35, 0.65, 2) * size, size * rng.uniform(0.2, 0.5)
    piled = rng.random() < 0.5
    for _ in range(count):
        spot = rng.normal(0, 0.5, 2) if piled else rng.uniform(-1, 1, 2)
        at = centre + reach * spot
        half = manner.size * float(np.exp(rng.normal(0, manner.spread)))
        mask = _lay(canvas, rng, at, half, manner, light)
        ids[mask] = len(alone) + 1
        alone.append(int(np.count_nonzero(mask)))
    return canvas, ids, alone


def _ground(rng: Rng, size: int, light: _Light) -> Print:
    """Return what the things lie on: a plain or printed ground, often a bin or mat upon it."""
    canvas = draw_print(rng, size, size, draw_colour(rng), rng.uniform(0.1, 0.8))
    for _ in range(int(rng.integers(0, 3))):
        middle, half = rng.uniform(0.4, 0.6, 2) * size, rng.uniform(0.3, 0.55, 2) * size
        angle = float(np.degrees(rng.normal(0, 0.15)))
        corners = cv2.boxPoints((tuple(middle), tuple(2 * half), angle))
        inside = _filled(corners.astype(np.float64), size)
        rim = cv2.GaussianBlur(inside, (0, 0), size * rng.uniform(0.005, 0.04))
        floor = draw_print(rng, size, size, draw_colour(rng), rng.uniform(0.1, 0.6))
        canvas += inside[..., None] * (floor - canvas)
        # A wall's shadow along the inner edge, or a raised lip.
        depth = np.float32(rng.uniform(-0.2, 1.2) * light.shadow)
        canvas *= (1 - depth * inside * (1 - rim) * 2).clip(0.1, 1.5)[..., None]
    return canvas


def _filled(corners: Outline, size: int) -> Field:
    """Return the cover ``(S, S) float32`` in 0..1 of a polygon with corners in px."""
    out = np.zeros((size, size), np.uint8)
    fixed = np.round(corners * 2**_FINE).astype(np.int32)
    cv2.fillPoly(out, [fixed], (255,), lineType=cv2.LINE_AA, shift=_FINE)
    return out.astype(np.float32) / np.float32(255)


def _lay(
    canvas: Print, rng: Rng, at: NDArray[np.float64], half: float, manner: _Manner, light: _Light
) -> NDArray[np.bool_]:
    """Draw one thing with its shadow onto the canvas; return its pixels ``(S, S) bool``."""
    size = canvas.shape[0]
    outline = draw_outline(rng, manner.family) * half
    lift = manner.upright * half * rng.uniform(0.2, 2) if rng.random() < 0.4 else np.zeros(2)
    margin = int(half * 1.1 + np.abs(lift).max() + 0.35 * half) + 3
    low = np.floor(at).astype(int) - margin
    window = 2 * margin + 1
    cover, body = _body(rng, outline + (at - low), lift, window, manner, light)
    rows, columns = (slice(max(0, v), max(0, min(size, v + window))) for v in (low[1], low[0]))
    inner = (
        slice(rows.start - low[1], rows.stop - low[1]),
        slice(columns.start - low[0], columns.stop - low[0]),
    )
    mask = np.zeros((size, size), np.bool_)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return mask
    part = canvas[rows, columns]
    part *= 1 - _shadow(cover, half, light)[inner][..., None]
    clear = rng.uniform(0.3, 0.8) if rng.random() < 0.04 else 1.0
    part += (cover[inner] * np.float32(clear))[..., None] * (body[inner] - part)
    mask[rows, columns] = cover[inner] > 0.5
    return mask


def _shadow(cover: Field, half: float, light: _Light) -> Field:
    """Return how much darker the ground gets: a cast shadow and the dark line of contact."""
    shift = -light.way[:2] * half * 0.3
    moved = cv2.warpAffine(cover, np.array([(1, 0, shift[0]), (0, 1, shift[1])]), cover.shape[::-1])
    cast = cv2.GaussianBlur(moved, (0, 0), max(0.6, light.soft * half))
    contact = cv2.GaussianBlur(cover, (0, 0), max(0.6, 0.06 * half))
    return np.asarray(light.shadow * np.maximum(cast, 0.7 * contact), dtype=np.float32)


def _body(
    rng: Rng,
    outline: Outline,
    lift: NDArray[np.float64],
    window: int,
    manner: _Manner,
    light: _Light,
) -> tuple[Field, Print]:
    """Return a thing's cover ``(W, W)`` and colours ``(W, W, 3)``, sides before top."""
    base = draw_colour(rng, manner.colour)
    cover, side = np.zeros((window, window), np.float32), np.zeros((window, window), np.float32)
    if np.abs(lift).max() > 0.5:
        cover, side = _sides(outline, lift, window, light)
    top = _filled(outline + lift, window)
    shade = light.ambient + (1 - light.ambient) * light.way[2]
    dome = _dome(rng, top, manner, light) if rng.random() < 0.7 else top * shade
    brightness = np.where(top >= 0.5, dome, side)
    colours = draw_print(rng, window, window, base, manner.bold)
    if rng.random() < 0.3:
        _label(rng, colours, outline + lift)
    shone = colours * brightness[..., None]
    if rng.random() < 0.25:
        shine = np.clip(dome - np.quantile(dome[top > 0.5], 0.9), 0, 1) if top.max() > 0.5 else dome
        shone += (top * shine * rng.uniform(0.5, 4))[..., None].astype(np.float32)
    return np.maximum(cover, top), np.clip(shone, 0, 1).astype(np.float32)


def _sides(
    outline: Outline, lift: NDArray[np.float64], window: int, light: _Light
) -> tuple[Field, Field]:
    """Return cover and brightness of the walls between an outline and its lifted copy."""
    cover, side = np.zeros((window, window), np.float32), np.zeros((window, window), np.float32)
    ends = np.roll(outline, -1, axis=0)
    for start, end in zip(outline, ends, strict=True):
        edge = end - start
        normal = np.array((edge[1], -edge[0])) / max(float(np.hypot(*edge)), 1e-6)
        lit = light.ambient * 0.7 + (1 - light.ambient) * max(0.0, float(normal @ light.way[:2]))
        wall = np.round(np.stack((start, end, end + lift, start + lift)) * 2**_FINE)
        cv2.fillConvexPoly(cover, wall.astype(np.int32), (1.0,), shift=_FINE)
        cv2.fillConvexPoly(side, wall.astype(np.int32), (lit,), shift=_FINE)
    return cover, side


def _dome(rng: Rng, top: Field, manner: _Manner, light: _Light) -> Field:
    """Return the brightness of a face that rises from its edge, even or lumpy."""
    solid = (top > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    deepest = max(float(depth.max()), 1.0)
    round_ = rng.uniform(0.15, 1.0)
    rise = np.sqrt(1 - np.square(1 - np.clip(depth / (deepest * round_), 0, 1))) * deepest
    height = cv2.GaussianBlur(rise * np.float32(manner.domed), (0, 0), 0.8)
    if rng.random() < 0.4:
        lumps = noise(rng, top.shape[0], top.shape[1], rng.uniform(3, 20), 2)
        height += lumps * np.float32(deepest * rng.uniform(0.1, 0.8))
    x = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3) / 8
    y = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) / 8
    lit = (light.way[2] - x * light.way[0] - y * light.way[1]) / np.sqrt(1 + x * x + y * y)
    return np.asarray(light.ambient + (1 - light.ambient) * np.clip(lit, 0, 1), dtype=np.float32)


def _label(rng: Rng, colours: Print, outline: Outline) -> None:
    """Stick something printed onto a thing: an edge inside it that is no edge of it."""
    window = colours.shape[0]
    middle = outline.mean(axis=0)
    spot = draw_outline(rng, int(rng.integers(2))) * np.ptp(outline, axis=0).min()
    inside = _filled(middle + spot * rng.uniform(0.12, 0.35), window)
    sticker = draw_print(rng, window, window, draw_colour(rng))
    colours += inside[..., None] * (sticker - colours)


def _taken(canvas: Print, rng: Rng) -> Image:
    """Return the 8-bit picture that a lens and a sensor make of colours ``(S, S, 3)``."""
    size = canvas.shape[0]
    uneven = 1 + noise(rng, size, size, 2) * np.float32(rng.uniform(0, 0.8))
    lit = canvas * uneven[..., None] * rng.normal(1, 0.08, 3).astype(np.float32)
    lit = np.clip(lit * np.float32(rng.uniform(0.6, 1.3)), 0, 1) ** np.float32(
        rng.uniform(0.6, 1.4)
    )
    if rng.random() < 0.5:
        lit = cv2.GaussianBlur(lit, (0, 0), rng.uniform(0.3, 1.3))
    grain = rng.standard_normal(lit.shape, dtype=np.float32) * np.float32(rng.uniform(0, 9))
    image = np.clip(lit * 255 + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = int(rng.integers(25, 90))
        packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), dtype=np.uint8)
    return image
