"""From a mask inside a box to run lengths in the picture, touching only the box's pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import Rle

FloatArray = NDArray[np.float32]


def paste(probability: FloatArray, box: FloatArray, height: int, width: int) -> Rle | None:
    """Resample a mask to its box and cut it at one half.

    Args:
        probability: ``(M, M) float32`` inside the box.
        box: ``(4,) float32`` xyxy px in the picture.
        height: Rows of the picture.
        width: Columns of the picture.

    Returns:
        The mask at the picture's size, or None when no pixel is inside.
    """
    x0, y0 = max(0, int(np.floor(box[0]))), max(0, int(np.floor(box[1])))
    x1, y1 = min(width, int(np.ceil(box[2]))), min(height, int(np.ceil(box[3])))
    if x1 <= x0 or y1 <= y0:
        return None
    cells = probability.shape[0]
    scale_x, scale_y = cells / (box[2] - box[0]), cells / (box[3] - box[1])
    # Pixel and cell centres lie at .5; the border cell is repeated outwards.
    to_cell = np.array(
        [
            [scale_x, 0, (x0 + 0.5 - box[0]) * scale_x - 0.5],
            [0, scale_y, (y0 + 0.5 - box[1]) * scale_y - 0.5],
        ],
        dtype=np.float64,
    )
    crop = cv2.warpAffine(
        probability,
        to_cell,
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    inside = crop >= 0.5
    return crop_to_rle(inside, x0, y0, height, width) if inside.any() else None


def crop_to_rle(crop: NDArray[np.bool_], x0: int, y0: int, height: int, width: int) -> Rle:
    """Return the run lengths of a mask that is ``crop`` at (x0, y0) and empty elsewhere."""
    rows, columns = crop.shape
    walled = np.zeros((columns, rows + 2), dtype=np.int8)
    walled[:, 1:-1] = crop.T
    steps = np.diff(walled, axis=1)
    column, row = np.nonzero(steps)  # starts and ends of vertical runs, in turn
    at = (column + x0) * height + row + y0
    starts, ends = at[::2], at[1::2]
    # A run that ends at the last row goes on where the next column starts at the first.
    apart = starts[1:] != ends[:-1]
    starts = starts[np.concatenate(([True], apart))]
    ends = ends[np.concatenate((apart, [True]))]
    bounds = np.stack((starts, ends), axis=1).ravel()
    counts = np.diff(bounds, prepend=0, append=height * width)
    if counts[-1] == 0:
        counts = counts[:-1]
    return Rle(height, width, counts.astype(np.int64))
