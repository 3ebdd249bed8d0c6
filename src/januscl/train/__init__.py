"""Train: the default model, the training loop, and strategies against forgetting.

Owns: the compact Mask R-CNN and adapters for larger models, weights on disk, the loop with its
checkpoints, the models that ship with the package. May call: core, torch, torchvision,
transformers, safetensors, SciPy, OpenCV. Moves nothing; writes only the files that it is given
paths for. Names are loaded on first use, because torch takes seconds to import; without it they
raise `MissingDependency`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from januscl.core import MissingDependency
from januscl.train.names import NEW, PRETRAINED, is_new

if TYPE_CHECKING:
    from januscl.train.adapters import ResnetModel, TransformersModel
    from januscl.train.checkpoint import Checkpoint
    from januscl.train.crew import Team, team
    from januscl.train.doors import load_model, new_model
    from januscl.train.factory import (
        factory_card,
        factory_model,
        universal_card,
        universal_model,
    )
    from januscl.train.footprints import Footprint, footprint
    from januscl.train.loop import Augment, FitReport, Progress, fit
    from januscl.train.model import CompactModel
    from januscl.train.network import CompactMaskRCNN
    from januscl.train.networks import Detections, Network
    from januscl.train.pretrained import for_kinds
    from januscl.train.processor import device_named, limited_threads
    from januscl.train.settings import Settings
    from januscl.train.strategies import (
        Distill,
        Ewc,
        Interpolate,
        Joint,
        Lora,
        Naive,
        Replay,
        strategy_named,
    )
    from januscl.train.torch_model import TorchModel

__all__ = [
    "Augment", "Checkpoint", "CompactMaskRCNN", "CompactModel", "Detections", "Distill", "Ewc",
    "FitReport", "Footprint", "Interpolate", "Joint", "Lora", "NEW", "Naive", "Network",
    "PRETRAINED", "Progress", "Replay", "ResnetModel", "Settings", "Team", "TorchModel",
    "TransformersModel", "device_named", "factory_card", "factory_model", "fit", "footprint",
    "for_kinds", "is_new", "limited_threads", "load_model", "new_model", "strategy_named", "team",
    "universal_card", "universal_model",
]  # fmt: skip

_HOME = {
    "Augment": "loop", "Checkpoint": "checkpoint", "CompactMaskRCNN": "network",
    "CompactModel": "model", "Detections": "networks", "FitReport": "loop",
    "Footprint": "footprints", "footprint": "footprints", "Network": "networks",
    "Interpolate": "strategies", "Naive": "strategies", "Progress": "loop", "Replay": "strategies",
    "Distill": "strategies", "Ewc": "strategies", "Joint": "strategies", "Lora": "strategies",
    "Settings": "settings", "factory_card": "factory", "factory_model": "factory", "fit": "loop",
    "limited_threads": "processor", "strategy_named": "strategies",
    "Team": "crew", "device_named": "processor", "for_kinds": "pretrained", "team": "crew",
    "universal_card": "factory", "universal_model": "factory",
    "ResnetModel": "adapters", "TransformersModel": "adapters", "TorchModel": "torch_model",
    "load_model": "doors", "new_model": "doors",
}  # fmt: skip
_EXTRA = ("torch", "torchvision", "safetensors")


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _EXTRA:
            raise
        raise MissingDependency(
            f"training and models need {error.name}, which is not installed: "
            "pip install 'januscl[train]'"
        ) from error
