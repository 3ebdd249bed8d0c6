"""Low-rank adaptation: large layers move in a few directions only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from januscl.core import InvalidInput, LabelledFrame
from januscl.train.strategies.wrapping import Wrapping


@dataclass(frozen=True)
class Lora(Wrapping):
    """Keeps the champion's large weights and learns what of low rank is added to each.

    Hu et al., LoRA: low-rank adaptation of large language models, ICLR 2022, section 4.1; a
    convolution's kernel counts as a matrix of one row for each output. Weights with a side of at
    most twice the rank, biases and norms are trained whole. What was added is merged when training
    ends: the model keeps its shape and speed.

    Attributes:
        strategy: How pictures are drawn.
        rank: Of what is added, 1 or more.

    Raises:
        InvalidInput: ``rank`` is below 1.
    """

    rank: int = 8

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise InvalidInput("lora rank", "1 or more", f"{self.rank}", "Try 8.")

    @property
    def added(self) -> str:
        """``lora``."""
        return "lora"

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Freeze the network's large weights in place and add to each what is to be learned.

        Raises:
            InvalidInput: No layer of the network is large enough.
        """
        from januscl.train.strategies.lowrank import add_low_rank

        begun = super().begin(network, champion, new, history, batch_of)
        add_low_rank(network, self.rank)
        return begun

    def finish(self, network: Any, champion: Any) -> None:
        """Merge what was learned into the weights, which may all be trained again."""
        from januscl.train.strategies.lowrank import merge_low_rank

        merge_low_rank(network)
        super().finish(network, champion)
