"""A picture at the sizes at which the health of its camera is read."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Image, Instances

_LARGEST = 240
_MARGIN = 5  # px of the small picture, across: soft shadows and loose masks


@dataclass(frozen=True, eq=False)
class View:
    """One picture, made smaller by averaging, which is what keeps its reading cheap.

    Attributes:
        image: ``(H, W, 3) uint8`` RGB, as it came.
        gray: ``(H, W) uint8``; alone keeps the sensor's noise.
        work: ``(2h, 2w) uint8``, averaged over `step` px, so that no side is over 240 px; for
            what is fine.
        small: ``(h, w) uint8``, averaged over two px of `work`; for all else.
        step: Px of the picture to one of `work`, a power of two.
    """

    image: Image
    gray: NDArray[np.uint8]
    work: NDArray[np.uint8]
    small: NDArray[np.uint8]
    step: int


def view_of(image: Image) -> View:
    """Return the view of a picture ``(H, W, 3) uint8`` RGB."""
    step = step_of(image.shape[0], image.shape[1])
    rows, columns = small_shape(image.shape[0], image.shape[1])
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    whole = gray[: 2 * step * rows, : 2 * step * columns]
    work = whole
    # To halve twice is several times faster than to average over four px at once.
    while work.shape[0] > 2 * rows:
        work = _halved(work)
    return View(image, gray, work, _halved(work), step)


def step_of(height: int, width: int) -> int:
    """Return `View.step` of pictures of a size."""
    return 1 << (-(-max(height, width) // _LARGEST) - 1).bit_length()


def small_shape(height: int, width: int) -> tuple[int, int]:
    """Return the rows and columns of `View.small` of pictures of a size."""
    apart = 2 * step_of(height, width)
    return max(1, height // apart), max(1, width // apart)


def hidden_small(instances: Instances, height: int, width: int) -> BoolMask:
    """Return where the instances that count are, and a margin, in `View.small` ``(h, w)``.

    Args:
        instances: Those scored under `HALFWAY_SURE` are left out, as they are often no package;
            but not what is unexplained, which stands there whatever it is.
        height: Rows of the frame.
        width: Its columns.
    """
    rows, columns = small_shape(height, width)
    apart = 2 * step_of(height, width)
    counted = [instances.masks[row].counts for row in instances.counted().tolist()]
    ends = [np.cumsum(counts) for counts in counted]
    # Runs alternate from what is outside a mask to what is inside.
    begun = [e[0::2][: e[1::2].size] for e in ends]
    bounds = np.concatenate([*begun, *(e[1::2] for e in ends), np.zeros(0, np.int64)])
    before = _samples_before(bounds, height, apart, rows, columns)
    half, most = before.size // 2, rows * columns + 1
    steps = np.bincount(before[:half], minlength=most) - np.bincount(before[half:], minlength=most)
    union = (np.cumsum(steps[:-1]) > 0).reshape((rows, columns), order="F")
    kernel = np.ones((_MARGIN, _MARGIN), dtype=np.uint8)
    return np.asarray(cv2.dilate(union.astype(np.uint8), kernel), dtype=np.bool_)


def _samples_before(
    index: NDArray[np.int64], height: int, apart: int, rows: int, columns: int
) -> NDArray[np.int64]:
    """Return how many sampled pixels, in column-major order, come before each index.

    One pixel in each square of ``apart`` px is sampled, so that masks need not be drawn whole.
    """
    middle = apart // 2
    column, row = np.divmod(index, height)
    whole = np.clip(-((middle - column) // apart), 0, columns)
    sampled = (column % apart == middle) & (column // apart < columns)
    within = np.clip(-((middle - row) // apart), 0, rows)
    return np.asarray(whole * rows + np.where(sampled, within, 0))


def _halved(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = max(1, gray.shape[1] // 2), max(1, gray.shape[0] // 2)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA))
