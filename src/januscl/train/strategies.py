"""How a challenger learns what is new without losing what is old."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput, NotFound, Strategy


@dataclass(frozen=True)
class Naive:
    """Sees only what is new, and forgets: the baseline that every other strategy must beat."""

    @property
    def name(self) -> str:
        """``naive``."""
        return "naive"

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return indices ``(steps, batch)`` that go through the new pictures in turn."""
        return _in_turn(new, shape[0] * shape[1], rng).reshape(shape)

    def penalty(self, network: Any, batch: Any) -> float:
        """Add nothing to the loss."""
        return 0.0

    def finish(self, network: Any, champion: Any) -> None:
        """Leave the trained network as it is."""


@dataclass(frozen=True)
class Replay:
    """Mixes pictures of history into every step (Rolnick et al., NeurIPS 2019).

    Attributes:
        share: Part of all drawn pictures that come from history, in 0..1 and below 1.

    Raises:
        InvalidInput: ``share`` is outside its range.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise InvalidInput(
                "replay share", "0 or more and below 1", f"{self.share}", "0.5 is a good start."
            )

    @property
    def name(self) -> str:
        """``replay``."""
        return "replay"

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return indices ``(steps, batch)``; the share is spread evenly over the steps."""
        total = shape[0] * shape[1]
        quota = np.floor(np.arange(total + 1) * (self.share if history else 0.0))
        old = np.diff(quota) > 0
        drawn = np.empty(total, dtype=np.int64)
        drawn[~old] = _in_turn(new, int((~old).sum()), rng)
        drawn[old] = new + _in_turn(history, int(old.sum()), rng)
        return drawn.reshape(shape)

    def penalty(self, network: Any, batch: Any) -> float:
        """Add nothing to the loss."""
        return 0.0

    def finish(self, network: Any, champion: Any) -> None:
        """Leave the trained network as it is."""


@dataclass(frozen=True)
class Interpolate:
    """Goes a part of the way back to the champion once training has ended.

    On the straight line between the two, what is new is lost slowly and what is old comes back
    fast (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022).

    Attributes:
        strategy: How training itself goes.
        part: Of the way from the champion, above 0 and up to 1.

    Raises:
        InvalidInput: ``part`` is outside its range.
    """

    strategy: Strategy
    part: float = 0.85

    def __post_init__(self) -> None:
        if not 0 < self.part <= 1:
            raise InvalidInput(
                "interpolation", "above 0 and up to 1", f"{self.part}", "0.85 is a good start."
            )

    @property
    def name(self) -> str:
        """The inner strategy's name and ``+interpolate``."""
        return f"{self.strategy.name}+interpolate"

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return what the inner strategy draws."""
        return self.strategy.draw(new, history, shape, rng)

    def penalty(self, network: Any, batch: Any) -> Any:
        """Return the inner strategy's penalty."""
        return self.strategy.penalty(network, batch)

    def finish(self, network: Any, champion: Any) -> None:
        """Move every weight of the trained network towards the champion's."""
        self.strategy.finish(network, champion)
        interpolate(champion, network, self.part)


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


def strategy_named(name: str) -> Strategy:
    """Return a strategy with its default settings by its name.

    Raises:
        NotFound: No strategy has this name.
    """
    known: tuple[Strategy, ...] = (Naive(), Replay(), Interpolate(Replay(0.7)))
    for strategy in known:
        if strategy.name == name:
            return strategy
    raise NotFound(f"strategy {name!r} is not one of {[s.name for s in known]}")


def _in_turn(count: int, total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``total`` indices below ``count``, each as often as any other, in mixed order."""
    if not total:
        return np.empty(0, dtype=np.int64)
    rounds = [rng.permutation(count) for _ in range(-(-total // count))]
    return np.concatenate(rounds)[:total].astype(np.int64)
