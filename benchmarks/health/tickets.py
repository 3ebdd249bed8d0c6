"""Whether a fault opens a ticket in time, and whether its cause is right."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np

from health.faults import FAULTS, Laid, Rng
from health.scenes import CLOCK, Start, grainy, window
from januscl.triage import FaultDesk
from januscl.watch import EProcess, main_cause

Figures = dict[str, object]


def first_ticket(start: Start, laid: Laid, rng: Rng) -> tuple[str, int, float]:
    """Return the first ticket's cause, the frames it took and by how many its `began` is off."""
    health, desk = deepcopy(start.health), FaultDesk(EProcess)
    began = None
    images = grainy([*start.healthy, *laid(list(start.coming), rng)], start.grain, rng)
    for number, image in enumerate(images):
        seen = CLOCK.observed(image, window(*image.shape[:2]) if start.grain else None)
        if number == len(start.healthy):
            began = seen.frame.at
        opened = desk.update("c", "r", seen.frame.at, main_cause(health.score(seen)))
        if opened and began is None:
            return f"{opened[0].cause} before it began", 0, 0.0
        if opened and began is not None:
            off = (opened[0].began - began).total_seconds() / 0.05
            return opened[0].cause, number - len(start.healthy) + 1, off
    return "", 0, 0.0


def wilson(hits: int, number: int) -> tuple[float, float]:
    if not number:
        return 0.0, 1.0
    z, share = 1.96, hits / number
    middle = (share + z * z / 2 / number) / (1 + z * z / number)
    reach = z / (1 + z * z / number) * np.sqrt(share * (1 - share) / number + (z / 2 / number) ** 2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def tried(starts: Sequence[Start], fault: str, severity: str) -> Figures:
    """Return what became of one fault at one severity, laid over each of the starts."""
    cause, levels = FAULTS[fault]
    laid = dict(levels)[severity]
    got = [first_ticket(s, laid, np.random.default_rng((k, 7))) for k, s in enumerate(starts)]
    right = [g for g in got if g[0] == cause]
    low, high = wilson(len(right), len(got))
    return {
        "fault": fault, "severity": severity, "n": len(got), "right": len(right),
        "missed": sum(not g[0] for g in got), "low": low, "high": high,
        "frames": float(np.median([g[1] for g in right])) if right else None,
        "began_off": float(np.mean([abs(g[2]) for g in right])) if right else None,
        "taken_for": sorted({g[0] for g in got if g[0] not in ("", cause)}),
    }  # fmt: skip


def line_of(row: Figures) -> str:
    """Return one line of the table."""
    n, right = row["n"], row["right"]
    frames = "-" if row["frames"] is None else f"{row['frames']:.0f}"
    off = "-" if row["began_off"] is None else f"{row['began_off']:.1f}"
    return (
        f"{row['fault']:14s} {row['severity']:13s} {100 * right / n:5.0f}% "
        f"({100 * row['low']:3.0f}..{100 * row['high']:3.0f}) missed {row['missed']:3d}/{n}"
        f"  frames {frames:>3s}  began off {off:>4s}  {', '.join(row['taken_for'])}"
    )
