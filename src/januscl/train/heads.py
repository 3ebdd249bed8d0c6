"""The parts of the network that know nothing of kinds, and the one that does.

Geometry is class-agnostic: one box regression and one mask serve all kinds, so an unknown kind is
still cut out. What is a package (objectness) is kept apart from which kind it is, so that a new
kind adds one row to one layer and cannot change whether anything is found.
"""

from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import (
    AnchorGenerator,
    RegionProposalNetwork,
    RPNHead,
)

CHANNELS = 64
EMBEDDING = 128
MASK_PX = 28
_UNSEEN_BIAS = -10.0
"""Logit of a kind that was added but not yet taught: far below any trained one."""


class ProposalHead(RPNHead):  # type: ignore[misc]  # torchvision has no types
    """torchvision's head of the proposal network, with outputs in ``float32``.

    In ``bfloat16`` a coordinate over 256 px is a multiple of 2: boxes of no width would follow.
    """

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return scores and deltas of the anchors, level by level."""
        scores, deltas = super().forward(x)
        return [level.float() for level in scores], [level.float() for level in deltas]


def grown_rows(layer: nn.Linear, added: int, bias: float = _UNSEEN_BIAS) -> nn.Linear:
    """Return a layer with rows for new kinds: weights of 0 and this bias, until they are taught."""
    grown = nn.Linear(layer.in_features, layer.out_features + added, device=layer.weight.device)
    with torch.no_grad():
        grown.weight.zero_()
        grown.bias.fill_(bias)
        grown.weight[: layer.out_features] = layer.weight
        grown.bias[: layer.out_features] = layer.bias
    return grown


def untaught_rows(layer: nn.Linear, bias: float = _UNSEEN_BIAS) -> Tensor:
    """Return which rows ``(K,) bool`` of a layer are as `grown_rows` made them."""
    return (layer.bias == bias) & (layer.weight == 0).all(dim=1)


class KindPredictor(nn.Module):
    """From a box's features ``(N, D)`` to class logits and box deltas in torchvision's shapes.

    The logits are ``[0, o + log_softmax(k)]`` with objectness o and kind logits k. Their softmax
    gives p(background) = sigmoid(-o) and p(kind) = sigmoid(o) softmax(k), so torchvision's
    cross-entropy trains both parts and p(background) does not depend on the kinds.

    Args:
        kinds: K.
        width: D.
    """

    def __init__(self, kinds: int, width: int = EMBEDDING) -> None:
        super().__init__()
        self.objectness = nn.Linear(width, 1)
        self.kinds = nn.Linear(width, kinds)
        self.deltas = nn.Linear(width, 4)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits ``(N, 1 + K)`` and the shared deltas once a class, ``(N, 4 (1 + K))``."""
        # Whole precision: in ``bfloat16`` many boxes would have one and the same score.
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            kinds = F.log_softmax(self.kinds(features), dim=1)
            objects = self.objectness(features)
            logits = torch.cat((torch.zeros_like(objects), objects + kinds), dim=1)
            return logits, self.deltas(features).repeat(1, logits.shape[1])

    def untaught(self) -> dict[str, Tensor]:
        """Return, by parameter, which rows ``(K,) bool`` are of kinds that were never taught."""
        rows = untaught_rows(self.kinds)
        return {"kinds.weight": rows, "kinds.bias": rows}


class MaskPredictor(nn.Module):
    """From mask features ``(N, C, 14, 14)`` to one mask, repeated for each class as a view."""

    def __init__(self, kinds: int, channels: int = CHANNELS) -> None:
        super().__init__()
        self.classes = 1 + kinds
        self.up = nn.ConvTranspose2d(channels, channels, 2, 2)
        self.mask = nn.Conv2d(channels, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``(N, 1 + K, 28, 28)``."""
        logits: Tensor = self.mask(F.relu(self.up(features))).float()
        return logits.expand(-1, self.classes, -1, -1)


def make_rpn() -> Any:
    """Return the proposal network: objects of about 10 to 110 px on strides 4, 8 and 16."""
    anchors = AnchorGenerator(
        sizes=((12, 20), (32, 48), (72, 110)), aspect_ratios=((0.5, 1.0, 2.0),) * 3
    )
    return RegionProposalNetwork(
        anchors,
        ProposalHead(CHANNELS, anchors.num_anchors_per_location()[0]),
        fg_iou_thresh=0.6,
        bg_iou_thresh=0.3,
        batch_size_per_image=128,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 400, "testing": 300},
        post_nms_top_n={"training": 250, "testing": 200},
        nms_thresh=0.7,
    )


def make_roi_heads(kinds: int) -> Any:
    """Return torchvision's box and mask heads around the class-agnostic predictors."""
    return RoIHeads(
        _pool(7),
        nn.Sequential(
            *_convolutions(2),
            nn.Flatten(),
            nn.Linear(CHANNELS * 49, EMBEDDING),
            nn.ReLU(),
        ),
        KindPredictor(kinds),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=64,
        positive_fraction=0.35,
        bbox_reg_weights=None,
        score_thresh=0.0,
        nms_thresh=0.5,
        detections_per_img=100,
        mask_roi_pool=_pool(MASK_PX // 2),
        mask_head=nn.Sequential(*_convolutions(3)),
        mask_predictor=MaskPredictor(kinds),
    )


def _convolutions(count: int) -> list[nn.Module]:
    """Normalised: untrained heads learn slowly without it (He et al., ICCV 2019, section 3)."""
    return [
        layer
        for _ in range(count)
        for layer in (
            nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1, bias=False),
            nn.BatchNorm2d(CHANNELS),
            nn.ReLU(),
        )
    ]


def _pool(size: int) -> Any:
    """Pool boxes under 96 px from stride 4, under 192 px from stride 8, larger from stride 16."""
    return torchvision.ops.MultiScaleRoIAlign(
        ["0", "1", "2"], size, sampling_ratio=1, canonical_scale=192, canonical_level=4
    )
