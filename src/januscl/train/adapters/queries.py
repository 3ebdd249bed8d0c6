"""A segmentation model of transformers as a network of ours: one adapter for all families.

The model itself learns, by its authors' own losses, what is a package and where. A layer of ours
reads from the query that fits a labelled instance best which kind it is. So a new kind cannot
change whether anything is found, or its outline. Letters: B pictures, S input size in px, Q
queries, N instances, D features of a query, h x w mask cells.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from januscl.core import InvalidInput
from januscl.train.adapters.reading import FAMILIES, Seen
from januscl.train.heads import grown_rows, untaught_rows
from januscl.train.networks import Detections, Network, Targets, check_multiple
from januscl.train.prepare import MEAN, SCALE

_NEAR_BIAS = -2.0
"""Logit of a kind that was added but not yet taught, which is never named. So near the others that
a tenth of the usual rate reaches them."""
_CANDIDATES = 300
"""Most queries that suppression compares."""
_IMAGENET_MEAN, _IMAGENET_SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""What pretrained weights expect of 8-bit RGB."""


class KindLayer(nn.Module):
    """From the features of queries ``(..., D)`` to logits of kinds ``(..., K)``."""

    def __init__(self, width: int, kinds: int) -> None:
        super().__init__()
        self.kinds = nn.Linear(width, kinds)

    def forward(self, queries: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.kinds(queries)
        return logits

    def named(self, queries: Tensor) -> Tensor:
        """Return the row of the most probable kind, ``(...) int64``; none that was never taught."""
        untaught = untaught_rows(self.kinds, _NEAR_BIAS)
        return self.forward(queries).masked_fill(untaught, -torch.inf).argmax(dim=-1)

    def untaught(self) -> dict[str, Tensor]:
        """Return, by parameter, which rows ``(K,) bool`` are of kinds that were never taught."""
        rows = untaught_rows(self.kinds, _NEAR_BIAS)
        return {"kinds.weight": rows, "kinds.bias": rows}


class QueryNetwork(Network):
    """A model that finds packages by queries, and a layer that names their kinds.

    It computes in ``float32`` whatever precision is asked for: the authors' losses overflow and
    round in less.

    Args:
        model: Of one of `FAMILIES`, built for one class.
        kinds: How many kinds it tells apart, at least 1.
    """

    lr_scale = 0.1
    alone = True
    _shift: Tensor
    _stretch: Tensor

    def __init__(self, model: Any, kinds: int) -> None:
        super().__init__()
        family, config = FAMILIES[model.config.model_type], model.config
        self._family, self.model = family, model
        self._step, self._least, self._side = (
            family.step(config), family.least(config), family.side(config),
        )  # fmt: skip
        self.kind_layer = KindLayer(family.width(config), kinds)
        mean, spread = torch.tensor(_IMAGENET_MEAN), torch.tensor(_IMAGENET_SPREAD)
        self.register_buffer("_shift", ((MEAN - mean) / spread).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_stretch", (SCALE / spread).view(1, 3, 1, 1), persistent=False)

    def losses(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the model's own loss, ``objects``, and the cross-entropy of ``kinds``."""
        with torch.autocast(images.device.type, enabled=False):
            pixels = self._pixels(images)
            if not any(len(target["labels"]) for target in targets):
                # Of nothing to match, the authors' losses give a loss without a value, or none.
                seen = self._family.look(self.model, pixels, None)
                nothing = F.softplus(seen.objects).mean()
                return {"objects": nothing, "kinds": nothing * 0}
            seen = self._family.look(self.model, pixels, targets)
            assert seen.loss is not None, "targets were given"
            return {"objects": seen.loss.reshape(()), "kinds": self._kind_loss(seen, targets)}

    def _kind_loss(self, seen: Seen, targets: Targets) -> Tensor:
        logits, wanted = [], []
        parts = zip(seen.masks, seen.objects, seen.queries, targets, strict=True)
        for masks, objects, queries, target in parts:
            query, instance = _matched(masks.detach(), objects.detach(), target["masks"])
            logits.append(self.kind_layer(queries[query]))
            wanted.append(target["labels"][instance] - 1)
        return F.cross_entropy(torch.cat(logits), torch.cat(wanted))

    @torch.inference_mode()
    def detect(
        self, images: Tensor, floor: float, limit: int
    ) -> tuple[list[Detections], dict[str, Tensor]]:
        """Find the instances of each picture, each mask over all of it.

        Of two masks that share half of their union or more, the surer one stays.
        """
        with torch.autocast(images.device.type, enabled=False):
            seen = self._family.look(self.model, self._pixels(images), None)
            rows = self.kind_layer.named(seen.queries)
        found = [
            self._best(masks.sigmoid(), objects.sigmoid(), kinds, floor, limit, images.shape[-1])
            for masks, objects, kinds in zip(seen.masks, seen.objects, rows, strict=True)
        ]
        return found, {"0": seen.features}

    def _best(
        self, masks: Tensor, scores: Tensor, rows: Tensor, floor: float, limit: int, side: int
    ) -> Detections:
        inside = masks >= 0.5
        area = inside.flatten(1).sum(dim=1)
        if self._family.judged:
            scores = scores * (masks * inside).flatten(1).sum(dim=1) / area.clamp(min=1)
        good = torch.nonzero((scores >= floor) & (area > 0))[:, 0]
        good = good[scores[good].argsort(descending=True, stable=True)[:_CANDIDATES]]
        kept = good[_apart(inside[good])][:limit]
        boxes = _tight(inside[kept]) * (side / inside.shape[-1])
        return Detections(boxes, scores[kept], rows[kept], masks[kept], whole=True)

    @torch.inference_mode()
    def first_features(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, S, S)`` to what the first layer makes of its patches, ``(B, C, h, w)``."""
        first = next(m for m in self.model.modules() if isinstance(m, nn.Conv2d))
        features: Tensor = first(self._pixels(images))
        return features

    def check_side(self, side: object, thing: str) -> None:
        """Refuse what the patches, the windows or the queries of the model do not go into."""
        fix = f"The model was made for {self._side}."
        if self._family.fixed and side != self._side:
            raise InvalidInput(thing, f"{self._side}", repr(side), fix)
        check_multiple(side, self._step, thing, fix)
        if isinstance(side, int) and side < self._least:
            raise InvalidInput(thing, f"{self._least} or more", f"{side}", fix)

    @property
    def own_side(self) -> int:
        """The side in px that the model was made for, or the nearest that it can take."""
        if self._family.fixed:
            return self._side
        least = -(-self._least // self._step)
        return max(round(self._side / self._step), least) * self._step

    @property
    def naming(self) -> nn.Linear:
        """The layer with a row for each kind."""
        return self.kind_layer.kinds

    def name_kinds(self, layer: nn.Linear) -> None:
        """Take another layer for the one that names kinds; nothing else changes."""
        self.kind_layer.kinds = layer

    def grow(self, added: int) -> None:
        """Add rows for ``added`` new kinds; what is seen, and its names, stay as they are."""
        self.name_kinds(grown_rows(self.naming, added, _NEAR_BIAS))

    @property
    def plan(self) -> dict[str, Any]:
        """The configuration of the model."""
        config: dict[str, Any] = self.model.config.to_dict()
        return {"config": config}

    def _pixels(self, images: Tensor) -> Tensor:
        """Return pictures as pretrained weights expect them."""
        return (images.float() * self._stretch + self._shift).contiguous()


def _matched(masks: Tensor, objects: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return which query stands for which labelled instance, as indices of both.

    Args:
        masks: ``(Q, h, w)`` logits.
        objects: ``(Q,)`` logits.
        truth: ``(N, S, S)`` of 0 and 1.
    """
    if not len(truth):
        none = torch.zeros(0, dtype=torch.int64, device=masks.device)
        return none, none
    mine = masks.sigmoid().flatten(1)
    small = F.interpolate(truth[None].float(), size=masks.shape[-2:], mode="area")[0].flatten(1)
    shared = 2 * mine @ small.T / (mine.sum(1)[:, None] + small.sum(1)[None] + 1e-6)
    worth = shared + objects.sigmoid()[:, None]
    query, instance = linear_sum_assignment(worth.cpu().numpy(), maximize=True)
    return torch.from_numpy(query).to(masks.device), torch.from_numpy(instance).to(masks.device)


def _apart(inside: Tensor) -> Tensor:
    """Return indices of the masks ``(N, h, w) bool`` that share less than half with a better one.

    Better ones come first.
    """
    flat = inside.flatten(1).float()
    shared, area = flat @ flat.T, flat.sum(dim=1)
    same = (shared >= 0.5 * (area[:, None] + area[None] - shared)).cpu().numpy()
    kept: list[int] = []
    for index in range(len(same)):
        if not same[index, np.asarray(kept, dtype=np.int64)].any():
            kept.append(index)
    return torch.tensor(kept, dtype=torch.int64, device=inside.device)


def _tight(inside: Tensor) -> Tensor:
    """Return the tight boxes ``(N, 4) float32`` xyxy of masks ``(N, h, w)``, none of them empty."""
    across, down = inside.any(dim=1).int(), inside.any(dim=2).int()
    width, height = across.shape[1], down.shape[1]
    edges = (
        across.argmax(dim=1),
        down.argmax(dim=1),
        width - across.flip(1).argmax(dim=1),
        height - down.flip(1).argmax(dim=1),
    )
    return torch.stack(edges, dim=1).float()
