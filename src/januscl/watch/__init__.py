"""Watch: a frame and its instances become signals with calibrated p-values.

Owns: camera health against each camera's own reference, the novelty of instances, the model's
doubt, conformal calibration and the change detector. May call: core, numpy, OpenCV.
Runs on the robot beside the model, keeps no files, moves nothing.
"""

from januscl.watch.calibration import Calibrated, EProcess, RollingCalibration, conformal_p
from januscl.watch.causes import CAUSES, main_cause
from januscl.watch.change import Change, ChangeWatch, Scope
from januscl.watch.change_look import EmbeddingLean
from januscl.watch.chosen import DETECTORS, ChosenNovelty
from januscl.watch.energy import ScoreEnergy
from januscl.watch.foreground import UnexplainedForeground
from januscl.watch.gaussian import Mahalanobis, Residual
from januscl.watch.health import LEAST_REFERENCE, CameraHealth, is_blank
from januscl.watch.nearness import LocalOutlier, Nearest
from januscl.watch.novelty import InstanceNovelty
from januscl.watch.seen import Detector, Gauge, Seen
from januscl.watch.uncertainty import ScoreMargin

__all__ = [
    "CAUSES", "Calibrated", "CameraHealth", "Change", "ChangeWatch", "ChosenNovelty", "DETECTORS",
    "Detector", "EProcess", "EmbeddingLean", "Gauge", "InstanceNovelty", "LEAST_REFERENCE",
    "LocalOutlier", "Mahalanobis", "Nearest", "Residual", "RollingCalibration", "Scope",
    "ScoreEnergy", "ScoreMargin", "Seen", "UnexplainedForeground", "conformal_p", "is_blank",
    "main_cause",
]  # fmt: skip
