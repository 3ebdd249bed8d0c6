"""What a deck holds, and what changed from one to another."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from januscl.core import Deck, DeckItem, Kind


@dataclass(frozen=True)
class DeckDiff:
    """The change from deck ``a`` to deck ``b``.

    Attributes:
        added, removed: Items of one deck whose frame the other does not have.
        changed: Pairs of items of the same frame with another picture, label or source.
        kinds_added: Kinds that only ``b`` knows, or knows otherwise.
        kinds_removed: Kinds that only ``a`` knows, or knew otherwise.
        recipe: Operation to its settings in ``a`` and ``b``, where they differ; None for an
            operation that is not named.
        seed: Both seeds, where they differ.
        parent: Both parents, where they differ.
    """

    added: tuple[DeckItem, ...]
    removed: tuple[DeckItem, ...]
    changed: tuple[tuple[DeckItem, DeckItem], ...]
    kinds_added: tuple[Kind, ...]
    kinds_removed: tuple[Kind, ...]
    recipe: Mapping[str, tuple[Any, Any]]
    seed: tuple[int, int] | None
    parent: tuple[str | None, str | None] | None

    @property
    def same(self) -> bool:
        """True when nothing differs."""
        return not any(
            (self.added, self.removed, self.changed, self.kinds_added, self.kinds_removed,
             self.recipe, self.seed, self.parent)
        )  # fmt: skip


def diff(a: Deck, b: Deck) -> DeckDiff:
    """Return what changed from deck ``a`` to deck ``b``."""
    old, new = ({item.id: item for item in deck.items} for deck in (a, b))
    names = sorted({*a.recipe, *b.recipe})
    settings = {name: (a.recipe.get(name), b.recipe.get(name)) for name in names}
    return DeckDiff(
        added=tuple(item for item in b.items if item.id not in old),
        removed=tuple(item for item in a.items if item.id not in new),
        changed=tuple(
            (old[id], new[id]) for id in sorted(old.keys() & new.keys()) if old[id] != new[id]
        ),
        kinds_added=tuple(kind for kind in b.taxonomy if kind not in a.taxonomy.kinds),
        kinds_removed=tuple(kind for kind in a.taxonomy if kind not in b.taxonomy.kinds),
        recipe={name: pair for name, pair in settings.items() if pair[0] != pair[1]},
        seed=(a.seed, b.seed) if a.seed != b.seed else None,
        parent=(a.parent, b.parent) if a.parent != b.parent else None,
    )


@dataclass(frozen=True)
class DeckSummary:
    """A deck at a glance.

    Attributes:
        frames: How many pictures it holds.
        sources: Source to pictures.
        frames_of: Kind's name to the pictures that show it.
        instances_of: Kind's name to its instances.
        unlabelled: Pictures of which no labels were given.
    """

    id: str
    frames: int
    sources: Mapping[str, int]
    frames_of: Mapping[str, int]
    instances_of: Mapping[str, int]
    unlabelled: int


def describe(deck: Deck, labels: Mapping[str, Sequence[int]] | None = None) -> DeckSummary:
    """Return a deck's counts by source, and by kind as far as labels are given.

    Args:
        deck: The deck.
        labels: Class ids of each frame's instances, by the frame's id.

    Raises:
        NotFound: A label is no id of the deck's taxonomy.
    """
    labels = labels or {}
    known = [labels[item.id] for item in deck.items if item.id in labels]
    frames = Counter(kind for row in known for kind in set(row))
    instances = Counter(kind for row in known for kind in row)
    name = {kind: deck.taxonomy.kind(kind).name for kind in instances}
    return DeckSummary(
        id=deck.id,
        frames=len(deck.items),
        sources=dict(sorted(Counter(item.source for item in deck.items).items())),
        frames_of={name[kind]: frames[kind] for kind in sorted(frames)},
        instances_of={name[kind]: instances[kind] for kind in sorted(instances)},
        unlabelled=len(deck.items) - len(known),
    )
