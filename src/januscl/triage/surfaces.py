"""Where one surface ends and the next begins, by depth and colour."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Depth, Image

_STEP = 0.003  # metres between neighbouring pixels, beyond what the slope there explains
_CREASE = 25.0  # degrees between the normals on both sides
_VALLEY = 0.001  # metres that the middle lies below both sides together
_COLOUR = 20.0  # levels of L*a*b* a pixel
_WEAK = 0.8  # mean strength of a border below which two surfaces are one
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))

Strength = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Edges:
    """How strongly a surface ends at each pixel, ``(H, W) float32``; from 1 on it does.

    Attributes:
        depth: By a step or a valley in depth; 0 where there is no depth camera.
        colour: By a change of colour. Labels and tape end in colour and not in depth.
    """

    depth: Strength
    colour: Strength


def measured(depth: Depth) -> BoolMask:
    """Return where a depth map ``(H, W)`` has no hole of 0, NaN or infinity."""
    return np.asarray(np.isfinite(depth) & (depth > 0))


def find_edges(image: Image, depth: Depth | None, field_of_view: float) -> Edges:
    """Find where surfaces end in a frame.

    Args:
        image: ``(H, W, 3) uint8`` RGB.
        depth: ``(H, W) float32`` metres; holes of 0, NaN and infinity end every surface.
        field_of_view: Of the picture's width, degrees.
    """
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.0), cv2.COLOR_RGB2LAB).astype(np.float32)
    across, down = _slopes(lab, 0.25)
    colour = np.sqrt((across**2 + down**2).sum(axis=2)) / _COLOUR
    if depth is None:
        return Edges(np.zeros(colour.shape, np.float32), colour)
    solid = measured(depth)
    metres = np.where(solid, depth, 0).astype(np.float32)
    ends = np.maximum(_steps(metres), _steps(metres.T).T) / _STEP
    ends = np.maximum(ends, _creases(metres, field_of_view) / _CREASE)
    holes = cv2.dilate((~solid).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return Edges(np.where(holes, 2.0, ends).astype(np.float32), colour)


def parts_of(inside: BoolMask, strength: Strength) -> list[BoolMask]:
    """Return the surfaces that a mask ``(H, W)`` falls into, the largest first.

    A watershed on the strength of the edges, of which neighbours are put together again, weakest
    border first, while the mean strength along it is low: an edge that is broken here and there
    still divides, and one that ends inside a surface does not.
    """
    calm = cv2.distanceTransform((inside & (strength < 0.6)).astype(np.uint8), cv2.DIST_L2, 3)
    peaks = (calm >= 2) & (calm == cv2.dilate(calm, np.ones((5, 5), np.uint8)))
    count, labels = cv2.connectedComponents(peaks.astype(np.uint8))
    if count <= 2:
        return [inside]
    outside = cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    labels[outside] = count
    levels = np.clip(strength * 60, 0, 255).astype(np.uint8)
    labels = cv2.watershed(cv2.merge([levels] * 3), labels)
    labels[(labels < 0) | (labels == count) | ~inside] = 0
    for _ in range(2):  # the lines between the basins belong to them
        grown = cv2.dilate(labels.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
        labels = np.where((labels == 0) & inside, grown, labels)
    owner = _joined(labels, strength, count)
    found = [inside & (owner[labels] == part) for part in np.unique(owner[labels[inside]])]
    return sorted(found, key=lambda part: -int(part.sum()))


def grown(mask: BoolMask, blocked: BoolMask, reach: int) -> BoolMask:
    """Return where the surfaces under a mask go on, up to ``reach`` px, without crossing an edge.

    Args:
        mask: ``(H, W)``.
        blocked: ``(H, W)``, true at edges and where nothing stands.
        reach: Steps of a pixel.
    """
    free = (~blocked).astype(np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
    front = inner & free
    for _ in range(reach):
        further = cv2.dilate(front, _DISC) & free
        if np.array_equal(further, front):
            break
        front = further
    return np.asarray(front > 0)


def wider(where: BoolMask, side: int) -> BoolMask:
    """Return a mask ``(H, W)`` and what lies in a square of ``side`` px about any of it."""
    return np.asarray(cv2.dilate(where.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def _joined(labels: NDArray[np.int32], strength: Strength, count: int) -> NDArray[np.int64]:
    """Return for each basin the part that it belongs to, ``(count + 1,)``."""
    total, length = np.zeros((count + 1, count + 1)), np.zeros((count + 1, count + 1))
    for left, right, ends in (
        (labels[:, :-1], labels[:, 1:], np.maximum(strength[:, :-1], strength[:, 1:])),
        (labels[:-1], labels[1:], np.maximum(strength[:-1], strength[1:])),
    ):
        meet = (left != right) & (left > 0) & (right > 0)
        pair = np.minimum(left, right)[meet], np.maximum(left, right)[meet]
        np.add.at(total, pair, np.minimum(ends[meet], 2.0))
        np.add.at(length, pair, 1)
    owner = np.arange(count + 1)
    while length.any():
        mean = np.divide(total, length, out=np.full_like(total, np.inf), where=length > 0)
        a, b = np.unravel_index(int(mean.argmin()), mean.shape)
        if mean[a, b] >= _WEAK:
            break
        owner[owner == b] = a
        for table in (total, length):
            table[a] += table[b]
            table[:, a] += table[:, b]
            table[b] = table[:, b] = 0
            table[:] = np.triu(table) + np.tril(table, -1).T
            table[a, a] = 0
    return owner


def _steps(metres: Strength) -> Strength:
    """Return the jump to the next column beyond the slope on its calmer side, metres."""
    jump = np.diff(metres, axis=1)
    before = np.pad(jump, ((0, 0), (1, 0)), mode="edge")[:, :-1]
    after = np.pad(jump, ((0, 0), (0, 1)), mode="edge")[:, 1:]
    beyond = np.minimum(np.abs(jump - before), np.abs(jump - after))
    steps = np.zeros_like(metres)
    steps[:, :-1] = beyond
    steps[:, 1:] = np.maximum(steps[:, 1:], beyond)
    return steps


def _creases(metres: Strength, field_of_view: float) -> Strength:
    """Return the angle between the normals two pixels to either side of a valley, degrees.

    A ridge is 0: packages are convex, so that what meets in a ridge is one of them, and what meets
    in a valley is two.
    """
    pixel = metres * (2 * np.tan(np.radians(field_of_view / 2)) / metres.shape[1])
    smooth = cv2.bilateralFilter(metres, 5, 0.006, 2)
    across, down = _slopes(smooth, 0.125)
    normals = np.dstack((-across, -down, np.maximum(pixel, 1e-6)))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    angle = np.zeros_like(metres)
    for axis in (0, 1):
        before, after = np.roll(normals, 2, axis), np.roll(normals, -2, axis)
        turned = np.degrees(np.arccos(np.clip((before * after).sum(axis=2), -1, 1)))
        sides = np.roll(smooth, 2, axis) + np.roll(smooth, -2, axis)
        valley = 2 * smooth - sides > _VALLEY
        angle = np.maximum(angle, np.where(valley, turned, 0))
    angle[:2], angle[-2:], angle[:, :2], angle[:, -2:] = 0, 0, 0, 0
    return np.asarray(angle, dtype=np.float32)


def _slopes(values: Strength, scale: float) -> tuple[Strength, Strength]:
    return (
        np.asarray(cv2.Sobel(values, cv2.CV_32F, 1, 0, ksize=3, scale=scale)),
        np.asarray(cv2.Sobel(values, cv2.CV_32F, 0, 1, ksize=3, scale=scale)),
    )
