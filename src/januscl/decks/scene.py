"""A picture with its truth as one id map: what the kernels work on.

Visible masks do not overlap, so one map holds them all and one warp moves them all. Letters in
comments: H rows, W columns, N instances, R runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import Image, Instances, InvalidInput, LabelledFrame, Rle, id_map_of

Ids = NDArray[np.unsignedinteger[Any]]
"""An id map ``(H, W)`` as uint8 or uint16, the types that OpenCV warps fast."""

_MOST = 65_535


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and its id map.

    Attributes:
        image: ``(H, W, 3) uint8`` RGB.
        ids: ``(H, W)`` uint8 or uint16: 0 for background, k for row k - 1 of `labels`.
        labels: ``(N,) int64`` class ids. A row may have no pixel left in `ids`.
    """

    image: Image
    ids: Ids
    labels: NDArray[np.int64]


def scene_of(frame: LabelledFrame) -> Scene:
    """Return the frame with its masks merged into an id map; see `ids_of`."""
    height, width = frame.image.shape[:2]
    return Scene(frame.image, ids_of(frame.truth.masks, height, width), frame.truth.labels)


def id_type(count: int) -> "type[np.unsignedinteger[Any]]":
    """Return the smallest id type for ``count`` instances."""
    if count > _MOST:
        raise InvalidInput(
            "masks of one frame", f"at most {_MOST}", f"{count}", "Split the picture into tiles."
        )
    return np.uint8 if count < 256 else np.uint16


def ids_of(masks: Sequence[Rle], height: int, width: int) -> Ids:
    """Merge masks into an id map ``(H, W)``; where masks overlap the later one wins.

    Masks that do not overlap are written in one pass over their sorted runs.

    Raises:
        InvalidInput: A mask has another size than ``(height, width)``.
    """
    dtype = id_type(len(masks))
    if not masks or any((rle.height, rle.width) != (height, width) for rle in masks):
        return id_map_of(masks, height, width).astype(dtype)
    starts = np.concatenate([np.cumsum(m.counts)[::2][: m.counts.size // 2] for m in masks])
    lengths = np.concatenate([m.counts[1::2] for m in masks])
    owners = np.repeat(np.arange(1, len(masks) + 1), [m.counts.size // 2 for m in masks])
    order = np.argsort(starts, kind="stable")
    starts, lengths = starts[order], lengths[order]
    ends = starts + lengths
    if (starts[1:] < ends[:-1]).any():
        return id_map_of(masks, height, width).astype(dtype)
    values = np.zeros(2 * starts.size + 1, dtype=dtype)
    values[1::2] = owners[order]
    counts = np.empty(values.size, dtype=np.int64)
    counts[1::2] = lengths
    counts[::2] = np.append(starts, height * width) - np.append(0, ends)
    columns = np.repeat(values, counts).reshape(width, height)
    return np.asarray(cv2.transpose(columns), dtype=dtype)


def instances_of(ids: Ids, labels: NDArray[np.int64], min_pixels: int = 1) -> Instances:
    """Return the certain instances (score 1) that an id map shows, in the order of their ids.

    One pass over the map's runs gives all masks and boxes; an instance with fewer than
    ``min_pixels`` pixels is left out.

    Args:
        ids: ``(H, W)``, 0 for background, k for row k - 1 of ``labels``.
        labels: ``(N,) int64`` class ids.
        min_pixels: Visible pixels that an instance needs.
    """
    height, width = ids.shape
    flat = cv2.transpose(ids).reshape(-1)
    starts = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
    lengths = np.diff(np.append(starts, flat.size))
    owners = flat[starts]
    order = np.argsort(owners, kind="stable")
    order = order[np.searchsorted(owners[order], 1) :]
    if order.size == 0:
        return Instances.empty()
    starts, lengths, owners = starts[order], lengths[order], owners[order]
    present, first = np.unique(owners, return_index=True)
    areas = np.add.reduceat(lengths, first)
    kept = areas >= max(min_pixels, 1)
    cuts = np.append(first, starts.size)
    masks = [
        _rle(starts[a:b], lengths[a:b], height, width)
        for a, b in zip(cuts[:-1][kept].tolist(), cuts[1:][kept].tolist(), strict=True)
    ]
    return Instances(
        tuple(masks),
        _boxes(starts, lengths, first, height)[kept],
        np.ones(len(masks), dtype=np.float32),
        labels[present[kept].astype(np.int64) - 1],
    )


def _rle(starts: NDArray[np.int64], lengths: NDArray[np.int64], height: int, width: int) -> Rle:
    bounds = np.empty(2 * starts.size + 2, dtype=np.int64)
    bounds[0], bounds[-1] = 0, height * width
    bounds[1:-1:2], bounds[2:-1:2] = starts, starts + lengths
    counts = np.diff(bounds)
    return Rle(height, width, counts if counts[-1] else counts[:-1])


def _boxes(
    starts: NDArray[np.int64], lengths: NDArray[np.int64], first: NDArray[np.intp], height: int
) -> NDArray[np.float32]:
    left, top = np.divmod(starts, height)
    right = (starts + lengths - 1) // height + 1
    bottom = top + lengths
    # A run that goes on in the next column touches the lower edge of one and the top of the next.
    wraps = bottom > height
    top, bottom = np.where(wraps, 0, top), np.where(wraps, height, bottom)
    low, high = np.minimum.reduceat, np.maximum.reduceat
    corners = (low(left, first), low(top, first), high(right, first), high(bottom, first))
    return np.stack(corners, axis=1).astype(np.float32)


def resize_frame(frame: LabelledFrame, height: int, width: int) -> LabelledFrame:
    """Return the frame at another size, image by area or linearly and masks by nearest pixel.

    Instances that lose their last pixel leave the truth; overlapping masks are flattened, the
    later one on top.
    """
    scene = scene_of(frame)
    smaller = height * width < scene.ids.size
    image = cv2.resize(
        frame.image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    ids = cv2.resize(scene.ids, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return LabelledFrame(frame.id, image, instances_of(ids, scene.labels))
