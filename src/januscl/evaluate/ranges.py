"""AP by how large a package is, and by how much of it shows."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances, InvalidInput
from januscl.evaluate.ap import KindScores, scores_of
from januscl.evaluate.matching import match_within
from januscl.evaluate.overlap import overlaps_of

SIZES: Mapping[str, tuple[float, float]] = {
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, np.inf),
}
"""COCO's ranges of areas in pixels, both ends included, as if each picture had 640 x 480 pixels."""
VISIBILITIES: Mapping[str, tuple[float, float]] = {
    "mostly hidden": (0, 0.5),
    "partly hidden": (0.5, 0.9),
    "in the open": (0.9, np.inf),
}
"""Ranges of the share of a package that shows; the lower end is included."""
_COCO_PIXELS = 640 * 480


def size_scores(
    truths: Sequence[Instances], predictions: Sequence[Instances]
) -> dict[str, KindScores]:
    """Score F frames class-agnostically by `SIZES`; a size without truths is left out.

    The ranges are COCO's, 32 x 32 and 96 x 96 pixels, which are meant for pictures of about
    640 x 480. So areas are scaled by the ratio of the pictures' pixels: at 192 x 192 a small
    package has at most 122 of them and a large one 1,106 or more. Truths of other sizes are
    ignored, with what finds them, and so is a detection of another size that finds nothing:
    equal to ``pycocotools`` with its ``areaRng`` scaled alike.

    Args:
        truths: One for each of F frames.
        predictions: What the model saw in the same frames.

    Raises:
        InvalidInput: The lengths differ, or masks of one frame differ in size.
    """
    overlaps = overlaps_of(truths, predictions)
    scale = _COCO_PIXELS / np.maximum(overlaps.pictures, 1)
    seen = overlaps.seen_pixels * scale[overlaps.seen_frames]
    true = overlaps.true_pixels * scale[overlaps.true_frames]
    return {
        name: scores_of(match_within(overlaps, (seen >= low) & (seen <= high), inside))
        for name, (low, high) in SIZES.items()
        if (inside := (true >= low) & (true <= high)).any()
    }


def visibility_scores(
    truths: Sequence[Instances],
    predictions: Sequence[Instances],
    visible: Sequence[NDArray[np.floating]],
) -> dict[str, KindScores]:
    """Score F frames class-agnostically by `VISIBILITIES`; one without truths is left out.

    Truths of other visibilities are ignored, with what finds them. A detection that finds
    nothing counts against the visibility of the truth that it covers most, and against all
    where it covers none.

    Args:
        truths: One for each of F frames.
        predictions: What the model saw in the same frames.
        visible: For each frame ``(N,)`` which share of each truth shows, 0..1.

    Raises:
        InvalidInput: The lengths differ, masks of one frame differ in size, or a share is
            outside 0..1.
    """
    overlaps = overlaps_of(truths, predictions)
    share = np.concatenate([np.zeros(0), *visible])
    if [len(v) for v in visible] != [len(t) for t in truths] or not (
        (share >= 0) & (share <= 1)
    ).all():
        raise InvalidInput(
            "visible shares",
            f"one number in 0..1 for each of {overlaps.true.size} truths, frame by frame",
            f"{share.size} numbers for {len(visible)} frames, {share[:8]}",
            "Divide the pixels that show by the pixels of the whole package.",
        )
    # What covers no truth has row -1, and counts in every range.
    covered = np.append(share, np.nan)[overlaps.covers()]
    return {
        name: scores_of(match_within(overlaps, ~((covered < low) | (covered >= high)), inside))
        for name, (low, high) in VISIBILITIES.items()
        if (inside := (share >= low) & (share < high)).any()
    }
