"""What happens in each episode: a fault at one of three severities, a novelty, or both at once."""

from collections.abc import Iterator
from dataclasses import dataclass

from events.made_up import MADE_UP
from januscl.sim import FAULTS, LATE_KINDS

LEVELS = ("mild", "middle", "strong")
# Mild is about one and a half times what a technician is called for; see `januscl.watch.causes`.
SEVERITIES: dict[str, tuple[float, float, float]] = {
    "lamp_failed": (0.45, 0.7, 1.0),  # share of the lamp's light that is lost
    "over_exposed": (0.15, 0.3, 0.6),  # 1.36, 1.72 and 2.44 times as bright
    "defocus": (0.4, 0.65, 1.0),  # circle of confusion of 2.3, 3.7 and 5.8 px radius
    "camera_knocked": (0.15, 0.4, 1.0),  # 9, 24 and 60 mm, and 1, 2.8 and 7 degrees
    "dirty_lens": (0.3, 0.6, 1.0),  # smears that take up to 53, 71 and 95% of the light
    "frozen_frame": (0.6, 0.8, 1.0),  # share of the frames that are the one before
    "noisy_sensor": (0.12, 0.3, 0.8),  # 4, 10 and 27 levels of noise on top of 1.6
    "colour_cast": (0.3, 0.6, 1.0),  # channels changed by up to 11, 23 and 38%
    "flicker": (0.25, 0.5, 1.0),  # bands 10, 20 and 40% brighter and darker
}
assert set(SEVERITIES) == set(FAULTS)
MIDDLE = 1
KINDS = (*LATE_KINDS, *MADE_UP)
EVERYWHERE = "black polybag"
"""What arrives on all cameras while one of them has a fault."""
BEFORE, DURING, AFTER = 4, 20, 6
"""Frames of an episode: ordinary, of what it is about, and after it."""
REFERENCE, ORDINARY, CELLS = 30, 60, 3


@dataclass(frozen=True)
class Episode:
    """One clip of one camera.

    Attributes:
        seed: Of the cells, and with the name of all chance.
        cell: Which of the seed's cells.
        fault: One of `FAULTS`, or empty.
        level: Row of `LEVELS`.
        kind: The novelty that arrives, or empty.
        reference: Whether it is what the camera is learned from.
    """

    seed: int
    cell: int = 0
    fault: str = ""
    level: int = 0
    kind: str = ""
    reference: bool = False

    @property
    def name(self) -> str:
        """The name of its file."""
        parts = [f"s{self.seed}c{self.cell}"]
        parts += ["reference"] if self.reference else []
        parts += [f"{self.fault}-{LEVELS[self.level]}"] if self.fault else []
        parts += [self.kind.replace(" ", "-")] if self.kind else []
        return "_".join(parts if len(parts) > 1 else [*parts, "ordinary"])


def episodes(seed: int, kinds: tuple[str, ...] = KINDS) -> Iterator[Episode]:
    """Yield the clips of a seed: references first, then what is judged."""
    for cell in range(CELLS):
        yield Episode(seed, cell, reference=True)
    yield Episode(seed)
    for kind in kinds:
        for cell in range(CELLS):
            yield Episode(seed, cell, kind=kind)
    for fault in FAULTS:
        for level in range(len(LEVELS)):
            yield Episode(seed, fault=fault, level=level)
        yield Episode(seed, fault=fault, level=MIDDLE, kind=EVERYWHERE)
