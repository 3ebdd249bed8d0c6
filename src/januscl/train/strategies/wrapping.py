"""What strategies have in common that add something to another one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, LabelledFrame, Strategy
from januscl.train.strategies.drawing import Naive


@dataclass(frozen=True)
class Wrapping:
    """Does in every respect what the inner strategy does; each of its kind adds one thing.

    Attributes:
        strategy: The inner one, which draws the pictures, or wraps one that does.
    """

    strategy: Strategy = field(default_factory=Naive)

    @property
    def added(self) -> str:
        """The name of what is added."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The inner strategy's name, ``+`` and what is added; that alone with `Naive`."""
        inner = self.strategy
        return self.added if isinstance(inner, Naive) else f"{inner.name}+{self.added}"

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Return the strategy with the inner one made ready."""
        inner = self.strategy.begin(network, champion, new, history, batch_of)
        return replace(self, strategy=inner)

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return what the inner strategy draws."""
        return self.strategy.draw(new, history, shape, rng)

    def penalty(self, network: Any, batch: Any) -> Any:
        """Return the inner strategy's penalty."""
        return self.strategy.penalty(network, batch)

    def finish(self, network: Any, champion: Any) -> None:
        """Do what the inner strategy does."""
        self.strategy.finish(network, champion)

    def not_begun(self) -> Conflict:
        """Return the error of a strategy that is asked before its run has begun."""
        return Conflict(f"strategy {self.name} has not begun: call its begin, as fit does")
