"""Weights to which a product of two thin matrices is added, in place."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from januscl.core import InvalidInput


class LowRank(nn.Module):
    """Adds a matrix of low rank to a weight; at first it is 0.

    Args:
        weight: ``(R, ...)``, taken for a matrix of R rows.
        rank: Of what is added.
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        self.down = nn.Parameter(torch.randn(rank, columns, device=weight.device) / rank**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight with what was learned."""
        return weight + (self.up @ self.down).view(weight.shape)


def add_low_rank(network: nn.Module, rank: int) -> None:
    """Freeze every large weight of linear and convolution layers and let a low rank be learned.

    Raises:
        InvalidInput: No weight has both sides above twice the rank.
    """
    large = [
        module
        for module in network.modules()
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
        and min(module.weight.shape[0], module.weight[0].numel()) > 2 * rank
    ]
    if not large:
        raise InvalidInput(
            "lora", f"a network with linear or convolution layers wider than {2 * rank}", "none",
            "Take another strategy, or a lower rank.",
        )  # fmt: skip
    for module in large:
        module.weight.requires_grad_(False)
        parametrize.register_parametrization(module, "weight", LowRank(module.weight, rank))


def merge_low_rank(network: nn.Module) -> None:
    """Put what was learned into the weights, and let all of them be trained again."""
    for module in list(network.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
            module.weight.requires_grad_(True)
