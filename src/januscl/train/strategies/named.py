"""Strategies by name, alone or joined by ``+``."""

from collections.abc import Callable

from januscl.core import InvalidInput, NotFound, Strategy
from januscl.train.strategies.distill import Distill
from januscl.train.strategies.drawing import Joint, Naive, Replay
from januscl.train.strategies.ewc import Ewc
from januscl.train.strategies.interpolation import Interpolate
from januscl.train.strategies.lora import Lora

_DRAWING: dict[str, Callable[[float], Strategy]] = {
    "naive": lambda share: Naive(),
    "joint": lambda share: Joint(),
    "replay": Replay,
    "replay:balanced": lambda share: Replay(share, "balanced"),
    "replay:hardest": lambda share: Replay(share, "hardest"),
}
_ADDING: dict[str, Callable[[Strategy], Strategy]] = {
    "lora": Lora,
    "distill": Distill,
    "ewc": Ewc,
    "interpolate": Interpolate,
    "interpolate:held": lambda inner: Interpolate(inner, held=True),
}
DRAWN = tuple(_DRAWING)
"""Which pictures are seen; one of them at most."""
ADDED = tuple(_ADDING)
"""What is done besides, from the innermost: going back comes after all that trains."""


def strategy_named(name: str) -> Strategy:
    """Return a strategy with its default settings by its name.

    Args:
        name: One of `DRAWN`, any of `ADDED`, or both, joined by ``+`` in any order, such as
            ``replay+distill+interpolate``. What draws is ``naive`` where none is named.

    Raises:
        NotFound: No strategy has this name.
        InvalidInput: Two of the names exclude each other, or one stands twice.
    """
    parts = name.split("+")
    unknown = [part for part in parts if part not in DRAWN + ADDED]
    if unknown:
        raise NotFound(
            f"strategy {name!r} is not one of {list(DRAWN + ADDED)}, or several joined by +"
        )
    families = ["draw" if part in DRAWN else part.partition(":")[0] for part in parts]
    if len(set(families)) < len(families):
        raise InvalidInput(
            f"strategy {name}",
            f"one of {', '.join(DRAWN)} at most, and each other name once",
            " and ".join(p for p, f in zip(parts, families, strict=True) if families.count(f) > 1),
            "Leave one of them out.",
        )
    return _built(set(parts))


def _built(parts: set[str]) -> Strategy:
    # The share that the demo and its figures were made with.
    share = 0.7 if any(part.startswith("interpolate") for part in parts) else 0.5
    drawn = next((part for part in parts if part in _DRAWING), "naive")
    strategy = _DRAWING[drawn](share)
    for name, add in _ADDING.items():
        if name in parts:
            strategy = add(strategy)
    return strategy
