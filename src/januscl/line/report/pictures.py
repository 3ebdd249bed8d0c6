"""Pictures for a page: what a model sees drawn over a photograph, crops, and data URIs.

Images are ``(H, W, 3) uint8`` RGB, masks ``(H, W) bool``. Small pictures are enlarged before
anything is drawn on them, so that outlines stay thin and smooth.
"""

from base64 import b64encode
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Image, Instances, Rle, box_of, decode_mask
from januscl.core.pictures import encode_jpeg
from januscl.line.report.sights import matches, shown

Colour = tuple[int, int, int]
FOUND: Colour = (38, 208, 124)
MISSED: Colour = (255, 221, 51)
EXTRA: Colour = (255, 84, 72)
NOVEL: Colour = (196, 140, 255)
_DARK: Colour = (20, 22, 26)
_DASH, _STRIPE = 15, 6
_THUMB, _ALIKE = 16, 20.0
_LEAST_CROP = 0.22


def fit(image: Image, side: int) -> Image:
    """Return the picture with its longer edge at ``side`` px, enlarged or reduced."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)


def data_uri(image: Image, side: int, quality: int = 84) -> str:
    """Return the picture as a JPEG in a ``data:`` URI, its longer edge at most ``side`` px."""
    if max(image.shape[:2]) > side:
        image = fit(image, side)
    return "data:image/jpeg;base64," + b64encode(encode_jpeg(image, quality)).decode()


def overlay(image: Image, seen: Instances, truth: Instances, side: int) -> Image:
    """Return the picture, fitted to ``side`` px, with what a model got right and wrong.

    What it found is filled in `FOUND`, what it missed has a dashed outline in `MISSED`, and what
    is no package is striped in `EXTRA`; the three differ without their colours too.
    """
    canvas = np.ascontiguousarray(fit(image, side))
    size = (canvas.shape[1], canvas.shape[0])
    those, taken = shown(seen), matches(seen, truth)
    for row, rle in enumerate(those.masks):
        _paint(canvas, _enlarged(decode_mask(rle), size), row in taken)
    for missed in np.flatnonzero(taken < 0):
        _dash(canvas, _enlarged(decode_mask(truth.masks[int(missed)]), size))
    return canvas


def crop_of(image: Image, mask: Rle, side: int, room: float = 1.4) -> Image:
    """Return the square around a mask, ``side`` px, with the mask's outline drawn on it.

    Args:
        image: The picture.
        mask: Of one instance in it.
        side: Of the result, px.
        room: Edge of the square in longer edges of the mask's box; around a small one there is
            more, and the square stays inside the picture.
    """
    decoded = decode_mask(mask)
    x0, y0, x1, y1 = box_of(decoded).tolist()
    least = _LEAST_CROP * min(image.shape[:2])
    edge = round(min(max(max(x1 - x0, y1 - y0) * room, least), *image.shape[:2]))
    left = round(min(max((x0 + x1 - edge) / 2, 0), image.shape[1] - edge))
    top = round(min(max((y0 + y1 - edge) / 2, 0), image.shape[0] - edge))
    part = (slice(top, top + edge), slice(left, left + edge))
    canvas = np.ascontiguousarray(fit(image[part], side))
    _outline(canvas, _enlarged(decoded[part], (side, side)), _DARK, 4)
    _outline(canvas, _enlarged(decoded[part], (side, side)), NOVEL, 2)
    return canvas


def distinct(images: Sequence[Image], count: int) -> tuple[Image, ...]:
    """Return at most ``count`` pictures that differ most, in their order, no two alike.

    The first one, and then always the one farthest from those chosen (Gonzalez, 1985, "Clustering
    to minimize the maximum intercluster distance"), by the mean difference of thumbnails.
    """
    if not images:
        return ()
    thumbs = np.stack([_thumbnail(image) for image in images])
    chosen = [0]
    nearest = np.abs(thumbs - thumbs[0]).mean(axis=(1, 2, 3))
    while len(chosen) < count and nearest.max() >= _ALIKE:
        chosen.append(int(nearest.argmax()))
        apart = np.abs(thumbs - thumbs[chosen[-1]]).mean(axis=(1, 2, 3))
        nearest = np.minimum(nearest, apart)
    return tuple(images[i] for i in sorted(chosen))


def _thumbnail(image: Image) -> NDArray[np.float32]:
    small = cv2.resize(image, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _enlarged(mask: BoolMask, size: tuple[int, int]) -> BoolMask:
    """Return the mask at ``size`` (W, H); between its pixels the outline is interpolated."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)
    grown = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown >= 0.5, dtype=np.bool_)


def _paint(canvas: Image, mask: BoolMask, found: bool) -> None:
    colour = FOUND if found else EXTRA
    filled = mask
    if not found:
        rows, columns = np.indices(mask.shape)
        filled = mask & ((rows + columns) // _STRIPE % 2 == 0)
    tint: NDArray[np.float64] = canvas[filled] * 0.55 + np.asarray(colour) * 0.45
    canvas[filled] = tint.astype(np.uint8)
    _outline(canvas, mask, colour, 2)


def _outline(canvas: Image, mask: BoolMask, colour: Colour, width: int) -> None:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, colour, width, cv2.LINE_AA)


def _dash(canvas: Image, mask: BoolMask) -> None:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for outline in outlines:
        for begin in range(0, len(outline), _DASH):
            piece = [outline[begin : begin + _DASH * 6 // 10]]
            cv2.polylines(canvas, piece, False, _DARK, 5, cv2.LINE_AA)
            cv2.polylines(canvas, piece, False, MISSED, 3, cv2.LINE_AA)
