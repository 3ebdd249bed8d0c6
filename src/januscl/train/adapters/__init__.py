"""Models of other makers behind the same door as the compact one.

Owns: Mask R-CNN R50-FPN, and one adapter for the segmentation models of transformers. May call:
core, the shared parts of train, torchvision, transformers (which is asked for only when such a
model is). Moves nothing.
"""

from januscl.train.adapters.resnet import ResnetMaskRCNN, ResnetModel
from januscl.train.adapters.transformer import TransformersModel

__all__ = ["ResnetMaskRCNN", "ResnetModel", "TransformersModel"]
