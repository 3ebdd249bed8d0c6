"""``--budget``: how long a model may be trained, in seconds or in steps."""

import re
from dataclasses import dataclass
from typing import Annotated

import typer

MOST_STEPS = 100_000
"""Steps of a run that seconds alone end."""
_FORM = re.compile(r"(\d{1,6}) ?(s|seconds|min|minutes|steps)")
_SECONDS = {"s": 1, "seconds": 1, "min": 60, "minutes": 60}


@dataclass(frozen=True)
class Budget:
    """What a training run may take.

    Attributes:
        steps: At most.
        seconds: At most; None where steps alone count.
    """

    steps: int
    seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.steps} steps" if self.seconds is None else f"{self.seconds:g} s"


def read_budget(text: str) -> Budget:
    """Read ``60s``, ``5min`` or ``150steps``; raise typer's `BadParameter` on anything else."""
    found = _FORM.fullmatch(text.strip().lower())
    number = int(found[1]) if found else 0
    if found is None or number < 1 or (found[2] == "steps" and number > MOST_STEPS):
        raise typer.BadParameter(f"{text!r} is no budget such as 60s, 5min or 150steps")
    if found[2] == "steps":
        return Budget(number)
    return Budget(MOST_STEPS, float(number * _SECONDS[found[2]]))


BudgetOption = Annotated[
    Budget, typer.Option(parser=read_budget, metavar="TIME", help="60s, 5min or 150steps.")
]
