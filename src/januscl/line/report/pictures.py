"""Pictures for a page: instances drawn over a photograph, and pictures as data URIs.

Images are ``(H, W, 3) uint8`` RGB, masks ``(H, W) bool``. Small pictures are enlarged before
anything is drawn on them, so that outlines stay thin and smooth.
"""

from base64 import b64encode

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Image, Instances, decode_mask, mask_iou
from januscl.core.pictures import encode_jpeg

SHOWN_SCORE = 0.5
_TEXT_ROOM, _DASH = 20.0, 15
_PALETTE = (
    (64, 156, 255), (255, 159, 28), (74, 222, 128), (255, 92, 168), (250, 224, 60),
    (45, 212, 218), (181, 126, 255), (255, 99, 84), (163, 230, 53), (240, 171, 252),
    (217, 160, 102), (148, 190, 233),
)  # fmt: skip


def colour_of(kind: int) -> tuple[int, int, int]:
    """Return the RGB colour of a class id; the same id has the same colour on every page."""
    return _PALETTE[(kind - 1) % len(_PALETTE)]


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


def overlay(image: Image, instances: Instances, side: int, truth: Instances | None = None) -> Image:
    """Return the picture, fitted to ``side`` px, with its instances filled and outlined by kind.

    Instances with a score under `SHOWN_SCORE` are left out, as a robot leaves them out. A score
    under 1 is written where its mask has room for it.

    Args:
        image: The picture.
        instances: What a model saw in it, or the truth.
        side: Longer edge of the result, px.
        truth: Where it is known: what of it the model did not find gets a dashed outline.
    """
    canvas = np.ascontiguousarray(fit(image, side))
    shown = _shown(instances)
    size = (canvas.shape[1], canvas.shape[0])
    worst_first = np.argsort(shown.scores, kind="stable")
    masks = {int(row): _enlarged(decode_mask(shown.masks[row]), size) for row in worst_first}
    for row, mask in masks.items():
        _paint(canvas, mask, colour_of(int(shown.labels[row])))
    if truth is not None:
        for missed in np.flatnonzero(_matches(instances, truth) < 0):
            _dash(canvas, _enlarged(decode_mask(truth.masks[int(missed)]), size))
    for row, mask in masks.items():
        if shown.scores[row] < 1:
            _write(canvas, mask, f"{shown.scores[row]:.2f}")
    return canvas


def tally(seen: Instances, truth: Instances) -> tuple[int, int]:
    """Count the instances of the truth that a model found, and its instances that match none.

    Best score first, each instance takes the free truth of its own kind that it overlaps most,
    at an intersection over union of 0.5 or more.

    Returns:
        ``(right, wrong)``.
    """
    right = int((_matches(seen, truth) >= 0).sum())
    return right, len(_shown(seen)) - right


def _matches(seen: Instances, truth: Instances) -> NDArray[np.int64]:
    """Return for each truth the row of the shown instance that matches it, or -1."""
    shown = _shown(seen)
    overlap = mask_iou(shown.masks, truth.masks)
    overlap[shown.labels[:, None] != truth.labels[None, :]] = 0
    taken = np.full(len(truth), -1, dtype=np.int64)
    for row in np.argsort(-shown.scores, kind="stable"):
        if len(truth) and overlap[row].max() >= 0.5:
            best = overlap[row].argmax()
            taken[best] = row
            overlap[:, best] = 0
    return taken


def _shown(instances: Instances) -> Instances:
    return instances.only(instances.scores >= SHOWN_SCORE)


def _enlarged(mask: BoolMask, size: tuple[int, int]) -> BoolMask:
    """Return the mask at ``size`` (W, H); between its pixels the outline is interpolated."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)
    grown = cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown >= 0.5, dtype=np.bool_)


def _paint(canvas: Image, mask: BoolMask, colour: tuple[int, int, int]) -> None:
    tint: NDArray[np.float64] = canvas[mask] * 0.68 + np.asarray(colour) * 0.32
    canvas[mask] = tint.astype(np.uint8)
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outlines, -1, colour, 2, cv2.LINE_AA)


def _dash(canvas: Image, mask: BoolMask) -> None:
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for outline in outlines:
        for begin in range(0, len(outline), _DASH):
            piece = [outline[begin : begin + _DASH * 6 // 10]]
            cv2.polylines(canvas, piece, False, (20, 22, 26), 4, cv2.LINE_AA)
            cv2.polylines(canvas, piece, False, (255, 255, 255), 2, cv2.LINE_AA)


def _write(canvas: Image, mask: BoolMask, text: str) -> None:
    padded = np.pad(mask.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    if depth.max(initial=0) < _TEXT_ROOM:
        return
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.52
    (width, height), _ = cv2.getTextSize(text, font, size, 1)
    left, base = int(x) - width // 2, int(y) + height // 2
    corners = ((left - 3, base - height - 3), (left + width + 3, base + 4))
    cv2.rectangle(canvas, corners[0], corners[1], (20, 22, 26), cv2.FILLED)
    cv2.putText(canvas, text, (left, base), font, size, (255, 255, 255), 1, cv2.LINE_AA)
