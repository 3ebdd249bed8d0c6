"""Judging: mask AP, tables per slice, forgetting, and the gate between champion and challenger.

Owns: matching masks to truths, AP in COCO's sense (by kind, size, visibility and outline),
calibration of scores, the paired bootstrap over frames, the gate.
May call: `januscl.core`, numpy and OpenCV. Moves nothing, reads no file, trains nothing.

Matching is the slow part and is done once per model and slice; everything after it works on
`FrameMatches`.
"""

from januscl.evaluate.ap import ApScores, KindScores, average_precision, precision_at
from januscl.evaluate.bootstrap import ApDelta, bootstrap_deltas, paired_bootstrap
from januscl.evaluate.boundary import boundary_of, boundary_scores
from januscl.evaluate.breakdown import GroupScores, breakdown
from januscl.evaluate.calibration import calibration_error, localised_calibration_error
from januscl.evaluate.forgetting import backward_transfer, forgetting, forward_transfer
from januscl.evaluate.gate import MIN_GAIN, TOLERATED_DROP, SliceData, gate
from januscl.evaluate.matching import IOU_THRESHOLDS, FrameMatches, match, match_by_kind
from januscl.evaluate.ranges import SIZES, VISIBILITIES, size_scores, visibility_scores
from januscl.evaluate.table import SliceRow, slice_table

__all__ = [
    "ApDelta", "ApScores", "FrameMatches", "GroupScores", "IOU_THRESHOLDS", "KindScores",
    "MIN_GAIN", "SIZES", "SliceData", "SliceRow", "TOLERATED_DROP", "VISIBILITIES",
    "average_precision", "backward_transfer", "bootstrap_deltas", "boundary_of",
    "boundary_scores", "breakdown", "calibration_error", "forgetting", "forward_transfer",
    "gate", "localised_calibration_error", "match", "match_by_kind", "paired_bootstrap",
    "precision_at", "size_scores", "slice_table", "visibility_scores",
]  # fmt: skip
