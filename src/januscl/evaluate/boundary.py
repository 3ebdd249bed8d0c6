"""AP of outlines: whether a mask is right where a gripper would go wrong."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from januscl.core import Instances, InvalidInput, Rle, box_of, decode_mask, encode_mask
from januscl.evaluate.ap import KindScores, scores_of
from januscl.evaluate.matching import match_all
from januscl.evaluate.overlap import overlaps_of

DILATION = 0.02
"""Width of an outline as a share of the picture's diagonal."""


def boundary_scores(
    truths: Sequence[Instances], predictions: Sequence[Instances], *, dilation: float = DILATION
) -> KindScores:
    """Score F frames class-agnostically by boundary AP.

    AP with the lower of mask IoU and boundary IoU in the place of mask IoU, where boundary IoU
    is the IoU of the two outlines (Cheng et al., 2021, "Boundary IoU: Improving Object-Centric
    Image Segmentation Evaluation", CVPR, sections 4 and 5).

    Args:
        truths: One for each of F frames.
        predictions: What the model saw in the same frames.
        dilation: See `boundary_of`.

    Raises:
        InvalidInput: The lengths differ, masks of one frame differ in size, or no frame has a
            truth.
    """
    whole = overlaps_of(truths, predictions)
    if whole.true.size == 0:
        raise InvalidInput(
            "truths",
            "at least one instance",
            f"none in {len(truths)} frames",
            "AP is undefined without truths; label some frames.",
        )
    outlines = overlaps_of(
        [_outlined(i, dilation) for i in truths], [_outlined(i, dilation) for i in predictions]
    )
    # An outline is a part of its mask, so a pair of outlines that meet is a pair of masks too.
    count = whole.true.size
    pairs = np.searchsorted(
        whole.detection * count + whole.truth, outlines.detection * count + outlines.truth
    )
    iou = np.zeros_like(whole.iou)
    iou[pairs] = outlines.iou
    return scores_of(match_all(replace(whole, iou=np.minimum(whole.iou, iou))))


def boundary_of(mask: Rle, *, dilation: float = DILATION) -> Rle:
    """Return the pixels of a mask that are near its outline or the edge of the picture.

    Near is within d pixels, counted as a king moves, with d the diagonal times `dilation`,
    rounded, and at least 1: the mask less what is left of it after eroding it d times by 3 x 3
    (Cheng et al., 2021, section 4).

    Args:
        mask: Of a picture.
        dilation: d as a share of the picture's diagonal.
    """
    inside = decode_mask(mask)
    left, top, right, bottom = box_of(inside).astype(int).tolist()
    if right == 0:
        return mask
    d = max(1, round(dilation * float(np.hypot(mask.height, mask.width))))
    part = inside[top:bottom, left:right].astype(np.uint8)
    # A square of 2d + 1 is d times a square of 3; nothing lies outside of the box.
    square = np.ones((2 * d + 1, 2 * d + 1), dtype=np.uint8)
    core = cv2.erode(part, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    outline = np.zeros_like(inside)
    outline[top:bottom, left:right] = part > core
    return encode_mask(outline)


def _outlined(instances: Instances, dilation: float) -> Instances:
    return replace(
        instances, masks=tuple(boundary_of(m, dilation=dilation) for m in instances.masks)
    )
