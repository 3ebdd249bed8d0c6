"""What the demo and the replay hand to the command that runs them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Account:
    """The account of a run.

    Attributes:
        lines: For a person.
        facts: For a program, as JSON values.
        report: The page.
    """

    lines: tuple[str, ...]
    facts: dict[str, Any]
    report: Path


def ap_points(value: float) -> str:
    """Return an AP, or a difference of two, in points of 100."""
    return f"{100 * value:.1f}"
