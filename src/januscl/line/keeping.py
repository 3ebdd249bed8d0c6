"""Labelled frames into the workspace and back, by content."""

from collections.abc import Iterable, Sequence

from januscl.core import DeckItem, LabelledFrame
from januscl.core.wire import instances_from_json, instances_to_json
from januscl.store import Workspace


def keep_labelled(
    workspace: Workspace, frames: Iterable[LabelledFrame], source: str
) -> tuple[DeckItem, ...]:
    """Keep pictures and their truth; return them as items for decks and slices."""
    return tuple(
        DeckItem(
            frame.id,
            workspace.put_image(frame.image),
            workspace.put_json(instances_to_json(frame.truth)),
            source,
        )
        for frame in frames
    )


def load_labelled(workspace: Workspace, items: Sequence[DeckItem]) -> list[LabelledFrame]:
    """Return the pictures and truth of items, verified against their digests."""
    return [
        LabelledFrame(
            item.id,
            workspace.get_image(item.image),
            instances_from_json(workspace.get_json(item.label), f"label of {item.id}"),
        )
        for item in items
    ]


def kinds_in(workspace: Workspace, item: DeckItem) -> list[int]:
    """Return the class ids of an item's instances, without its picture."""
    labels: list[int] = workspace.get_json(item.label)["labels"]
    return labels
