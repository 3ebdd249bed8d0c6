"""A labelled set of photographs, put in the order in which a robot might have taken them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from januscl.annotate import CocoPicture, CocoSet, Reject, read_coco, read_set
from januscl.cli.models import joined
from januscl.cli.rejected import first_reasons, tell_copies, tell_rejects
from januscl.core import InvalidInput, LabelledFrame, Taxonomy
from januscl.decks import resize_frame

LARGEST_PX = 640
HELD_BACK_EVERY = 5
HISTORY_SHARE = 0.25
LEAST = 24

Show = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class Photographs:
    """A set in three parts; no photograph has copies in two of them.

    Attributes:
        name: Of the set.
        taxonomy: The model's kinds and the set's.
        history: What comes with its labels.
        stream: What arrives afterwards, in order; its labels are asked for one by one.
        held_back: What judges the result.
        rejects: What could not be read, and pictures without any label.
        by_kind: Whether the stream goes class by class.
        copies: Augmented copies that are not streamed, for their photograph is.
    """

    name: str
    taxonomy: Taxonomy
    history: tuple[LabelledFrame, ...]
    stream: tuple[LabelledFrame, ...]
    held_back: tuple[LabelledFrame, ...]
    rejects: tuple[Reject, ...]
    by_kind: bool
    copies: tuple[CocoPicture, ...] = ()


def read_photographs(
    data: Path, labels: Path | None, known: Taxonomy, order: str, show: Show
) -> Photographs:
    """Read a set and split it.

    Where the set has its own ``valid`` or ``test`` split that is held back; else every fifth
    photograph, in each class. Of augmented copies of one photograph only the first is streamed.
    Photographs are reduced to 640 px on the long side. What is left out is told on standard error.

    Args:
        data: A COCO file or a folder, see `januscl.annotate.find_coco`.
        labels: The COCO file, where ``data`` is a folder of pictures alone.
        known: The kinds of the model to start from.
        order: ``file``, ``kind``, or ``auto``: by kind where nearly every picture shows one.
        show: Called with pictures done, their number, and what is going on.

    Raises:
        NotFound, InvalidInput: The set cannot be read, or has too few pictures.
    """
    first = _read(data, labels, Taxonomy())
    coco = _read(data, labels, joined(known, first.taxonomy.kinds))
    pictures, rejects = _labelled(coco, data)
    by_kind = order == "kind" or (order == "auto" and _one_kind_each(pictures))
    ordered = _class_by_class(pictures) if by_kind else pictures
    history, stream, held_back = _split(ordered, by_kind, data)
    kept = {picture.id for picture in (*history, *stream, *held_back)}
    copies = tuple(picture for picture in pictures if picture.id not in kept)
    tell_rejects(rejects)
    tell_copies(copies)
    done = 0

    def load(part: Sequence[CocoPicture]) -> tuple[LabelledFrame, ...]:
        nonlocal done
        frames = []
        for picture in part:
            frames.append(_reduced(picture.frame()))
            done += 1
            show(done, len(pictures), "reading photographs")
        return tuple(frames)

    return Photographs(
        data.resolve().name,
        coco.taxonomy,
        load(history),
        load(stream),
        load(held_back),
        rejects,
        by_kind,
        copies,
    )


def _read(data: Path, labels: Path | None, taxonomy: Taxonomy) -> CocoSet:
    if labels is not None:
        return read_coco(labels, data, taxonomy=taxonomy)
    return read_set(data, taxonomy)


def _labelled(coco: CocoSet, data: Path) -> tuple[list[CocoPicture], tuple[Reject, ...]]:
    """Return the pictures that have a label and all else, or refuse a set with too few."""
    pictures = [picture for picture in coco.pictures if picture.labels]
    bare = [Reject(str(p.path), "nothing in it is labelled") for p in coco.pictures if not p.labels]
    rejects = (*coco.rejects, *bare)
    if len(pictures) < LEAST:
        raise InvalidInput(
            str(data),
            f"at least {LEAST} labelled pictures",
            f"{len(pictures)} ({len(rejects)} rejected)",
            first_reasons(rejects) or "Label more.",
        )
    return pictures, rejects


def _one_kind_each(pictures: Sequence[CocoPicture]) -> bool:
    """Say whether nearly every picture shows one kind, and the pictures several."""
    single = np.mean([len(set(picture.labels)) == 1 for picture in pictures]) > 0.9
    return bool(single) and len({picture.labels[0] for picture in pictures}) > 1


def _split(
    pictures: Sequence[CocoPicture], by_kind: bool, data: Path
) -> tuple[list[CocoPicture], list[CocoPicture], list[CocoPicture]]:
    """Return history, stream and what is held back, or refuse a set in which one is missing."""
    rest, held_back = _hold_back(pictures)
    history, coming = _begin_with_history(rest, by_kind)
    # A robot never takes the same photograph twice: of its copies, the first arrives.
    stream = list({(p.is_copy, _once(p)): p for p in reversed(coming)}.values())[::-1]
    if not (stream and held_back):
        raise InvalidInput(
            str(data),
            "photographs for a history, a stream and a part that judges",
            f"{len(history)}, {len(stream)} and {len(held_back)} pictures",
            "Add photographs; all copies of one stay in one part, and so does a `valid` split.",
        )
    return history, stream, held_back


def _once(picture: CocoPicture) -> str:
    return picture.group if picture.is_copy else picture.id


def _class_by_class(pictures: Sequence[CocoPicture]) -> list[CocoPicture]:
    """Order pictures by their commonest kind, in the order in which the kinds are numbered."""
    main = [Counter(picture.labels).most_common(1)[0][0] for picture in pictures]
    order = sorted(range(len(pictures)), key=lambda k: (main[k], k))
    return [pictures[k] for k in order]


def _hold_back(
    pictures: Sequence[CocoPicture],
) -> tuple[list[CocoPicture], list[CocoPicture]]:
    """Return the stream and what is held back; copies of a photograph stay together."""
    own = {p.split for p in pictures} & {"valid", "val", "test"}
    if own and any(p.split not in own for p in pictures):
        held = [p for p in pictures if p.split in own]
    else:
        groups = list(dict.fromkeys(p.group for p in pictures))
        chosen = set(groups[HELD_BACK_EVERY - 1 :: HELD_BACK_EVERY])
        held = [p for p in pictures if p.group in chosen]
    barred = {p.group for p in held}
    return [p for p in pictures if p.group not in barred], held


def _begin_with_history(
    pictures: Sequence[CocoPicture], by_kind: bool
) -> tuple[list[CocoPicture], list[CocoPicture]]:
    """Return history, about a quarter, and the rest; by kind it ends at the end of a class."""
    least = max(LEAST // 2, round(HISTORY_SHARE * len(pictures)))
    if by_kind:
        kinds = [Counter(p.labels).most_common(1)[0][0] for p in pictures]
        while least < len(pictures) - 1 and kinds[least] == kinds[least - 1]:
            least += 1
    copies = Counter(p.group for p in pictures)
    begun: set[str] = set()
    taken = 0
    for group, number in copies.items():
        if taken >= least:
            break
        begun.add(group)
        taken += number
    return (
        [p for p in pictures if p.group in begun],
        [p for p in pictures if p.group not in begun],
    )


def _reduced(frame: LabelledFrame) -> LabelledFrame:
    height, width = frame.image.shape[:2]
    scale = LARGEST_PX / max(height, width)
    if scale >= 1:
        return frame
    return resize_frame(frame, max(1, round(height * scale)), max(1, round(width * scale)))
