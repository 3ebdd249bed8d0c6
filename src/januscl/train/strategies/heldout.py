"""Pictures held out of training, by which the mix of two networks is chosen."""

import copy
from collections.abc import Sequence
from typing import TypeVar

from torch import nn

from januscl.core import LabelledFrame
from januscl.train.strategies.interpolation import interpolate
from januscl.train.strategies.losses import BatchOf, losses_of

Kept = TypeVar("Kept")
EVERY = 6
PARTS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class HeldOut:
    """Every sixth picture of what is new and of history.

    Args:
        new: The new pictures.
        history: The old ones.
        batch_of: Makes pictures into what the network takes.
    """

    def __init__(
        self, new: Sequence[LabelledFrame], history: Sequence[LabelledFrame], batch_of: BatchOf
    ) -> None:
        self._groups = [list(frames[EVERY - 1 :: EVERY]) for frames in (new, history)]
        self._batch_of = batch_of

    def kept(self, items: Sequence[Kept]) -> list[Kept]:
        """Return those that are trained on."""
        return [item for k, item in enumerate(items) if k % EVERY != EVERY - 1]

    def best_part(self, network: nn.Module, champion: nn.Module, otherwise: float) -> float:
        """Return the part of the way to ``network`` with the lowest loss on what was held out.

        New and old count alike, however many of each there are.

        Args:
            network: As trained; not changed.
            champion: Where it came from.
            otherwise: The answer where nothing new was held out.
        """
        if not self._groups[0]:
            return otherwise
        return min(PARTS, key=lambda part: self._loss(network, champion, part))

    def _loss(self, network: nn.Module, champion: nn.Module, part: float) -> float:
        between = copy.deepcopy(network)
        interpolate(champion, between, part)
        groups = [frames for frames in self._groups if frames]
        return sum(
            float(losses_of(between, frames, self._batch_of).mean()) for frames in groups
        ) / len(groups)
