"""The compact Mask R-CNN: a small residual network with a feature pyramid, and torchvision's heads.

Method: He et al., Mask R-CNN, ICCV 2017; Lin et al., Feature Pyramid Networks, CVPR 2017.
Letters in comments: B pictures, S input size in px, C channels.
"""

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from januscl.train.heads import CHANNELS, make_roi_heads, make_rpn
from januscl.train.networks import check_multiple
from januscl.train.regions import MaskRCNN


def _convolution(inputs: int, outputs: int, stride: int, size: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)
    )


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., CVPR 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, stride)
        self.second = _convolution(outputs, outputs, 1)
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else _convolution(inputs, outputs, stride, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to ``(B, outputs, H / stride, W / stride)``."""
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class Backbone(nn.Module):
    """Picture ``(B, 3, S, S)`` to a pyramid of 64 channels at strides 4, 8 and 16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _convolution(3, 24, 2), nn.ReLU(), _convolution(24, 48, 2), nn.ReLU()
        )
        self.stride4 = Residual(48, 48)
        self.stride8 = Residual(48, 96, 2)
        self.stride16 = nn.Sequential(Residual(96, 160, 2), Residual(160, 160))
        self.pyramid = torchvision.ops.FeaturePyramidNetwork(
            [48, 96, 160], CHANNELS, norm_layer=nn.BatchNorm2d
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the levels under the names ``"0"``, ``"1"`` and ``"2"``, finest first."""
        c4 = self.stride4(self.stem(x))
        c8 = self.stride8(c4)
        levels: dict[str, Tensor] = self.pyramid({"0": c4, "1": c8, "2": self.stride16(c8)})
        return levels


class CompactMaskRCNN(MaskRCNN):
    """About 1.5 million parameters; class-agnostic geometry, one row a kind.

    Args:
        kinds: How many kinds it tells apart, at least 1.
    """

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.rpn = make_rpn()
        self.roi_heads = make_roi_heads(kinds)

    @torch.inference_mode()
    def first_features(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, S, S)`` to the features of the first layers, ``(B, 48, S / 4, S / 4)``."""
        features: Tensor = self.backbone.stem(images)
        return features

    def check_side(self, side: object, thing: str) -> None:
        """Refuse what is no multiple of 16 in 32..2048."""
        check_multiple(side, 16, thing, "Take 192 for pick cells, 320 for dense photographs.")
