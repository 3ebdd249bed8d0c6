"""Slices: evaluation sets that are frozen once and kept for ever."""

from collections.abc import Iterable, Sequence

from januscl.core import Conflict, Deck, DeckItem, InvalidInput, Slice
from januscl.core.wire import digest_of, item_to_json
from januscl.decks.deck import check_digest


def freeze_slice(name: str, items: Sequence[DeckItem], novelty: str | None = None) -> Slice:
    """Return the slice of these items, by id; its id is the SHA-256 of the items alone.

    Args:
        name: Unique, such as ``base`` or ``novelty-black-bag``.
        items: Labelled pictures that no deck may hold.
        novelty: The novelty that leaves it behind.

    Raises:
        InvalidInput: It has no name or no item, or a frame stands twice.
    """
    ordered = tuple(sorted(items, key=lambda item: item.id))
    ids = {item.id for item in ordered}
    if not name or not ordered or len(ids) < len(ordered):
        raise InvalidInput(
            f"slice {name!r}",
            "a name and at least one frame, each once",
            f"{len(ordered)} frames with {len(ids)} ids",
            "Hold back some labelled frames for it.",
        )
    return Slice(digest_of([item_to_json(item) for item in ordered]), name, ordered, novelty)


def check_slice(slice: Slice) -> None:
    """Check that a slice holds what its id names.

    Raises:
        IntegrityError: It was changed since it was frozen.
    """
    check_digest([item_to_json(item) for item in slice.items], slice.id, f"slice {slice.name}")


def check_disjoint(deck: Deck, slices: Iterable[Slice]) -> None:
    """Check that no frame is both learned from and judged by.

    Frames are compared by id and by picture, so that a copy under another id is found too.

    Raises:
        Conflict: A frame of the deck is in a slice.
    """
    ids = {item.id for item in deck.items}
    images = {item.image for item in deck.items}
    for slice in slices:
        shared = [item.id for item in slice.items if item.id in ids or item.image in images]
        if shared:
            raise Conflict(
                f"deck {deck.id[:12]} and slice {slice.name!r} share {len(shared)} frames, of "
                f"which the first is {shared[0]}; a model is never judged by what it learned from: "
                "leave them out of the deck"
            )
