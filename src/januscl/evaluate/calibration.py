"""Whether a score means what it says."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances, InvalidInput
from januscl.evaluate.matching import assign
from januscl.evaluate.overlap import Overlaps, overlaps_of

BINS = 25
"""Bins of scores of equal width, as Oksuz et al. (2023) have them."""


def calibration_error(
    truths: Sequence[Instances],
    predictions: Sequence[Instances],
    *,
    threshold: float = 0.5,
    bins: int = BINS,
) -> float:
    """Return the detection expected calibration error (D-ECE) of the scores, 0..1.

    ``sum over bins j of |D_j| / |D| * |mean score in j, less precision in j|``, in its form with
    bins of the score alone (Küppers et al., 2020, "Multivariate Confidence Calibration for Object
    Detection", CVPR Workshops, equation 5). A detection is right if it finds a truth in COCO's
    matching, which is class-agnostic here and gives each truth away once.

    Args:
        truths: One for each of F frames.
        predictions: What the model saw in the same frames. All of it counts, so give what the
            robot acts on, such as the instances scored 0.5 or more.
        threshold: Least mask IoU of a find, above 0.
        bins: How many.

    Raises:
        InvalidInput: The lengths differ, masks of one frame differ in size, there is no
            detection, or `threshold` or `bins` is out of range.
    """
    overlaps = overlaps_of(truths, predictions)
    found = _found(overlaps, threshold, bins)
    return _error(overlaps.scores, (found > 0).astype(np.float64), bins)


def localised_calibration_error(
    truths: Sequence[Instances],
    predictions: Sequence[Instances],
    *,
    threshold: float = 0.1,
    bins: int = BINS,
) -> float:
    """Return the localisation-aware expected calibration error (LaECE) of the scores, 0..1.

    As `calibration_error`, but a score should tell how well the mask fits too: ``precision in j``
    becomes ``precision in j * mean IoU of the finds in j``, and a find needs little overlap
    (Oksuz et al., 2023, "Towards Building Self-Aware Object Detectors via Reliable Uncertainty
    Quantification and Calibration", CVPR, section 5). The paper averages it over classes; here
    all kinds are one class.

    Args:
        truths: One for each of F frames.
        predictions: As for `calibration_error`.
        threshold: Least mask IoU of a find, above 0.
        bins: How many.

    Raises:
        InvalidInput: As for `calibration_error`.
    """
    overlaps = overlaps_of(truths, predictions)
    return _error(overlaps.scores, _found(overlaps, threshold, bins), bins)


def _found(overlaps: Overlaps, threshold: float, bins: int) -> NDArray[np.float64]:
    """Return the IoU ``(D,)`` of each detection with the truth it finds, 0 where it finds none."""
    if overlaps.scores.size == 0 or not 0 < threshold <= 1 or bins < 1:
        raise InvalidInput(
            "calibration",
            "a detection, a threshold in (0, 1] and a bin",
            f"{overlaps.scores.size} detections, threshold {threshold} and {bins} bins",
            "Give what the model saw; without detections there is no score to judge.",
        )
    every = np.ones(overlaps.iou.size, dtype=np.bool_)
    taken = assign(overlaps, every, thresholds=np.asarray([threshold]))[:, 0]
    iou = np.zeros(overlaps.scores.size)
    pairs = np.flatnonzero(taken[overlaps.detection] == overlaps.truth)
    iou[overlaps.detection[pairs]] = overlaps.iou[pairs]
    return iou


def _error(scores: NDArray[np.float32], worth: NDArray[np.float64], bins: int) -> float:
    """Return the mean over detections of how far their bin's mean score is from its mean worth."""
    bin_of = np.minimum((scores * bins).astype(np.int64), bins - 1)
    gap = np.bincount(bin_of, scores.astype(np.float64) - worth, bins)
    return float(np.abs(gap).sum() / scores.size)
