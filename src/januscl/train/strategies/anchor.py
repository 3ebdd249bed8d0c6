"""Where the champion's weights are, and how much each of them matters for history."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from januscl.core import LabelledFrame
from januscl.train.strategies.losses import BatchOf, training_copy


class Anchor:
    """The champion's weights with the diagonal of the empirical Fisher information.

    Args:
        champion: Is not changed.
        history: N pictures; F is the mean over them of the squared gradient of the loss.
        batch_of: Makes pictures into what the network takes.
    """

    def __init__(
        self, champion: nn.Module, history: Sequence[LabelledFrame], batch_of: BatchOf
    ) -> None:
        network = training_copy(champion)
        self._weights = {n: p.detach().clone() for n, p in network.named_parameters()}
        self._matter = {n: torch.zeros_like(p) for n, p in self._weights.items()}
        for frame in history:
            loss = torch.stack(list(network(*batch_of([frame])).values())).sum()
            gradients = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)
            for matter, gradient in zip(self._matter.values(), gradients, strict=True):
                if gradient is not None:
                    matter += gradient**2 / len(history)

    def stretch(self, network: nn.Module) -> Tensor:
        """Return ``sum F (w - w0)^2`` over all weights; 0 without history."""
        return torch.stack(
            [
                (matter * (_weight(network, name) - self._weights[name]) ** 2).sum()
                for name, matter in self._matter.items()
            ]
        ).sum()


def _weight(network: nn.Module, name: str) -> Any:
    """Return a weight by its name; by attribute, which finds one that is computed from others."""
    found: Any = network
    for part in name.split("."):
        found = getattr(found, part)
    return found
