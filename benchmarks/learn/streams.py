"""What is learned: phases of simulated piles, drawn once and kept on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from januscl.core import Instances, LabelledFrame, Taxonomy, id_map_of, masks_of
from januscl.core.files import write_atomically
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, Look, make_labelled

FIRST, NEW, TEST = 240, 48, 30
"""Pictures to learn from in the first phase and in each later one, and to judge each by."""


@dataclass(frozen=True)
class Phase:
    """One thing to learn.

    Attributes:
        name: For the table.
        mix: Kinds by weight.
        look: Of the cell.
    """

    name: str
    mix: Mapping[str, float]
    look: Look = field(default_factory=Look)


@dataclass(frozen=True)
class Stream:
    """Phases in the order in which they come; the first is what a model knows to begin with.

    Attributes:
        shipped: Whether the first phase is learned by the shipped model, which knows the base
            kinds, and not from nothing.
    """

    name: str
    phases: tuple[Phase, ...]
    shipped: bool

    def taxonomy(self, number: int) -> Taxonomy:
        """Return the kinds met by the end of a phase, under ids in the order of their coming."""
        known = BASE_TAXONOMY if self.shipped else Taxonomy()
        for phase in self.phases[: number + 1]:
            for name in phase.mix:
                if not known.has(name):
                    known = known.with_kind(name, _shape(name))
        return known


def _shape(name: str) -> str:
    return BASE_TAXONOMY.named(name).shape if BASE_TAXONOMY.has(name) else LATE_KINDS[name]


KINDS = Stream(
    "kinds",
    (
        Phase("box, mailer", {"box": 0.5, "padded mailer": 0.5}),
        *(
            Phase(kind, {kind: 1.0})
            for kind in (
                "tube", "black polybag", "flat envelope", "cylinder", "holiday box", "tall box",
            )
        ),
    ),
    shipped=False,
)  # fmt: skip
"""New kinds one after another, each in piles of its own."""

ENVIRONMENTS = Stream(
    "environments",
    tuple(
        Phase(name, BASE_MIX, look)
        for name, look in (
            ("usual", Look()),
            (
                "bright belt",
                Look(belt=(0.88, 0.86, 0.80), bin=(0.78, 0.72, 0.62), floor=(0.90, 0.89, 0.86)),
            ),
            ("far camera", Look(camera_height=1.5)),
            (
                "dark",
                Look(
                    belt=(0.12, 0.12, 0.13), bin=(0.10, 0.10, 0.10), floor=(0.15, 0.14, 0.14),
                    lamp=0.30, ambient=0.12,
                ),
            ),
            (
                "red, near",
                Look(
                    belt=(0.50, 0.22, 0.16), bin=(0.62, 0.52, 0.18), floor=(0.58, 0.28, 0.20),
                    camera_height=0.78,
                ),
            ),
            ("lamp from the side", Look(lamp=1.05, ambient=0.10, lamp_at=(-1.0, 0.1, 0.7))),
            (
                "green, slanted",
                Look(
                    belt=(0.16, 0.42, 0.22), bin=(0.82, 0.82, 0.84), floor=(0.20, 0.52, 0.28),
                    camera_back=0.42,
                ),
            ),
        )
    ),
    shipped=True,
)  # fmt: skip
"""Piles of the same kinds before another background, under another light, from another height."""

STREAMS = {stream.name: stream for stream in (KINDS, ENVIRONMENTS)}


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
        phase, count = stream.phases[number], TEST if test else NEW if number else FIRST
        # All kinds of the stream, so that ids are those of every later phase.
        taxonomy = stream.taxonomy(len(stream.phases))
        _write(path, list(make_labelled(count, drawn_by, phase.mix, taxonomy, size, phase.look)))
    return _read(path)


def _write(path: Path, frames: list[LabelledFrame]) -> None:
    most = max(len(frame.truth) for frame in frames)
    labels = np.zeros((len(frames), most), dtype=np.int64)
    for row, frame in zip(labels, frames, strict=True):
        row[: len(frame.truth)] = frame.truth.labels
    maps = [id_map_of(f.truth.masks, *f.image.shape[:2]).astype(np.uint8) for f in frames]
    staged = path.with_suffix(".part.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        staged, images=np.stack([f.image for f in frames]), ids=np.stack(maps), labels=labels
    )
    write_atomically(path, staged.read_bytes())
    staged.unlink()


def _read(path: Path) -> list[LabelledFrame]:
    with np.load(path, allow_pickle=False) as kept:
        images, ids, labels = kept["images"], kept["ids"], kept["labels"]
    frames = []
    for k, (image, id_map, row) in enumerate(zip(images, ids, labels, strict=True)):
        kinds = row[row > 0].tolist()
        truth = Instances.of_masks(masks_of(id_map.astype(np.int32), len(kinds)), kinds)
        frames.append(LabelledFrame(f"{path.stem}-{k}", image, truth))
    return frames
