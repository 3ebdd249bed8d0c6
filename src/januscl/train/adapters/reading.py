"""What the segmentation models of transformers have in common, read from each in its own way.

All of them find things by queries: each of Q queries says how sure it is of one, and where it is.
They are built for one class, "a package"; which kind it is, is not theirs to say. Letters: B
pictures, S input size in px, N instances, D features of a query, h x w mask cells.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from januscl.train.networks import Targets


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model's queries found in B pictures.

    Attributes:
        objects: ``(B, Q)`` logits of being a package.
        masks: ``(B, Q, h, w)`` logits over the whole input picture.
        queries: ``(B, Q, D)`` features.
        features: ``(B, C, h', w')`` of the picture; in training any.
        loss: Of the model's own making, where it was given targets.
    """

    objects: Tensor
    masks: Tensor
    queries: Tensor
    features: Tensor
    loss: Tensor | None


@dataclass(frozen=True)
class Family:
    """How one family of models is asked.

    Attributes:
        name: Of its class in transformers, without which it cannot be built.
        backbone: The one kind of backbone that its configuration may name; none where it has none.
        width: From a configuration to D.
        step: From a configuration to the number that divides S.
        least: From a configuration to the smallest S.
        side: From a configuration to the S that it was made for.
        fixed: Whether it takes no other S.
        judged: Whether a score is weighed by how clear the mask is, as the family's authors do.
        look: From model, pictures and targets (none for predicting) to what it sees.
    """

    name: str
    backbone: str | None
    width: Callable[[Any], int]
    step: Callable[[Any], int]
    least: Callable[[Any], int]
    side: Callable[[Any], int]
    fixed: bool
    judged: bool
    look: Callable[[Any, Tensor, Targets | None], Seen]


def _rf_detr(model: Any, images: Tensor, targets: Targets | None) -> Seen:
    """Robinson et al., RF-DETR: neural architecture search for real-time detection, 2025."""
    if targets is not None:
        labels = [
            {
                "class_labels": torch.zeros_like(target["labels"]),
                "boxes": _centred(target["boxes"] / images.shape[-1]),
                "masks": target["masks"].to(images.dtype),
            }
            for target in targets
        ]
        made, most = model(pixel_values=images, labels=labels), model.config.num_queries
        queries = made.last_hidden_state[:, :most]  # in training each query has copies behind it
        return Seen(
            made.logits[:, :most, 0], made.pred_masks[:, :most], queries, queries, made.loss
        )
    # As the model's own `forward`, which does not hand on the features of the picture.
    inner = model.model
    made = inner.model(images)
    logits, _ = inner.predict_class_and_boxes(
        made.last_hidden_state, made.intermediate_reference_points[-1]
    )
    masks = model.segmentation_head(
        made.backbone_features, made.intermediate_hidden_states, images.shape[-2:]
    )
    return Seen(logits[..., 0], masks[-1], made.last_hidden_state, made.backbone_features, None)


def _mask2former(model: Any, images: Tensor, targets: Targets | None) -> Seen:
    """Cheng et al., Masked-attention mask transformer, CVPR 2022."""
    made = model(pixel_values=images, **_labels(images, targets))
    queries = made.transformer_decoder_last_hidden_state
    return _of_two(made, queries, made.pixel_decoder_last_hidden_state)


def _eomt(model: Any, images: Tensor, targets: Targets | None) -> Seen:
    """Kerssies et al., Your ViT is secretly an image segmentation model, CVPR 2025."""
    made = model(pixel_values=images, **_labels(images, targets))
    most = model.config.num_queries
    cells = model.grid_size[0]
    patches = made.last_hidden_state[:, -cells * cells :].transpose(1, 2)
    return _of_two(made, made.last_hidden_state[:, :most], patches.unflatten(2, (cells, cells)))


def _labels(images: Tensor, targets: Targets | None) -> dict[str, list[Tensor]]:
    if targets is None:
        return {}
    return {
        "mask_labels": [target["masks"].to(images.dtype) for target in targets],
        "class_labels": [torch.zeros_like(target["labels"]) for target in targets],
    }


def _of_two(made: Any, queries: Tensor, features: Tensor) -> Seen:
    """Read logits of two classes, a package and nothing; their difference is the logit of both."""
    logits = made.class_queries_logits
    return Seen(
        logits[..., 0] - logits[..., 1], made.masks_queries_logits, queries, features, made.loss
    )


def _centred(boxes: Tensor) -> Tensor:
    """Return boxes ``(N, 4)`` xyxy as centre, width and height."""
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat(((low + high) / 2, high - low), dim=1)


FAMILIES = {
    "rf_detr": Family(
        "RfDetrForInstanceSegmentation",
        backbone="rf_detr_dinov2",
        width=lambda config: int(config.d_model),
        step=lambda config: int(
            config.backbone_config.patch_size * config.backbone_config.num_windows
        ),
        # Each query begins at a patch of its own.
        least=lambda config: int(
            math.ceil(math.sqrt(config.num_queries)) * config.backbone_config.patch_size
        ),
        side=lambda config: int(config.backbone_config.image_size),
        fixed=False,
        judged=False,
        look=_rf_detr,
    ),
    "mask2former": Family(
        "Mask2FormerForUniversalSegmentation",
        backbone="swin",
        width=lambda config: int(config.hidden_dim),
        step=lambda config: 32,
        least=lambda config: 32,
        side=lambda config: 640,
        fixed=False,
        judged=True,
        look=_mask2former,
    ),
    "eomt": Family(
        "EomtForUniversalSegmentation",
        backbone=None,
        width=lambda config: int(config.hidden_size),
        step=lambda config: int(config.patch_size),
        least=lambda config: int(config.image_size),
        side=lambda config: int(config.image_size),
        fixed=True,
        judged=True,
        look=_eomt,
    ),
}
"""By the ``model_type`` of their configuration."""
