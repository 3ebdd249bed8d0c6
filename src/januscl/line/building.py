"""What one cycle builds of its labelled frames: the slice that judges, the deck that teaches."""

from collections.abc import Callable, Sequence
from datetime import datetime

from januscl.core import Deck, DeckItem, Novelty, Slice, Taxonomy
from januscl.decks import Recipe, build_deck, check_disjoint, choose_replay, freeze_slice
from januscl.line.keeping import kinds_in
from januscl.line.policy import Learning
from januscl.store import Workspace


class Builder:
    """Makes slices and decks, and keeps them in the catalogue.

    Args:
        workspace: Where they are kept.
        taxonomy: The kinds that labels may name.
        policy: How much is replayed, and the seed.
        clock: The line's time, UTC.
    """

    def __init__(
        self,
        workspace: Workspace,
        taxonomy: Taxonomy,
        policy: Learning,
        clock: Callable[[], datetime],
    ) -> None:
        self._workspace, self._catalogue = workspace, workspace.catalogue
        self._taxonomy, self._policy, self._clock = taxonomy, policy, clock

    def freeze(self, novelty: Novelty, items: Sequence[DeckItem]) -> Slice:
        """Keep the slice that this novelty leaves behind, open until the novelty is closed.

        It goes on from the slice of a try that was refused, if there was one.
        """
        taken = {part.name for part in self._catalogue.slices.list()}
        before = self._catalogue.slices.open_of(novelty.id)
        name, number = novelty.name, 1
        while before is None and name in taken:
            number += 1
            name = f"{novelty.name} {number}"
        known = {item.id: item for item in (*(before.items if before else ()), *items)}
        part = freeze_slice(before.name if before else name, list(known.values()), novelty.id)
        with self._catalogue.transaction() as tx:
            tx.slices.put(part, open=True)
            detail = {"slice": part.name, "frames": len(part.items)}
            tx.audit.record("line", "slice.kept", novelty.id, detail, self._clock())
        return part

    def build(self, learned: Sequence[DeckItem]) -> Deck:
        """Build the deck: what is new, and what must not be forgotten."""
        policy = self._policy
        history = self.history()
        labels = {item.id: kinds_in(self._workspace, item) for item in (*learned, *history)}
        replay = choose_replay(history, policy.replay, policy.seed, labels)
        # History may show what a challenger learned that never became champion.
        named = {kind for item in (*learned, *replay) for kind in labels[item.id]}
        deck = build_deck(
            learned,
            replay,
            taxonomy=self._grown(named),
            recipe=Recipe(),
            seed=policy.seed,
            parent=self._catalogue.aliases.get("champion"),
            quarantined=self._catalogue.observations.quarantined([i.id for i in learned]),
        )
        check_disjoint(deck, self._catalogue.slices.list())
        self._catalogue.decks.put(deck)
        return deck

    def history(self) -> tuple[DeckItem, ...]:
        """Return every labelled frame of earlier decks, each once, none of any slice.

        Nor any that a ticket, opened since, says was taken with a faulty camera.
        """
        judged = {item.id for part in self._catalogue.slices.list() for item in part.items}
        known = {
            item.id: item
            for deck in self._catalogue.decks.list()
            for item in deck.items
            if item.id not in judged
        }
        barred = self._catalogue.observations.quarantined(known)
        return tuple(item for id, item in known.items() if id not in barred)

    def _grown(self, named: set[int]) -> Taxonomy:
        """Return the champion's taxonomy with those kinds that the labels name beside it."""
        champion = self._catalogue.models.get(self._catalogue.aliases.get("champion")).taxonomy
        known = {kind.id for kind in champion}
        fresh = (kind for kind in self._taxonomy if kind.id in named and kind.id not in known)
        return Taxonomy((*champion.kinds, *fresh))
