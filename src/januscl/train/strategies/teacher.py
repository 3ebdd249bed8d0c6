"""What the champion sees in a picture, and how far another network is from it.

Letters: B pictures, N regions of all of them, K kinds.
"""

import copy
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from januscl.core import InvalidInput
from januscl.train.networks import Targets
from januscl.train.regions import MaskRCNN

SURE = 0.3
"""Least score of a region that the champion teaches from."""
REGIONS = 24
"""Most regions a picture."""
AGREED = 0.5
"""Box IoU with a labelled instance from which the labels bear a region out."""
_BEND = 1 / 9
"""Where smooth L1 turns from a square to a line, as in torchvision's box loss."""


class Teacher:
    """The champion, asked about the pictures that another network is trained on.

    Args:
        champion: Is not changed.
        network: The one in training; its features are taken as they pass, to save computing them
            twice, until `leave`.

    Raises:
        InvalidInput: The network is none whose regions can be compared.
    """

    def __init__(self, champion: nn.Module, network: nn.Module) -> None:
        if not (isinstance(champion, MaskRCNN) and isinstance(network, MaskRCNN)):
            raise InvalidInput(
                "distill", "a Mask R-CNN", type(network).__name__,
                "Take another strategy for this model, such as replay.",
            )  # fmt: skip
        self._champion = copy.deepcopy(champion).eval()
        self._taught = ~champion.roi_heads.box_predictor.untaught()["kinds.bias"]
        self._passed: tuple[Tensor, dict[str, Tensor]] | None = None
        self._watch = network.backbone.register_forward_hook(self._pass)

    def _pass(self, _: nn.Module, given: tuple[Tensor], features: dict[str, Tensor]) -> None:
        self._passed = (given[0], features)

    def leave(self) -> None:
        """Take no more features from the network in training."""
        self._watch.remove()
        self._passed = None

    def apart(self, network: MaskRCNN, images: Tensor, targets: Targets) -> Tensor:
        """Return how far the network is from the champion where the labels bear the champion out.

        The sum of three means over regions: cross-entropy of kinds and background, less the
        champion's own; smooth L1 of box deltas; cross-entropy of mask pixels, less the champion's.

        Args:
            network: In training.
            images: ``(B, 3, S, S) float32``, normalised.
            targets: Their labels, as the network takes them.
        """
        passed, self._passed = self._passed, None
        with torch.no_grad():
            theirs = self._champion.backbone(images)
            regions = self._regions(theirs, images, targets)
            logits, deltas, masks = _outputs(self._champion, theirs, regions, images)
        if not len(logits):
            return images.new_zeros(())
        given, features = passed if passed is not None else (None, {})
        mine = features if given is images else network.backbone(images)
        my_logits, my_deltas, my_masks = _outputs(network, mine, regions, images)
        kinds = F.kl_div(
            my_logits.log_softmax(1), logits.log_softmax(1), reduction="batchmean", log_target=True
        )
        boxes = F.smooth_l1_loss(my_deltas, deltas, beta=_BEND, reduction="sum") / len(deltas)
        probability = masks.sigmoid()
        sure = F.binary_cross_entropy_with_logits(masks, probability)
        return kinds + boxes + F.binary_cross_entropy_with_logits(my_masks, probability) - sure

    def _regions(
        self, features: dict[str, Tensor], images: Tensor, targets: Targets
    ) -> list[Tensor]:
        """Return, for each picture, the proposals ``(n, 4)`` that the champion teaches from."""
        sizes = [tuple(images.shape[-2:])] * len(images)
        proposals, _ = self._champion.rpn(ImageList(images, sizes), features)
        logits, _ = _boxes(self._champion, features, proposals, sizes)
        scores = 1 - logits.softmax(1)[:, 0]
        split = torch.split(scores, [len(p) for p in proposals])
        return [self._borne_out(p, s, t) for p, s, t in zip(proposals, split, targets, strict=True)]

    def _borne_out(self, boxes: Tensor, scores: Tensor, target: dict[str, Tensor]) -> Tensor:
        if not len(target["boxes"]):
            return boxes[:0]
        overlap, which = torchvision.ops.box_iou(boxes, target["boxes"]).max(dim=1)
        known = self._taught.to(boxes.device)[target["labels"] - 1][which]
        good = torch.nonzero((scores >= SURE) & (overlap >= AGREED) & known)[:, 0]
        return boxes[good[scores[good].argsort(descending=True, stable=True)[:REGIONS]]]


def _boxes(
    network: MaskRCNN, features: dict[str, Tensor], regions: list[Tensor], sizes: Any
) -> tuple[Tensor, Tensor]:
    heads = network.roi_heads
    pooled = heads.box_head(heads.box_roi_pool(features, regions, sizes))
    logits, deltas = heads.box_predictor(pooled)
    return logits, deltas[:, :4]


def _outputs(
    network: MaskRCNN, features: dict[str, Tensor], regions: list[Tensor], images: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits ``(N, 1 + K)``, deltas ``(N, 4)`` and mask logits ``(N, 28, 28)``."""
    sizes = [tuple(images.shape[-2:])] * len(images)
    heads = network.roi_heads
    pooled = heads.mask_head(heads.mask_roi_pool(features, regions, sizes))
    return *_boxes(network, features, regions, sizes), heads.mask_predictor(pooled)[:, 0]
