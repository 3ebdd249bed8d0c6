"""What a phase shows: simulated piles, or photographs of a folder."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from januscl.annotate import CocoPicture, read_set
from januscl.core import Instances, LabelledFrame, Taxonomy, id_map_of, masks_of
from januscl.sim import BASE_TAXONOMY, LATE_KINDS, LEAST_PIXELS, Look, make_labelled

_ORE = ("ore_clutter/train/_annotations.coco.json", "ore_clutter/valid/_annotations.coco.json")
_DESK = "desk_camera/annotations.coco.json"
_JUDGED = 24
"""Photographs of each object that nothing is learned from."""


@dataclass(frozen=True)
class Piles:
    """Simulated piles.

    Attributes:
        name: For the table.
        mix: Kinds by weight.
        look: Of the cell.
    """

    name: str
    mix: Mapping[str, float]
    look: Look = field(default_factory=Look)

    @property
    def kinds(self) -> dict[str, str]:
        """Name to shape."""
        base = {kind.name: kind.shape for kind in BASE_TAXONOMY}
        return {name: base.get(name) or LATE_KINDS[name] for name in self.mix}

    def draw(
        self, count: int, seed: int, test: bool, taxonomy: Taxonomy, size: int
    ) -> list[LabelledFrame]:
        """Return pictures of piles that the seed alone decides."""
        return list(make_labelled(count, seed, self.mix, taxonomy, size, self.look))


@dataclass(frozen=True)
class Ore:
    """Photographs of heaps of lump ore, in quarters; none, and no copy, is learned and judged.

    Attributes:
        data: Folder of the photographs.
        name: For the table.
    """

    data: Path
    name: str = "ore"

    @property
    def kinds(self) -> dict[str, str]:
        """Name to shape."""
        return {"coke": "other", "pellet": "other", "sinter": "other"}

    def draw(
        self, count: int, seed: int, test: bool, taxonomy: Taxonomy, size: int
    ) -> list[LabelledFrame]:
        """Return quarters of photographs, drawn by the seed from all there are."""
        judged = read_set(self.data / _ORE[1])
        learned = read_set(self.data / _ORE[0], judged.taxonomy)
        names = {kind.id: kind.name for kind in learned.taxonomy}
        kept = {picture.group for picture in judged.pictures}
        # Each photograph is there in three copies under one group; one of them is taken.
        copies = {p.group: p for p in learned.pictures if p.group not in kept and p.labels}
        chosen = [p for p in judged.pictures if p.labels] if test else list(copies.values())
        quarters = [cut for picture in chosen for cut in _quarters(picture, names, taxonomy, size)]
        order = np.random.default_rng(seed).permutation(len(quarters))[:count]
        return [quarters[k] for k in order]


@dataclass(frozen=True)
class Desk:
    """Photographs of one object on a desk.

    Attributes:
        data: Folder of the photographs.
        name: Of the object, as the set has it.
    """

    data: Path
    name: str

    @property
    def kinds(self) -> dict[str, str]:
        """Name to shape."""
        return {self.name: "other"}

    def draw(
        self, count: int, seed: int, test: bool, taxonomy: Taxonomy, size: int
    ) -> list[LabelledFrame]:
        """Return photographs drawn by the seed; the same ones are always kept to judge by."""
        found = read_set(self.data / _DESK)
        mine = found.taxonomy.named(self.name).id
        names = {mine: self.name}
        shown = [p for p in found.pictures if set(p.labels) == {mine}]
        shown = [shown[k] for k in np.random.default_rng(0).permutation(len(shown))]
        shown = shown[:_JUDGED] if test else shown[_JUDGED:]
        order = np.random.default_rng(seed).permutation(len(shown))[:count]
        return [_cut(shown[k].frame(), slice(None), slice(None), names, taxonomy, size)
                for k in order]  # fmt: skip


def has_photographs(data: Path) -> bool:
    """Say whether a folder holds the sets that `Ore` and `Desk` are drawn from."""
    return all((data / name).is_file() for name in (*_ORE, _DESK))


def _quarters(
    picture: CocoPicture, names: Mapping[int, str], taxonomy: Taxonomy, size: int
) -> Iterator[LabelledFrame]:
    """Yield four squares of a photograph, one from each corner, that show something."""
    frame = picture.frame()
    height, width = frame.image.shape[:2]
    side = min(height, width) // 2
    for top in (0, height - side):
        for left in (0, width - side):
            rows, columns = slice(top, top + side), slice(left, left + side)
            cut = _cut(frame, rows, columns, names, taxonomy, size)
            if len(cut.truth):
                yield cut


def _cut(
    frame: LabelledFrame, rows: slice, columns: slice, names: Mapping[int, str],
    taxonomy: Taxonomy, size: int,
) -> LabelledFrame:  # fmt: skip
    """Return a part of a picture at ``size`` px, with what is still seen of its instances."""
    whole = id_map_of(frame.truth.masks, *frame.image.shape[:2])[rows, columns]
    ids = cv2.resize(whole.astype(np.uint16), (size, size), interpolation=cv2.INTER_NEAREST)
    image = cv2.resize(frame.image[rows, columns], (size, size), interpolation=cv2.INTER_AREA)
    shown = [k for k in np.unique(ids) if k and (ids == k).sum() >= LEAST_PIXELS]
    among = np.zeros((size, size), np.int32)
    for number, k in enumerate(shown, start=1):
        among[ids == k] = number
    old = [int(frame.truth.labels[k - 1]) for k in shown]
    labels = [taxonomy.named(names[label]).id for label in old]
    return LabelledFrame(frame.id, image, Instances.of_masks(masks_of(among, len(shown)), labels))
