"""How a cycle tells how far it has come, in lines for a person."""

from collections.abc import Callable
from typing import Any

Progress = Callable[[str], None]
_PARTS = 10


def silent(text: str) -> None:
    """Tell nobody."""


def of_training(progress: Progress) -> Callable[[dict[str, Any]], None]:
    """Return what an executor calls with each step: about ten of them are told, and the last."""

    def told(fields: dict[str, Any]) -> None:
        step, steps = int(fields["step"]), int(fields["steps"])
        if step == steps or step % max(1, steps // _PARTS) == 0:
            progress(f"training: step {step} of {steps}, loss {fields['loss']:.3g}")

    return told
