"""Distillation: the challenger is held to what the champion sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Conflict, InvalidInput, LabelledFrame, Strategy
from januscl.train.strategies.drawing import Naive


@dataclass(frozen=True)
class Distill:
    """Adds to the loss how far the challenger is from the champion, in kinds, boxes and masks.

    Li and Hoiem, Learning without Forgetting, ECCV 2016; on the regions of a detector: Shmelkov et
    al., Incremental learning of object detectors without catastrophic forgetting, ICCV 2017; with
    masks: Cermelli et al., Modeling missing annotations for incremental learning in object
    detection, CVPR workshops 2022. Regions where a picture's labels contradict the champion are
    left out: there it has nothing to teach. It takes a second, smaller network's time a step.

    Attributes:
        strategy: How pictures are drawn; with `Naive` it is learning without forgetting.
        weight: Of what is added, above 0.
        teacher: The champion at work, once `begin` has met it.

    Raises:
        InvalidInput: ``weight`` is not above 0.
    """

    strategy: Strategy = field(default_factory=Naive)
    weight: float = 1.0
    teacher: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise InvalidInput("distill weight", "above 0", f"{self.weight}", "Try 1.")

    @property
    def name(self) -> str:
        """The inner strategy's name and ``+distill``; ``distill`` alone with `Naive`."""
        return wrapped_name(self.strategy, "distill")

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Return the strategy with the champion as its teacher.

        Raises:
            InvalidInput: The network is not one whose regions it knows.
        """
        from januscl.train.strategies.teacher import Teacher

        inner = self.strategy.begin(network, champion, new, history, batch_of)
        return replace(self, strategy=inner, teacher=Teacher(champion, network))

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return what the inner strategy draws."""
        return self.strategy.draw(new, history, shape, rng)

    def penalty(self, network: Any, batch: Any) -> Any:
        """Return the distance from the champion on this batch, and the inner penalty.

        Raises:
            Conflict: It has not begun.
        """
        if self.teacher is None:
            raise not_begun(self)
        apart = self.teacher.apart(network, *batch)
        return self.strategy.penalty(network, batch) + self.weight * apart

    def finish(self, network: Any, champion: Any) -> None:
        """Let the teacher go."""
        self.strategy.finish(network, champion)
        if self.teacher is not None:
            self.teacher.leave()


def wrapped_name(inner: Strategy, own: str) -> str:
    """Return the name of what wraps a strategy; `Naive` goes without saying."""
    return own if isinstance(inner, Naive) else f"{inner.name}+{own}"


def not_begun(strategy: Strategy) -> Conflict:
    """Return the error of a strategy that is asked before its run has begun."""
    return Conflict(f"strategy {strategy.name} has not begun: call its begin, as fit does")
