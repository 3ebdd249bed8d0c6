"""Decks: immutable training sets under the SHA-256 of what is in them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from januscl.core import Deck, DeckItem, IntegrityError, InvalidInput, Taxonomy
from januscl.core.wire import digest_of, item_to_json, taxonomy_to_json
from januscl.decks.recipe import Recipe, recipe_to_json

_FORMAT = "janus-deck-1"


def build_deck(
    new: Sequence[DeckItem],
    replayed: Sequence[DeckItem] = (),
    *,
    taxonomy: Taxonomy,
    recipe: Recipe,
    seed: int,
    parent: str | None = None,
    quarantined: Collection[str] = (),
) -> Deck:
    """Return the deck of new pictures and those replayed, in this order and each by id.

    The same contents give the same id, in whatever order they come.

    Args:
        new: What is to be learned; each keeps its source.
        replayed: What must not be forgotten, as `choose_replay` picks it; their source becomes
            ``replay``. One that is also new is left out here.
        taxonomy: The kinds that the labels speak of.
        recipe: The augmentation.
        seed: Of sampling and augmentation.
        parent: Id of the champion to improve.
        quarantined: Ids of frames taken under a ticket.

    Raises:
        InvalidInput: Nothing is new or replayed, a frame stands twice, or one is quarantined.
    """
    fresh = {item.id for item in new}
    again = [replace(item, source="replay") for item in replayed if item.id not in fresh]
    items = tuple(sorted(new, key=_by_id)) + tuple(sorted(again, key=_by_id))
    if not items:
        raise InvalidInput("deck", "at least one frame", "none", "Label some frames first.")
    _refuse_twice(items)
    barred = sorted({item.id for item in items} & set(quarantined))
    if barred:
        raise InvalidInput(
            "deck",
            "frames that are not quarantined",
            f"{len(barred)}, of which the first is {barred[0]}",
            "They were taken while a fault's ticket covered their camera; leave them out with "
            "januscl.decks.without.",
        )
    body = _body(items, taxonomy, recipe_to_json(recipe), seed, parent)
    return Deck(digest_of(body), items, taxonomy, recipe_to_json(recipe), seed, parent)


def without(
    items: Sequence[DeckItem], quarantined: Collection[str]
) -> tuple[tuple[DeckItem, ...], tuple[DeckItem, ...]]:
    """Return the items that may enter a deck, and those that may not."""
    barred = set(quarantined)
    kept = tuple(item for item in items if item.id not in barred)
    return kept, tuple(item for item in items if item.id in barred)


def check_deck(deck: Deck) -> None:
    """Check that a deck holds what its id names.

    Raises:
        IntegrityError: It was changed since it was built.
    """
    body = _body(deck.items, deck.taxonomy, deck.recipe, deck.seed, deck.parent)
    check_digest(body, deck.id, f"deck {deck.id[:12]}")


def check_digest(body: Any, id: str, thing: str) -> None:
    """Raise `IntegrityError` when the SHA-256 of a JSON value is not the one it should have."""
    try:
        found = digest_of(body)
    except ValueError as error:
        found = f"no digest at all ({error})"
    if found != id:
        raise IntegrityError(
            f"{thing}: expected contents with the SHA-256 {id}, found {found}. It was damaged or "
            "changed by hand; fetch it again or rebuild it from its sources."
        )


def _body(
    items: Sequence[DeckItem],
    taxonomy: Taxonomy,
    recipe: Mapping[str, Any],
    seed: int,
    parent: str | None,
) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "items": [item_to_json(item) for item in items],
        "taxonomy": taxonomy_to_json(taxonomy),
        "recipe": dict(recipe),
        "seed": seed,
        "parent": parent,
    }


def _by_id(item: DeckItem) -> str:
    return item.id


def _refuse_twice(items: Sequence[DeckItem]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id in seen:
            raise InvalidInput(
                "deck", "each frame once", f"{item.id} twice", "A frame has one label; pass one."
            )
        seen.add(item.id)
