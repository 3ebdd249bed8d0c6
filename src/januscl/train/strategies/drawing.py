"""Strategies that choose which pictures a step sees, and do nothing else."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput, LabelledFrame

CHOICES = ("uniform", "balanced", "hardest")
_NOTHING = frozenset({0})
"""The kind, in the balance, of a picture without instances: the background."""


class Drawing:
    """What all of them have in common: they draw, and leave the training alone."""

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Return itself: it needs to know nothing."""
        return self

    def penalty(self, network: Any, batch: Any) -> float:
        """Add nothing to the loss."""
        return 0.0

    def finish(self, network: Any, champion: Any) -> None:
        """Leave the trained network as it is."""


@dataclass(frozen=True)
class Naive(Drawing):
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


@dataclass(frozen=True)
class Joint(Drawing):
    """Sees every picture, new or old, equally often: the upper bound, given steps enough."""

    @property
    def name(self) -> str:
        """``joint``."""
        return "joint"

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return indices ``(steps, batch)`` that go through all pictures in turn."""
        return _in_turn(new + history, shape[0] * shape[1], rng).reshape(shape)


@dataclass(frozen=True)
class Replay(Drawing):
    """Mixes pictures of history into every step (Rolnick et al., NeurIPS 2019).

    Attributes:
        share: Part of all drawn pictures that come from history, in 0..1 and below 1.
        choice: Which of them: ``uniform``, each equally often; ``balanced``, each kind equally
            often, and then each picture that shows it; ``hardest``, the half on which the
            champion's loss is highest, each equally often.
        odds: Of each picture of history, once `begin` knows them; None for equal ones.

    Raises:
        InvalidInput: ``share`` is outside its range, or there is no such choice.
    """

    share: float = 0.5
    choice: str = "uniform"
    odds: tuple[float, ...] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise InvalidInput(
                "replay share", "0 or more and below 1", f"{self.share}", "0.5 is a good start."
            )
        if self.choice not in CHOICES:
            raise InvalidInput(
                "replay choice", f"one of {', '.join(CHOICES)}", repr(self.choice)[:40],
                "uniform is a good start.",
            )  # fmt: skip

    @property
    def name(self) -> str:
        """``replay``, with a colon and the choice where it is not ``uniform``."""
        return "replay" if self.choice == "uniform" else f"replay:{self.choice}"

    def begin(
        self,
        network: Any,
        champion: Any,
        new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame],
        batch_of: Callable[[Sequence[LabelledFrame]], Any],
    ) -> Self:
        """Return the strategy that knows how often to show each picture of history."""
        if not history or self.choice == "uniform":
            return self
        if self.choice == "balanced":
            return replace(self, odds=_balanced(history))
        # torch takes seconds to import, and names are checked where nothing is trained.
        from januscl.train.strategies.losses import losses_of

        losses = losses_of(champion, history, batch_of)
        hard = np.argsort(-losses, kind="stable")[: -(-len(losses) // 2)]
        odds = np.isin(np.arange(len(losses)), hard) / len(hard)
        return replace(self, odds=tuple(odds.tolist()))

    def draw(
        self, new: int, history: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return indices ``(steps, batch)``; the share is spread evenly over the steps."""
        total = shape[0] * shape[1]
        quota = np.floor(np.arange(total + 1) * (self.share if history else 0.0))
        old = np.diff(quota) > 0
        drawn = np.empty(total, dtype=np.int64)
        drawn[~old] = _in_turn(new, int((~old).sum()), rng)
        count = int(old.sum())
        if self.odds is None or not history:
            drawn[old] = new + _in_turn(history, count, rng)
        else:
            drawn[old] = new + rng.choice(history, count, p=self.odds)
        return drawn.reshape(shape)


def _balanced(history: Sequence[LabelledFrame]) -> tuple[float, ...]:
    """Return the odds of each picture when a kind is drawn first, and then one that shows it."""
    shown = [frozenset(frame.truth.labels.tolist()) or _NOTHING for frame in history]
    counts = Counter(kind for kinds in shown for kind in kinds)
    return tuple(sum(1 / counts[kind] for kind in kinds) / len(counts) for kinds in shown)


def _in_turn(count: int, total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``total`` indices below ``count``, each as often as any other, in mixed order."""
    if not total:
        return np.empty(0, dtype=np.int64)
    rounds = [rng.permutation(count) for _ in range(-(-total // count))]
    return np.concatenate(rounds)[:total].astype(np.int64)
