"""Kernels that move pixels: image and id map go the same way, the image smoothly, ids exactly.

Each takes a scene and gives a new one; none changes its input.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.decks.scene import Ids, Scene, id_type

_GREY = (114, 114, 114)


def mirror(scene: Scene, horizontal: bool, vertical: bool) -> Scene:
    """Return the scene mirrored left to right, top to bottom, or both."""
    if not (horizontal or vertical):
        return scene
    code = -1 if horizontal and vertical else int(horizontal)
    return Scene(cv2.flip(scene.image, code), cv2.flip(scene.ids, code), scene.labels)


def affine(
    size: tuple[int, int], zoom: float, degrees: float, shift: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the matrix ``(2, 3)`` that zooms and turns about the centre, then shifts.

    Args:
        size: Rows and columns of the picture.
        zoom: Below 1 shrinks, above 1 enlarges.
        degrees: Anti-clockwise.
        shift: ``(x, y)`` px.
    """
    height, width = size
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, zoom)
    matrix[:, 2] += shift
    return np.asarray(matrix, dtype=np.float64)


def warp(scene: Scene, matrix: NDArray[np.float64]) -> Scene:
    """Return the scene under an affine map ``(2, 3)``; what comes into view is plain grey."""
    height, width = scene.ids.shape
    # OpenCV warps four channels in little more than half of its time for three.
    four = cv2.warpAffine(
        cv2.cvtColor(scene.image, cv2.COLOR_RGB2RGBA),
        matrix,
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderValue=(*_GREY, 255),
    )
    image = cv2.cvtColor(four, cv2.COLOR_RGBA2RGB)
    ids = cv2.warpAffine(scene.ids, matrix, (width, height), flags=cv2.INTER_NEAREST)
    return Scene(image, ids, scene.labels)


def mosaic(
    size: tuple[int, int],
    scenes: Sequence[Scene],
    split: tuple[int, int],
    corners: NDArray[np.float64],
) -> Scene:
    """Return one picture cut from four at their own scale.

    The composition is the mosaic of Bochkovskiy et al., "YOLOv4" (2020), section 3.4, without its
    resizing, so that packages keep their size in pixels.

    Args:
        size: Rows and columns of the result.
        scenes: Four: upper left, upper right, lower left, lower right.
        split: Row and column at which the four meet.
        corners: ``(4, 2)`` in 0..1: where in each scene the cut lies, of the room there is in
            rows and columns.
    """
    height, width = size
    image = np.full((height, width, 3), _GREY, dtype=np.uint8)
    ids = np.zeros((height, width), dtype=id_type(sum(len(s.labels) for s in scenes)))
    row, column = split
    spans = [(a, b) for a in (slice(0, row), slice(row, height)) for b in
             (slice(0, column), slice(column, width))]  # fmt: skip
    offset = 0
    for scene, (rows, columns), corner in zip(scenes, spans, corners, strict=True):
        cut = tuple(
            _cut(side, span.stop - span.start, float(share))
            for side, span, share in zip(scene.ids.shape, (rows, columns), corner, strict=True)
        )
        part = scene.ids[cut]
        place = (
            slice(rows.start, rows.start + part.shape[0]),
            slice(columns.start, columns.start + part.shape[1]),
        )
        image[place] = scene.image[cut]
        shifted = part.astype(ids.dtype)
        shifted[part > 0] += ids.dtype.type(offset)
        ids[place] = shifted
        offset += len(scene.labels)
    return Scene(image, ids, np.concatenate([scene.labels for scene in scenes]))


def _cut(side: int, wanted: int, share: float) -> slice:
    start = round(share * max(side - wanted, 0))
    return slice(start, start + min(wanted, side))


def paste(scene: Scene, donor: Scene, row: int, centre: tuple[int, int]) -> Scene:
    """Return the scene with one instance of another laid on top; what it covers shrinks.

    Simple copy-paste without blending, after Ghiasi et al., "Simple Copy-Paste is a Strong Data
    Augmentation Method for Instance Segmentation" (CVPR 2021), section 3.

    Args:
        scene: The picture that receives it.
        donor: The picture that gives it; of any size.
        row: Which of the donor's instances.
        centre: ``(x, y)`` px in ``scene`` of the middle of its box; parts that fall outside are
            cut off.
    """
    mask = donor.ids == row + 1
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    x, y = centre[0] - width // 2, centre[1] - height // 2
    target, source = [], []
    for side, at, origin, extent in zip(
        scene.ids.shape, (y, x), (top, left), (height, width), strict=True
    ):
        low, high = max(at, 0), min(at + extent, side)
        target.append(slice(low, max(high, low)))
        source.append(slice(origin + low - at, origin + max(high, low) - at))
    here, there = tuple(target), tuple(source)
    inside = mask[there]
    count = len(scene.labels) + 1
    ids: Ids = scene.ids.astype(id_type(count))
    image = scene.image.copy()
    ids[here][inside] = count
    image[here][inside] = donor.image[there][inside]
    return Scene(image, ids, np.append(scene.labels, donor.labels[row]))
