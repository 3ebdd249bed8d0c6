"""What is learned: streams of phases in the order in which they come."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from januscl.core import LabelledFrame, Taxonomy
from januscl.sim import BASE_MIX, Look
from learn.keeping import read_frames, write_frames
from learn.phases import Desk, Ore, Piles

FIRST, NEW, TEST = 96, 40, 24
"""Pictures to learn from in the first phase and in each later one, and to judge each by."""


class Phase(Protocol):
    """One thing to learn."""

    @property
    def name(self) -> str:
        """For the table."""

    @property
    def kinds(self) -> dict[str, str]:
        """Name to shape of the kinds that it shows."""

    def draw(
        self, count: int, seed: int, test: bool, taxonomy: Taxonomy, size: int
    ) -> list[LabelledFrame]:
        """Return its pictures; those to judge by are the same for every seed."""


@dataclass(frozen=True)
class Stream:
    """Phases in the order in which they come; the first is what a model knows to begin with.

    Attributes:
        start: The shipped model that learns the first phase: ``factory`` or ``universal``.
    """

    name: str
    phases: tuple[Phase, ...]
    start: str

    def taxonomy(self, number: int) -> Taxonomy:
        """Return the kinds met by the end of a phase, under ids in the order of their coming."""
        known = Taxonomy()
        for phase in self.phases[: number + 1]:
            for name, shape in phase.kinds.items():
                if not known.has(name):
                    known = known.with_kind(name, shape)
        return known


USUAL = Look()
BRIGHT = Look(belt=(0.88, 0.86, 0.80), bin=(0.78, 0.72, 0.62), floor=(0.90, 0.89, 0.86))
DARK = Look(
    belt=(0.12, 0.12, 0.13), bin=(0.10, 0.10, 0.10), floor=(0.15, 0.14, 0.14), lamp=0.30,
    ambient=0.12,
)  # fmt: skip
RED = Look(
    belt=(0.50, 0.22, 0.16), bin=(0.62, 0.52, 0.18), floor=(0.58, 0.28, 0.20), camera_height=0.78
)
GREEN = Look(
    belt=(0.16, 0.42, 0.22), bin=(0.82, 0.82, 0.84), floor=(0.20, 0.52, 0.28), camera_back=0.42
)
FAR = Look(
    belt=(0.88, 0.86, 0.80), bin=(0.30, 0.30, 0.55), floor=(0.90, 0.89, 0.86), camera_height=1.4,
    lamp=1.05, ambient=0.10, lamp_at=(-1.0, 0.1, 0.7),
)  # fmt: skip

KINDS = Stream(
    "kinds",
    (
        Piles("box, mailer", {"box": 0.5, "padded mailer": 0.5}),
        *(
            Piles(kind, {kind: 1.0})
            for kind in ("tube", "black polybag", "flat envelope", "cylinder", "holiday box")
        ),
    ),
    "universal",
)
"""New kinds one after another, each in piles of its own."""

ENVIRONMENTS = Stream(
    "environments",
    (
        Piles("usual", BASE_MIX, USUAL),
        Piles("dark", BASE_MIX, DARK),
        Piles("bright belt", BASE_MIX, BRIGHT),
        Piles("red, near", BASE_MIX, RED),
        Piles("green, slanted", BASE_MIX, GREEN),
        Piles("far, lamp from the side", BASE_MIX, FAR),
    ),
    "factory",
)
"""Piles of the same kinds before another background, under another light, from another height."""

BOTH = Stream(
    "both",
    (
        Piles("box, mailer; usual", {"box": 0.5, "padded mailer": 0.5}, USUAL),
        Piles("tube; bright belt", {"tube": 1.0}, BRIGHT),
        Piles("black polybag; dark", {"black polybag": 1.0}, DARK),
        Piles("flat envelope; red, near", {"flat envelope": 1.0}, RED),
        Piles("cylinder; green, slanted", {"cylinder": 1.0}, GREEN),
        Piles("holiday box; far", {"holiday box": 1.0}, FAR),
    ),
    "universal",
)
"""New kinds, each in an environment of its own."""

PHOTOGRAPHS = "photographs"
"""Name of the one stream that needs data from elsewhere."""

_OBJECTS = ("fashdrive", "10bath", "eraser", "airpod", "allmember")


def streams_of(data: Path) -> dict[str, Stream]:
    """Return all streams by name.

    Args:
        data: Folder of the photographs: quarters of lump ore, then the five objects of a desk,
            one after another.
    """
    phases = (Ore(data), *(Desk(data, name) for name in _OBJECTS))
    photographs = Stream(PHOTOGRAPHS, phases, "universal")
    return {stream.name: stream for stream in (KINDS, ENVIRONMENTS, BOTH, photographs)}


def pictures(
    stream: Stream, number: int, seed: int, size: int, test: bool, folder: Path
) -> list[LabelledFrame]:
    """Return the pictures of a phase, from ``folder`` where they were drawn before.

    Args:
        stream: Of phases.
        number: Of the phase, from 0.
        seed: Of the pictures to learn from; those to judge by are the same for all seeds.
        size: Side of a picture in px.
        test: Whether to judge by, or else to learn from.
        folder: Where they are kept.
    """
    drawn_by = 90_000 + number if test else 1_000 * (seed + 1) + number
    path = folder / f"{stream.name}-{number}-{drawn_by}-{size}.npz"
    if not path.exists():
        count = TEST if test else NEW if number else FIRST
        # All kinds of the stream, so that ids are those of every later phase.
        taxonomy = stream.taxonomy(len(stream.phases))
        write_frames(path, stream.phases[number].draw(count, drawn_by, test, taxonomy, size))
    return read_frames(path)
