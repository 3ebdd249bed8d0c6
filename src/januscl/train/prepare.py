"""Pictures and labels in the form that the network takes.

A picture of any size is resized so that its longer side is S px and laid into the upper left
corner of an S x S square of zeros ("letterbox"). Letters: B pictures, N instances, S input px.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from januscl.core import (
    Image,
    Instances,
    InvalidInput,
    LabelledFrame,
    Rle,
    Taxonomy,
    decode_mask,
    encode_mask,
)
from januscl.core.masks import check_sizes

MEAN, SCALE = 110.0, 60.0
"""Grey level and contrast that bring ordinary 8-bit pictures to about zero mean, unit spread."""


def check_kinds(taxonomy: Taxonomy) -> None:
    """Raise `InvalidInput` where there is no kind to name."""
    if not len(taxonomy):
        raise InvalidInput("taxonomy", "at least one kind", "none", "Add a kind first.")


def check_image(image: Image, thing: str) -> None:
    """Raise `InvalidInput` unless ``image`` is ``(H, W, 3) uint8`` with at least one pixel."""
    if (
        not isinstance(image, np.ndarray)
        or image.ndim != 3
        or image.shape[2] != 3
        or image.dtype != np.uint8
        or image.size == 0
    ):
        found = f"{getattr(image, 'shape', type(image))} {getattr(image, 'dtype', '')}"
        raise InvalidInput(
            thing,
            "(H, W, 3) uint8 RGB",
            found,
            "Decode files with januscl.core.pictures.read_image, which converts what it can.",
        )


def fitted_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Return the (height, width) px that a picture has once its longer side is ``size``."""
    ratio = size / max(height, width)
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def fitted_image(image: Image, size: int) -> Image:
    """Return the picture with its longer side at ``size`` px."""
    height, width = fitted_size(image.shape[0], image.shape[1], size)
    if (height, width) == image.shape[:2]:
        return image
    how = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)


def fitted_mask(rle: Rle, size: int) -> NDArray[np.uint8]:
    """Return a mask ``(H', W') uint8`` of 0 and 1 at the size of `fitted_image`.

    Takes the value under each new pixel's centre, and decodes only the columns that the mask
    reaches, so that large pictures with many small instances stay cheap.
    """
    height, width = fitted_size(rle.height, rle.width, size)
    if (height, width) == (rle.height, rle.width):
        return decode_mask(rle).view(np.uint8)
    out = np.zeros((height, width), dtype=np.uint8)
    ends = np.cumsum(rle.counts)
    if len(ends) < 2:
        return out
    first, last = int(ends[0]) // rle.height, -(-int(ends[1::2][-1]) // rle.height)
    columns = ((np.arange(width) + 0.5) * rle.width / width).astype(np.int64)
    rows = ((np.arange(height) + 0.5) * rle.height / height).astype(np.int64)
    inside = (columns >= first) & (columns < last)
    bounds = np.clip(ends, first * rle.height, last * rle.height)
    counts = np.diff(bounds, prepend=first * rle.height)
    part = decode_mask(Rle(rle.height, last - first, counts))
    out[:, inside] = part[rows][:, columns[inside] - first]
    return out


def check_frame(frame: LabelledFrame, known: Sequence[int]) -> None:
    """Raise `InvalidInput` unless picture, masks and labels fit each other and are known."""
    thing = f"frame {frame.id}"
    check_image(frame.image, thing)
    check_sizes(
        frame.truth.masks,
        frame.image.shape[:2],
        thing,
        "Masks have the size of their picture; was the picture resized after labelling?",
    )
    unknown = sorted(set(frame.truth.labels.tolist()) - set(known))
    if unknown:
        raise InvalidInput(
            f"labels of {thing}",
            f"class ids among {sorted(known)}",
            f"{unknown}",
            "Grow the model first with model.grown(taxonomy), or map the labels to known kinds.",
        )


def fitted_frame(frame: LabelledFrame, size: int) -> LabelledFrame:
    """Return the frame with its longer side at ``size`` px; itself when it has that size."""
    if max(frame.image.shape[:2]) == size:
        return frame
    masks = [encode_mask(fitted_mask(rle, size)) for rle in frame.truth.masks]
    truth = Instances.of_masks(masks, frame.truth.labels.tolist())
    return LabelledFrame(frame.id, fitted_image(frame.image, size), truth)


def to_input(images: Sequence[Image], size: int) -> Tensor:
    """Return pictures of any size as the network's input ``(B, 3, S, S) float32``."""
    out = np.zeros((len(images), size, size, 3), dtype=np.float32)
    for square, image in zip(out, images, strict=True):
        small = fitted_image(image, size)
        square[: small.shape[0], : small.shape[1]] = (small.astype(np.float32) - MEAN) / SCALE
    return torch.from_numpy(out).permute(0, 3, 1, 2)


def to_target(frame: LabelledFrame, size: int, rows: Sequence[int]) -> dict[str, Tensor]:
    """Return the labels of one frame as torchvision's detectors take them.

    Boxes are tight around the masks; instances that vanish at this size are left out.

    Args:
        frame: Picture and truth, at any size.
        size: S, px.
        rows: Class ids in the order of the network's rows.
    """
    masks = np.zeros((len(frame.truth), size, size), dtype=np.uint8)
    for out, rle in zip(masks, frame.truth.masks, strict=True):
        small = fitted_mask(rle, size)
        out[: small.shape[0], : small.shape[1]] = small
    seen = masks.max(axis=(1, 2)) > 0
    masks = masks[seen]
    across, down = masks.max(axis=1), masks.max(axis=2)  # uint8, so argmax finds the first 1
    boxes = np.stack(
        (
            across.argmax(axis=1),
            down.argmax(axis=1),
            size - across[:, ::-1].argmax(axis=1),
            size - down[:, ::-1].argmax(axis=1),
        ),
        axis=1,
    )
    labels = [rows.index(int(label)) + 1 for label in frame.truth.labels[seen]]
    return {
        "boxes": torch.from_numpy(boxes.astype(np.float32).reshape(-1, 4)),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": torch.from_numpy(masks),
    }
