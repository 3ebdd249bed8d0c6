"""The compact Mask R-CNN: a small residual network with a feature pyramid, and torchvision's heads.

Method: He et al., Mask R-CNN, ICCV 2017; Lin et al., Feature Pyramid Networks, CVPR 2017.
Letters in comments: B pictures, S input size in px, N boxes, C channels.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from januscl.train.heads import CHANNELS, make_roi_heads, make_rpn
from januscl.train.processor import precise

Targets = list[dict[str, Tensor]]
Best = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Detections:
    """What the network found in one input picture, best score first.

    Attributes:
        boxes: ``(N, 4) float32`` xyxy px of the input picture.
        scores: ``(N,) float32``, probability of being a package of any kind.
        rows: ``(N,) int64``, row of the most probable kind, from 0.
        masks: ``(N, 28, 28) float32`` probabilities inside each box.
    """

    boxes: Tensor
    scores: Tensor
    rows: Tensor
    masks: Tensor


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


class CompactMaskRCNN(nn.Module):
    """About 1.5 million parameters; class-agnostic geometry, one row a kind.

    Args:
        kinds: How many kinds it tells apart, at least 1.
    """

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.rpn: Any = make_rpn()
        self.roi_heads: Any = make_roi_heads(kinds)

    def forward(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return what `losses` does, so that torch can train it on several devices."""
        return self.losses(images, targets)

    def losses(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the five losses of Mask R-CNN, each a scalar.

        Args:
            images: ``(B, 3, S, S) float32``, normalised.
            targets: For each picture ``boxes (N, 4) float32`` xyxy px, ``labels (N,) int64`` as
                row + 1, ``masks (N, S, S) uint8``.
        """
        sizes = [tuple(images.shape[-2:])] * len(images)
        features = self.backbone(images)
        proposals, rpn_losses = self.rpn(ImageList(images, sizes), features, targets)
        _, roi_losses = self.roi_heads(features, proposals, sizes, targets)
        return {**rpn_losses, **roi_losses}

    @torch.inference_mode()
    def detect(
        self, images: Tensor, floor: float, limit: int, overlap: float = 0.5
    ) -> tuple[list[Detections], dict[str, Tensor]]:
        """Find the instances of each picture; also return the pyramid they were found in.

        Suppression does not look at kinds, so one thing is never found under two names.

        Args:
            images: ``(B, 3, S, S) float32``, normalised.
            floor: Lowest score to keep.
            limit: Most instances to keep a picture.
            overlap: Box IoU from which the weaker of two instances goes.
        """
        sizes = [tuple(images.shape[-2:])] * len(images)
        heads = self.roi_heads
        with precise("auto", images.device):
            features = self.backbone(images)
            proposals, _ = self.rpn(ImageList(images, sizes), features)
            pooled = heads.box_head(heads.box_roi_pool(features, proposals, sizes))
            logits, deltas = heads.box_predictor(pooled)
        boxes = heads.box_coder.decode(deltas[:, :4], proposals)[:, 0]
        boxes = torchvision.ops.clip_boxes_to_image(boxes, sizes[0])
        scores = torch.sigmoid(torch.logsumexp(logits[:, 1:], dim=1))
        rows = logits[:, 1:].argmax(dim=1)
        counts = [len(p) for p in proposals]
        kept = [
            _best(b, s, r, floor, limit, overlap)
            for b, s, r in zip(
                *(torch.split(each, counts) for each in (boxes, scores, rows)), strict=True
            )
        ]
        return self._with_masks(features, kept, sizes), features

    def _with_masks(
        self, features: dict[str, Tensor], kept: list[Best], sizes: Any
    ) -> list[Detections]:
        heads, boxes, counts = self.roi_heads, [k[0] for k in kept], [len(k[0]) for k in kept]
        with precise("auto", features["0"].device):
            pooled = heads.mask_head(heads.mask_roi_pool(features, boxes, sizes))
            masks = heads.mask_predictor(pooled)[:, 0].sigmoid()
        rows = zip(kept, torch.split(masks, counts), strict=True)
        return [Detections(*best, mask) for best, mask in rows]

    @torch.inference_mode()
    def first_features(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, S, S)`` to the features of the first layers, ``(B, 48, S / 4, S / 4)``."""
        features: Tensor = self.backbone.stem(images)
        return features

    def grow(self, added: int) -> None:
        """Add rows for ``added`` new kinds; every output for the old ones stays as it is."""
        self.roi_heads.box_predictor.grow(added)
        self.roi_heads.mask_predictor.classes += added


def _best(
    boxes: Tensor, scores: Tensor, rows: Tensor, floor: float, limit: int, overlap: float
) -> Best:
    """Return the boxes, scores and rows of one picture that survive, best score first."""
    solid = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1) >= 1
    good = torch.nonzero((scores >= floor) & solid)[:, 0]
    kept = good[torchvision.ops.nms(boxes[good], scores[good], overlap)][:limit]
    return boxes[kept], scores[kept], rows[kept]
