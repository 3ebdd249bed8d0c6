"""Judging: mask AP, tables per slice, forgetting, and the gate between champion and challenger.

Owns: matching masks to truths, AP in COCO's sense, the paired bootstrap over frames, the gate.
May call: `januscl.core` and numpy. Moves nothing, reads no file, trains nothing.

Matching is the slow part and is done once per model and slice; everything after it works on
`FrameMatches`.
"""

from januscl.evaluate.ap import ApScores, KindScores, average_precision, precision_at
from januscl.evaluate.bootstrap import ApDelta, bootstrap_deltas, paired_bootstrap
from januscl.evaluate.forgetting import backward_transfer, forgetting
from januscl.evaluate.gate import MIN_GAIN, TOLERATED_DROP, SliceData, gate
from januscl.evaluate.matching import IOU_THRESHOLDS, FrameMatches, match, match_by_kind
from januscl.evaluate.table import SliceRow, slice_table

__all__ = [
    "ApDelta", "ApScores", "FrameMatches", "IOU_THRESHOLDS", "KindScores", "MIN_GAIN", "SliceData",
    "SliceRow", "TOLERATED_DROP", "average_precision", "backward_transfer", "bootstrap_deltas",
    "forgetting", "gate", "match", "match_by_kind", "paired_bootstrap", "precision_at",
    "slice_table",
]  # fmt: skip
