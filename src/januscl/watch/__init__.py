"""Watch: a frame and its instances become signals with calibrated p-values.

Owns: camera health against each camera's own reference, the novelty of instances, the model's
doubt, conformal calibration and the change detector. May call: core, numpy, OpenCV.
Runs on the robot beside the model, keeps no files, moves nothing.
"""

from januscl.watch.calibration import EProcess, conformal_p
from januscl.watch.causes import CAUSES, main_cause
from januscl.watch.foreground import UnexplainedForeground
from januscl.watch.health import LEAST_REFERENCE, CameraHealth, is_blank
from januscl.watch.novelty import InstanceNovelty
from januscl.watch.uncertainty import ScoreMargin

__all__ = [
    "CAUSES", "CameraHealth", "EProcess", "InstanceNovelty", "LEAST_REFERENCE", "ScoreMargin",
    "UnexplainedForeground", "conformal_p", "is_blank", "main_cause",
]  # fmt: skip
