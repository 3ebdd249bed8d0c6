"""An imported set: its pictures, its kinds, and what could not be taken over."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from januscl.core import Image, Instances, LabelledFrame, NotFound, Rle, Taxonomy
from januscl.core.pictures import read_image

SPLITS = ("train", "valid", "val", "test")
"""What the folders of a set that comes in splits are called."""

_SUFFIX = re.compile(r"\.(jpe?g|png|bmp|tiff?|webp)$", re.IGNORECASE)
_COPY = re.compile(r"\.rf\.[0-9A-Za-z_-]+$")


@dataclass(frozen=True)
class Reject:
    """Something in a file that was left out, kept with the reason.

    Attributes:
        thing: The file and the entry in it.
        reason: What is wrong with it and what to do.
    """

    thing: str
    reason: str


class RejectLog:
    """Collects the rejects of one file."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.rejects: list[Reject] = []

    def add(self, entry: str, reason: str) -> None:
        """Keep that an entry of the file was left out, and why; the entry is named once."""
        reason = reason.removeprefix(f"{entry}: ")
        self.rejects.append(Reject(f"{self.source}: {entry}", reason))


def group_of(file_name: str) -> str:
    """Return what copies of one photograph share: its folder and its name without suffix.

    Roboflow writes augmented copies as ``name.rf.<digest>.jpg``; of these it is what stands before
    ``.rf.``. All copies belong in one split, so the folders of splits (``train``, ``valid``,
    ``val``, ``test``) do not count. Other folders do: two cameras number their files alike.
    """
    *folders, name = file_name.replace("\\", "/").split("/")
    name = _COPY.sub("", _SUFFIX.sub("", name))
    return "/".join([folder for folder in folders if folder not in SPLITS] + [name])


@dataclass(frozen=True, eq=False)
class CocoPicture:
    """One picture of an imported set. Its pixels are read when they are asked for.

    Attributes:
        id: Unique in the set: the observation's id if the file names one, else the file's name
            after its split.
        path: The picture's file.
        height, width: Upright, in px.
        masks: One for each instance, as annotated; they may overlap.
        labels: Class id of each mask.
        split: ``train``, ``valid``, ``test`` or the like; empty in a set without splits.
    """

    id: str
    path: Path
    height: int
    width: int
    masks: tuple[Rle, ...]
    labels: tuple[int, ...]
    split: str = ""

    @property
    def group(self) -> str:
        """What copies of the same photograph share; see `group_of`."""
        return group_of(self.id.removeprefix(f"{self.split}/"))

    @property
    def is_copy(self) -> bool:
        """Whether its name is one that Roboflow gives to the copies of a photograph."""
        return _COPY.search(_SUFFIX.sub("", self.id)) is not None

    @property
    def truth(self) -> Instances:
        """The annotated instances, with score 1 and tight boxes."""
        return Instances.of_masks(self.masks, self.labels)

    def image(self) -> Image:
        """Return the pixels ``(H, W, 3) uint8`` RGB, upright.

        Raises:
            NotFound, InvalidInput: The file has gone or was damaged since the set was read.
        """
        return read_image(self.path)

    def frame(self) -> LabelledFrame:
        """Return the pixels with their truth; raises as `image` does."""
        return LabelledFrame(self.id, self.image(), self.truth)


@dataclass(frozen=True, eq=False)
class CocoSet:
    """An imported set.

    Attributes:
        taxonomy: The kinds that the labels speak of.
        pictures: What could be taken over.
        rejects: What could not, each with its reason.
    """

    taxonomy: Taxonomy
    pictures: tuple[CocoPicture, ...]
    rejects: tuple[Reject, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.pictures)

    @cached_property
    def _by_id(self) -> Mapping[str, CocoPicture]:
        return {picture.id: picture for picture in self.pictures}

    def picture(self, id: str) -> CocoPicture:
        """Return the picture of this id, or raise `NotFound`."""
        if id not in self._by_id:
            raise NotFound(f"picture {id!r} is not among the {len(self)} of the imported set")
        return self._by_id[id]
