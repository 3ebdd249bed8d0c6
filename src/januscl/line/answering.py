"""What an annotator gets and gives: the picture of a task, and its label, judged and kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from januscl.annotate import read_mask, validate_label
from januscl.core import (
    Instances,
    InvalidInput,
    Label,
    NotFound,
    Rle,
    Taxonomy,
)
from januscl.core.message import check_id
from januscl.line.answers import receive
from januscl.line.kinds import check_kinds, kinds_of
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
            as COCO writes annotations; ``"category"`` with the kind's name will do for the id.
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
    taxonomy = kinds_of(catalogue)
    check_kinds(taxonomy)
    size = (seen.height, seen.width)
    masks, kinds = _annotations(value, size, taxonomy)
    label = Label(observation, Instances.of_masks(masks, kinds), annotator, at)
    validate_label(label, size, taxonomy)
    receive(workspace, [label], taxonomy, at)
    catalogue.audit.record(annotator, "label.given", observation, {"instances": len(masks)}, at)


def task_picture(workspace: Workspace, observation: str) -> bytes:
    """Return the PNG of a frame that was asked for.

    Raises:
        NotFound: Nobody asked for a label of this frame.
    """
    check_id(observation)
    for asked in workspace.catalogue.label_tasks.asked(observation=observation):
        for task in workspace.catalogue.label_tasks.list(asked.novelty):
            if task.observation == observation:
                return workspace.blobs.get(task.image)
    raise NotFound(f"no label task asks for observation {observation}")


def _annotations(
    value: Any, size: tuple[int, int], taxonomy: Taxonomy
) -> tuple[list[Rle], list[int]]:
    listed = value.get("instances") if isinstance(value, Mapping) else None
    if not isinstance(listed, list) or len(listed) > MOST_INSTANCES:
        raise InvalidInput(
            "body",
            f'{{"instances": [{{"category_id": id, "segmentation": polygons}}, ...]}}, '
            f"{MOST_INSTANCES} at most",
            repr(value)[:80],
            "List every package in the frame; an empty list says that there is none.",
        )
    masks, kinds = list[Rle](), list[int]()
    for index, entry in enumerate(listed):
        thing = f"instances[{index}]"
        kinds.append(_kind(entry, taxonomy, thing))
        masks.append(_mask(entry.get("segmentation"), size, thing))
    return masks, kinds


def _kind(entry: Any, taxonomy: Taxonomy, thing: str) -> int:
    """Return the class id of an annotation, which names it by the id or by the kind's name."""
    given = entry if isinstance(entry, Mapping) else {}
    id, name = given.get("category_id"), given.get("category")
    if isinstance(name, str) and id is None:
        if not taxonomy.has(name):
            raise InvalidInput(
                thing, "a kind that there is", repr(name)[:80],
                "`GET /api/v1/kinds` lists them; `POST /api/v1/kinds` names a new one.",
            )  # fmt: skip
        id = taxonomy.named(name).id
    if type(id) is not int or (name is not None and not isinstance(name, str)):
        raise InvalidInput(
            thing, "a whole category_id, or the kind's name as category", repr(entry)[:80],
            "`GET /api/v1/kinds` lists ids and names; `id` alone is no kind.",
        )  # fmt: skip
    taxonomy.check_labels([id], thing)
    if name is not None and taxonomy.kind(id).name != name:
        raise InvalidInput(
            thing, f"category {taxonomy.kind(id).name!r} for id {id}", repr(name)[:80],
            "Send one of the two.",
        )  # fmt: skip
    return id


def _mask(value: Any, size: tuple[int, int], thing: str) -> Rle:
    parts = value if isinstance(value, list) else []
    if sum(len(part) for part in parts if isinstance(part, list)) > 2 * _MOST_POINTS:
        raise InvalidInput(thing, f"at most {_MOST_POINTS} points", "more", "Draw it simpler.")
    return read_mask(value, *size, thing)
