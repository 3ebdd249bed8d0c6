"""What the demo and the replay hand to the command that runs them, and how it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape

from januscl.cli.output import console, print_json
from januscl.line.report import Retention


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

    def tell(self, as_json: bool) -> None:
        """Print it, for a program or for a person."""
        if as_json:
            print_json(self.facts)
            return
        for line in self.lines:
            console.print(line, highlight=False, markup=False)
        console.print(
            f"\n[bold]{escape(str(self.report))}[/] tells it with pictures.", soft_wrap=True
        )


def ap_points(value: float) -> str:
    """Return an AP, or a difference of two, in points of 100."""
    return f"{round(100 * value, 1) + 0.0:.1f}"  # no minus before a nought


def gain_points(before: float, after: float) -> str:
    """Return what an AP gained, in points of 100, as whoever subtracts the printed ones has it."""
    return f"{round(100 * after, 1) - round(100 * before, 1) + 0.0:.1f}"


def failed(counted: Mapping[str, int] | None) -> str:
    """Write how many of a number of picks failed, such as ``7 of 48 (15%)``."""
    if not counted or not counted["picks"]:
        return "none of 0"
    share = 100 * counted["failed"] / counted["picks"]
    return f"{counted['failed']} of {counted['picks']} ({share:.0f}%)"


def kept_lines(kept: Retention | None) -> tuple[str, ...]:
    """Tell what the last champion kept of what the ones before it knew; nothing where none was."""
    if kept is None:
        return ()
    return (
        f"Kept     over {len(kept.champions)} champions: an old slice lost "
        f"{ap_points(kept.forgetting)} points of AP since its best (forgetting), and gained "
        f"{ap_points(kept.backward_transfer)} since it was learned (backward transfer), on "
        "average.",
    )
