"""Mask R-CNN with a residual network of 50 layers and a feature pyramid.

Method: He et al., Mask R-CNN, ICCV 2017; heads with norms, and two convolutions before
proposals: Li et al., Benchmarking detection transfer learning with vision transformers, 2021, as
torchvision has them. Kinds are apart from geometry, as in the compact network.
"""

from typing import Any, Self

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.models.resnet import Bottleneck, ResNet

from januscl.core import InvalidInput, Taxonomy
from januscl.train.heads import KindPredictor, MaskPredictor, ProposalHead
from januscl.train.networks import check_multiple
from januscl.train.prepare import check_kinds
from januscl.train.regions import MaskRCNN
from januscl.train.torch_model import TorchModel

BLOCKS = (3, 4, 6, 3)
"""Of each stage; these are the 50 layers."""
_CHANNELS, _EMBEDDING = 256, 1024
_LEVELS = {"layer1": "0", "layer2": "1", "layer3": "2", "layer4": "3"}
_MOST_BLOCKS = 64


class ResnetMaskRCNN(MaskRCNN):
    """About 46 million parameters with 50 layers.

    Args:
        kinds: How many kinds it tells apart, at least 1.
        blocks: Residual blocks of each of the four stages.
    """

    def __init__(self, kinds: int, blocks: tuple[int, ...] = BLOCKS) -> None:
        super().__init__()
        self._blocks = blocks
        self.backbone = BackboneWithFPN(
            ResNet(Bottleneck, list(blocks)),
            _LEVELS,
            [256, 512, 1024, 2048],
            _CHANNELS,
            norm_layer=nn.BatchNorm2d,
        )
        self.rpn = _proposals()
        self.roi_heads = _heads(kinds)

    @torch.inference_mode()
    def first_features(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, S, S)`` to the features of the first layer, ``(B, 64, S / 4, S / 4)``."""
        features = images
        for name in ("conv1", "bn1", "relu", "maxpool"):
            features = self.backbone.body[name](features)
        return features

    def check_side(self, side: object, thing: str) -> None:
        """Refuse what is no multiple of 32 in 32..2048."""
        check_multiple(side, 32, thing, "Take 320 for pick cells, 640 for dense photographs.")

    @property
    def plan(self) -> dict[str, Any]:
        """The number of blocks of each stage."""
        return {"blocks": list(self._blocks)}


class ResnetModel(TorchModel):
    """Mask R-CNN R50-FPN: thirty times the compact model, for a robot or a worker with a GPU."""

    architecture = "januscl-resnet-fpn-1"

    @classmethod
    def new(
        cls,
        taxonomy: Taxonomy,
        input_px: int = 320,
        seed: int = 0,
        device: str = "auto",
        blocks: tuple[int, ...] = BLOCKS,
    ) -> Self:
        """Return an untrained model, the same on every device.

        Raises:
            InvalidInput: The taxonomy is empty, ``input_px`` is not a multiple of 32 in 32..2048,
                there is no such device, or the blocks are not four numbers in 1..64.
        """
        check_kinds(taxonomy)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = cls.built({"blocks": list(blocks)}, len(taxonomy), "blocks")
        return cls.of_network(network, taxonomy, input_px, device)

    @classmethod
    def built(cls, plan: dict[str, Any], kinds: int, thing: str) -> ResnetMaskRCNN:
        """Return an untrained network with the plan's blocks."""
        blocks = plan.get("blocks")
        if (
            not isinstance(blocks, list)
            or len(blocks) != len(_LEVELS)
            or not all(type(count) is int and 1 <= count <= _MOST_BLOCKS for count in blocks)
        ):
            raise InvalidInput(
                f"blocks of {thing}",
                f"four numbers in 1..{_MOST_BLOCKS}",
                repr(blocks)[:80],
                f"Fifty layers are {list(BLOCKS)}.",
            )
        return ResnetMaskRCNN(kinds, tuple(blocks))


def _proposals() -> RegionProposalNetwork:
    """Return the proposal network: half of torchvision's sizes, for pictures of half its sides."""
    anchors = AnchorGenerator(
        sizes=((16,), (32,), (64,), (128,), (256,)), aspect_ratios=((0.5, 1.0, 2.0),) * 5
    )
    return RegionProposalNetwork(
        anchors,
        ProposalHead(_CHANNELS, anchors.num_anchors_per_location()[0], conv_depth=2),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=256,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 2000, "testing": 1000},
        post_nms_top_n={"training": 1000, "testing": 300},
        nms_thresh=0.7,
    )


def _heads(kinds: int) -> RoIHeads:
    wide = [_CHANNELS] * 4
    return RoIHeads(
        _pool(7),
        FastRCNNConvFCHead((_CHANNELS, 7, 7), wide, [_EMBEDDING], norm_layer=nn.BatchNorm2d),
        KindPredictor(kinds, _EMBEDDING),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=256,
        positive_fraction=0.25,
        bbox_reg_weights=None,
        score_thresh=0.0,
        nms_thresh=0.5,
        detections_per_img=100,
        mask_roi_pool=_pool(14),
        mask_head=MaskRCNNHeads(_CHANNELS, wide, 1, norm_layer=nn.BatchNorm2d),
        mask_predictor=MaskPredictor(kinds, _CHANNELS),
    )


def _pool(size: int) -> Any:
    return torchvision.ops.MultiScaleRoIAlign(["0", "1", "2", "3"], size, sampling_ratio=2)
