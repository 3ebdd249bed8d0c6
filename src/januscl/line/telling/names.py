"""What people call the models and novelties of a workspace, instead of by hashes."""

from collections.abc import Mapping, Sequence

from januscl.core import Deck, ModelVersion, Slice
from januscl.store import Workspace

_REPLAYED = "replay"


def novelty_names(workspace: Workspace) -> dict[str, str]:
    """Return a name for the id of every novelty; no two are called the same.

    A novelty that was learned is called by the first slice that it left behind.
    """
    names: dict[str, str] = {}
    for part in workspace.catalogue.slices.list():
        if part.novelty is not None:
            names.setdefault(part.novelty, part.name)
    for novelty in sorted(workspace.catalogue.novelties.list(), key=lambda n: n.first_seen):
        if novelty.id not in names:
            names[novelty.id] = _free(novelty.name, set(names.values()))
    return names


def model_names(workspace: Workspace, known: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a name for the id of every model version; no two are called the same.

    A model is called by the slice of what it learned last, or by its card's name.

    Args:
        workspace: Whose models.
        known: Names that are given to models, by their ids.
    """
    catalogue = workspace.catalogue
    slices, decks = catalogue.slices.list(), {deck.id: deck for deck in catalogue.decks.list()}
    names = dict(known or {})
    for model in catalogue.models.list():
        if model.id not in names:
            deck = None if model.deck is None else decks[model.deck]
            name = _name(model, deck, None if deck is None else _learned(deck, decks, slices))
            names[model.id] = _free(name, set(names.values()))
    return names


def _name(model: ModelVersion, deck: Deck | None, part: Slice | None) -> str:
    if deck is None:
        return f"{model.card.get('name', model.id)} model"
    about = part.name if part is not None else "/".join(sorted(sources_of(deck))) or "replay"
    share = model.card.get("tempered")
    tempered = isinstance(share, int | float)  # what a card says may be anything
    return f"{about} model" + (f", tempered to {share:.0%}" if tempered else "")


def _learned(deck: Deck, decks: Mapping[str, Deck], slices: Sequence[Slice]) -> Slice | None:
    """Return the slice that was frozen beside a deck: the n-th of a source for its n-th deck."""
    sources = sources_of(deck)
    alike = [other.id for other in decks.values() if sources_of(other) == sources]
    found = [part for part in slices if {item.source for item in part.items} & sources]
    return found[min(alike.index(deck.id), len(found) - 1)] if found else None


def sources_of(deck: Deck) -> set[str]:
    """Return where a deck's new pictures came from; what is replayed is not new."""
    return {item.source for item in deck.items} - {_REPLAYED}


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number where it is taken."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
