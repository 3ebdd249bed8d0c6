"""Elastic weight consolidation: weights that mattered for history are held back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from januscl.core import InvalidInput, LabelledFrame
from januscl.train.strategies.wrapping import Wrapping


@dataclass(frozen=True)
class Ewc(Wrapping):
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
    def added(self) -> str:
        """``ewc``."""
        return "ewc"

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Return the strategy that knows which weights mattered for history."""
        ready = super().begin(network, champion, new, history, batch_of)
        if not history:
            return replace(ready, anchor=None, begun=True)
        from januscl.train.strategies.anchor import Anchor

        count = min(self.pictures, len(history))
        chosen = [history[k * len(history) // count] for k in range(count)]
        return replace(ready, anchor=Anchor(champion, chosen, batch_of), begun=True)

    def penalty(self, network: Any, batch: Any) -> Any:
        """Return the pull towards the champion's weights, none without history, and the inner one.

        Raises:
            Conflict: It has not begun.
        """
        if not self.begun:
            raise self.not_begun()
        inner = super().penalty(network, batch)
        if self.anchor is None:
            return inner
        return inner + 0.5 * self.strength * self.anchor.stretch(network)
