"""Annotation: from a task with the model's proposals to a label that can be trusted.

Owns: label tasks and the checks on what comes back, annotators that answer from a file or from
known truth, and COCO in and out. May call: `januscl.core` and numpy; reads and writes only the
files that it is given. Moves nothing.
"""

from januscl.annotate.annotators import CocoAnnotator, TruthAnnotator
from januscl.annotate.coco_find import find_coco, read_set
from januscl.annotate.coco_read import read_coco
from januscl.annotate.coco_set import CocoPicture, CocoSet, Reject, group_of
from januscl.annotate.coco_write import write_coco
from januscl.annotate.outline import read_mask, rle_of_polygon
from januscl.annotate.tasks import make_task, validate_label

__all__ = [
    "CocoAnnotator", "CocoPicture", "CocoSet", "Reject", "TruthAnnotator", "find_coco",
    "group_of", "make_task", "read_coco", "read_mask", "read_set", "rle_of_polygon",
    "validate_label", "write_coco",
]  # fmt: skip
