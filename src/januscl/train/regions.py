"""What every Mask R-CNN does here, whatever its backbone: losses, and finding instances.

Method: He et al., Mask R-CNN, ICCV 2017. Letters: B pictures, S input size in px, N boxes.
"""

from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from januscl.train.networks import Detections, Network, Targets
from januscl.train.processor import precise

Best = tuple[Tensor, Tensor, Tensor]


class MaskRCNN(Network):
    """A backbone, a proposal network and heads; each of its kind makes these three.

    Attributes:
        backbone: Pictures to levels by name, the finest under ``"0"``.
        rpn: torchvision's proposal network.
        roi_heads: torchvision's heads around the class-agnostic predictors of
            `januscl.train.heads`.
    """

    backbone: Any
    rpn: Any
    roi_heads: Any

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

    @property
    def naming(self) -> nn.Linear:
        """The layer with a row for each kind."""
        layer: nn.Linear = self.roi_heads.box_predictor.kinds
        return layer

    def name_kinds(self, layer: nn.Linear) -> None:
        """Take another layer for the one that names kinds; nothing else changes."""
        self.roi_heads.box_predictor.kinds = layer
        self.roi_heads.mask_predictor.classes = 1 + layer.out_features


def _best(
    boxes: Tensor, scores: Tensor, rows: Tensor, floor: float, limit: int, overlap: float
) -> Best:
    """Return the boxes, scores and rows of one picture that survive, best score first."""
    solid = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1) >= 1
    good = torch.nonzero((scores >= floor) & solid)[:, 0]
    kept = good[torchvision.ops.nms(boxes[good], scores[good], overlap)][:limit]
    return boxes[kept], scores[kept], rows[kept]
