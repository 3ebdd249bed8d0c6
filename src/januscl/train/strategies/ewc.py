"""Elastic weight consolidation: weights that mattered for history are held back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput, LabelledFrame, Strategy
from januscl.train.strategies.distill import not_begun, wrapped_name
from januscl.train.strategies.drawing import Naive


@dataclass(frozen=True)
class Ewc:
    """Adds ``strength / 2 sum F (w - w0)^2``, with w0 the champion's weights.

    F is the diagonal of the empirical Fisher information on pictures of history. Kirkpatrick et
    al., Overcoming catastrophic forgetting in neural networks, PNAS 2017, equation 3; with one term
    for all of history, as Schwarz et al., Progress & compress, ICML 2018, section 3.2.

    Attributes:
        strategy: How pictures are drawn.
        strength: Of the pull, above 0.
        pictures: Of history from which F is estimated, at most; each takes about as long as a
            picture of a training step.
        anchor: Weights and F, once `begin` has them; None without history.
        begun: Whether `begin` made it.

    Raises:
        InvalidInput: ``strength`` is not above 0, or ``pictures`` is below 1.
    """

    strategy: Strategy = field(default_factory=Naive)
    strength: float = 100.0
    pictures: int = 48
    anchor: Any = field(default=None, compare=False, repr=False)
    begun: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.strength > 0 or self.pictures < 1:
            raise InvalidInput(
                "ewc strength and pictures", "above 0, and 1 or more",
                f"{self.strength} and {self.pictures}", "Try 100 and 48.",
            )  # fmt: skip

    @property
    def name(self) -> str:
        """The inner strategy's name and ``+ewc``; ``ewc`` alone with `Naive`."""
        return wrapped_name(self.strategy, "ewc")

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Return the strategy that knows which weights mattered for history."""
        inner = self.strategy.begin(network, champion, new, history, batch_of)
        if not history:
            return replace(self, strategy=inner, anchor=None, begun=True)
        from januscl.train.strategies.anchor import Anchor

        chosen = (
            [history[k * len(history) // self.pictures] for k in range(self.pictures)]
            if (len(history) > self.pictures)
            else history
        )
        return replace(self, strategy=inner, anchor=Anchor(champion, chosen, batch_of), begun=True)

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return what the inner strategy draws."""
        return self.strategy.draw(new, history, shape, rng)

    def penalty(self, network: Any, batch: Any) -> Any:
        """Return the pull towards the champion's weights, none without history, and the inner one.

        Raises:
            Conflict: It has not begun.
        """
        if not self.begun:
            raise not_begun(self)
        inner = self.strategy.penalty(network, batch)
        if self.anchor is None:
            return inner
        return inner + 0.5 * self.strength * self.anchor.stretch(network)

    def finish(self, network: Any, champion: Any) -> None:
        """Do what the inner strategy does."""
        self.strategy.finish(network, champion)
