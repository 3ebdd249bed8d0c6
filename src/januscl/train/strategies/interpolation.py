"""Interpolation: weights between the champion's and the challenger's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput, LabelledFrame
from januscl.train.strategies.wrapping import Wrapping


@dataclass(frozen=True)
class Interpolate(Wrapping):
    """Goes a part of the way back to the champion once training has ended.

    On the straight line between the two, what is new is lost slowly and what is old comes back
    fast (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).

    Attributes:
        strategy: How training itself goes.
        part: Of the way from the champion, above 0 and up to 1.
        held: Whether a sixth of the new and of the old pictures is held out of training to choose
            the part by: that of the lowest loss on both. Where there are fewer than six new ones,
            ``part`` is taken.
        pictures: Those held out, once `begin` has chosen them.

    Raises:
        InvalidInput: ``part`` is outside its range.
    """

    part: float = 0.85
    held: bool = False
    pictures: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.part <= 1:
            raise InvalidInput(
                "interpolation", "above 0 and up to 1", f"{self.part}", "0.85 is a good start."
            )

    @property
    def added(self) -> str:
        """``interpolate``, with ``:held`` where pictures are held out."""
        return "interpolate:held" if self.held else "interpolate"

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Return the strategy with its pictures held out, which the inner one never meets."""
        if not self.held:
            return super().begin(network, champion, new, history, batch_of)
        from januscl.train.strategies.heldout import HeldOut

        pictures = HeldOut(new, history, batch_of)
        begun = super().begin(
            network, champion, pictures.kept(new), pictures.kept(history), batch_of
        )
        return replace(begun, pictures=pictures)

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return what the inner strategy draws, of the pictures that are not held out."""
        if self.pictures is None:
            return super().draw(new, history, shape, rng)
        mine, old = (np.asarray(self.pictures.kept(range(n))) for n in (new, history))
        drawn = self.strategy.draw(len(mine), len(old), shape, rng)
        return np.concatenate((mine, new + old)).astype(np.int64)[drawn]

    def finish(self, network: Any, champion: Any) -> None:
        """Move every weight of the trained network towards the champion's."""
        super().finish(network, champion)
        part = self.part
        if self.pictures is not None:
            part = self.pictures.best_part(network, champion, self.part)
        interpolate(champion, network, part)


def interpolate(champion: Any, network: Any, part: float) -> None:
    """Move the weights of ``network`` in place to ``part`` of the way from the champion's.

    But for the rows of kinds that the champion was not taught: there is nothing to go back to, and
    the model would see the new kind and call it by another name.
    """
    before, after = champion.state_dict(), network.state_dict()
    between = {
        name: before[name].lerp(weight, part) if weight.is_floating_point() else weight
        for name, weight in after.items()
    }
    for place, module in champion.named_modules():
        rows = module.untaught() if hasattr(module, "untaught") else {}
        for name, fresh in rows.items():
            between[f"{place}.{name}"][fresh] = after[f"{place}.{name}"][fresh]
    network.load_state_dict(between)
