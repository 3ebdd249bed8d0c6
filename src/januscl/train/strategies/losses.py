"""The losses of a network on labelled pictures, as training would see them."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from januscl.core import LabelledFrame

BatchOf = Callable[[Sequence[LabelledFrame]], Any]


def training_copy(network: nn.Module) -> nn.Module:
    """Return a copy that computes the losses of training and keeps the statistics of its norms."""
    copied = copy.deepcopy(network).train()
    for module in copied.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    return copied


def losses_of(
    network: nn.Module, frames: Sequence[LabelledFrame], batch_of: BatchOf
) -> NDArray[np.float64]:
    """Return the loss on each picture ``(N,)``, each judged by the same chance.

    A training loss samples regions: torch's chance is sown anew for each picture.
    """
    judge, losses = training_copy(network), np.zeros(len(frames))
    with torch.no_grad():
        for k, frame in enumerate(frames):
            torch.manual_seed(0)
            parts = judge(*batch_of([frame]))
            losses[k] = sum(float(part) for part in parts.values())
    return losses
