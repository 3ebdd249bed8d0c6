"""A label that an annotator sends: read, judged against its frame, and kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from januscl.annotate import rle_of_polygon, validate_label
from januscl.core import (
    Conflict,
    Instances,
    InvalidInput,
    Label,
    NotFound,
    Rle,
    Taxonomy,
)
from januscl.core.message import check_id
from januscl.core.wire import rle_from_json
from januscl.line.answers import receive
from januscl.line.readings import MOST_INSTANCES
from januscl.store import Workspace

_MOST_POINTS = 20_000


def take_label(
    workspace: Workspace, observation: str, value: Any, annotator: str, at: datetime
) -> None:
    """Keep the label of a frame that was asked for; a second one supersedes the first.

    Args:
        workspace: Holds the task.
        observation: Id of the frame.
        value: ``{"instances": [{"category_id": id, "segmentation": polygons or run lengths}]}``,
            as COCO writes annotations.
        annotator: Who gave it.
        at: When.

    Raises:
        NotFound: Nobody asked for a label of this frame.
        Conflict: There is no champion, so nobody can tell which kinds there are.
        InvalidInput: A mask or a kind is wrong; nothing was kept.
    """
    catalogue = workspace.catalogue
    check_id(observation)
    if not catalogue.label_tasks.asked(observation=observation):
        raise NotFound(f"no label task asks for observation {observation}")
    seen = catalogue.observations.get(observation)
    taxonomy = _taxonomy(workspace)
    size = (seen.height, seen.width)
    masks, kinds = _annotations(value, size, taxonomy)
    label = Label(observation, Instances.of_masks(masks, kinds), annotator, at)
    validate_label(label, size, taxonomy)
    receive(workspace, [label], taxonomy, at)
    catalogue.audit.record(annotator, "label.given", observation, {"instances": len(masks)}, at)


def _taxonomy(workspace: Workspace) -> Taxonomy:
    try:
        champion = workspace.catalogue.aliases.get("champion")
    except NotFound as error:
        raise Conflict("there is no champion yet, and so there are no kinds to label") from error
    return workspace.catalogue.models.get(champion).taxonomy


def _annotations(
    value: Any, size: tuple[int, int], taxonomy: Taxonomy
) -> tuple[list[Rle], list[int]]:
    listed = value.get("instances") if isinstance(value, Mapping) else None
    if not isinstance(listed, list) or len(listed) > MOST_INSTANCES:
        raise InvalidInput(
            "body",
            f'{{"instances": [...]}} with at most {MOST_INSTANCES}',
            repr(value)[:80],
            "List category_id and segmentation of each.",
        )
    masks, kinds = list[Rle](), list[int]()
    for index, entry in enumerate(listed):
        thing = f"instances[{index}]"
        kind = entry.get("category_id") if isinstance(entry, Mapping) else None
        if type(kind) is not int:
            raise InvalidInput(
                thing, "a whole category_id", repr(entry)[:80], "Name the kind by its class id."
            )
        taxonomy.check_labels([kind], thing)
        masks.append(_mask(entry.get("segmentation"), size, thing))
        kinds.append(kind)
    return masks, kinds


def _mask(value: Any, size: tuple[int, int], thing: str) -> Rle:
    if isinstance(value, Mapping):
        rle = rle_from_json(value, thing)
        if (rle.height, rle.width) != size:
            raise InvalidInput(
                thing, f"a mask of {size[0]}x{size[1]}", f"{rle.height}x{rle.width}",
                "Masks have the frame's size.",
            )  # fmt: skip
        return rle
    if not isinstance(value, list) or not value:
        raise InvalidInput(
            thing, "polygons or run lengths", repr(value)[:80], "Outline the package."
        )
    if sum(len(part) for part in value if isinstance(part, list)) > 2 * _MOST_POINTS:
        raise InvalidInput(thing, f"at most {_MOST_POINTS} points", "more", "Draw it simpler.")
    return rle_of_polygon([_points(part, thing) for part in value], *size, thing)


def _points(part: Any, thing: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    numbers = isinstance(part, list) and all(type(v) in (int, float) for v in part)
    if not numbers or len(part) < 6 or len(part) % 2:
        raise InvalidInput(
            thing, "lists of x, y, x, y, ... with three points or more", repr(part)[:80],
            "Outline the package.",
        )  # fmt: skip
    try:
        return np.asarray(part, dtype=np.float64).reshape(-1, 2)
    except OverflowError as error:
        raise InvalidInput(thing, "coordinates in px", f"{error}"[:80], "Draw it again.") from error
