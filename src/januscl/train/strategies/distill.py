"""Distillation: the challenger is held to what the champion sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from januscl.core import InvalidInput, LabelledFrame
from januscl.train.strategies.wrapping import Wrapping


@dataclass(frozen=True)
class Distill(Wrapping):
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

    weight: float = 1.0
    teacher: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise InvalidInput("distill weight", "above 0", f"{self.weight}", "Try 1.")

    @property
    def added(self) -> str:
        """``distill``."""
        return "distill"

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

        begun = super().begin(network, champion, new, history, batch_of)
        return replace(begun, teacher=Teacher(champion, network))

    def penalty(self, network: Any, batch: Any) -> Any:
        """Return the distance from the champion on this batch, and the inner penalty.

        Raises:
            Conflict: It has not begun.
        """
        if self.teacher is None:
            raise self.not_begun()
        apart = self.teacher.apart(network, *batch)
        return super().penalty(network, batch) + self.weight * apart

    def finish(self, network: Any, champion: Any) -> None:
        """Let the teacher go."""
        super().finish(network, champion)
        if self.teacher is not None:
            self.teacher.leave()
