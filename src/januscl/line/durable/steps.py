"""The steps of a novelty's workflow: each may be begun again after a kill and does no harm.

Every step takes its own name first, by which its effects are told from those of other steps, and
JSON values beside it; it returns a JSON value.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from januscl.annotate import make_task
from januscl.core import (
    Answer,
    Conflict,
    Deck,
    DeckItem,
    NoveltyState,
    SliceScore,
    Stage,
    Verdict,
)
from januscl.core.wire import item_from_json, item_to_json
from januscl.line.durable.once import once
from januscl.line.durable.shop import Shop
from januscl.line.memory import has_history
from januscl.line.moving import interrupted
from januscl.store import Transaction

WAIT, READY, OVER = "wait", "ready", "over"
"""What a look comes to: wait on, go on, or there is nothing left to do."""
NOTHING = -1
"""In place of the number of open tasks: there was nothing to ask, and none is to come."""

_ENDED = (NoveltyState.CLOSED, NoveltyState.DISMISSED)


class Steps:
    """The steps up to the release, over one `Shop`; `Rollout` has those of the release."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._workspace, self._catalogue = shop, shop.workspace, shop.catalogue

    def campaign(self, step: str, novelty: str) -> str:
        """Return the id of a novelty's campaign; empty for one of routine: nothing is new."""
        if self._shop.routine.has(novelty):
            return ""
        return self._catalogue.campaigns.list(novelty)[-1].id

    def not_preserved(self, step: str, subject: str, reason: str) -> None:
        """Keep that no raw images could be preserved of what a campaign or ticket is about."""
        detail, now = {"reason": reason}, self._shop.clock()
        once(self._workspace, step, "images.failed", subject, detail, now)

    def collected(self, step: str, novelty: str) -> str:
        """Say whether a novelty's campaign has its frames; labels that came late count."""
        with self._shop.lock:
            if self._catalogue.novelties.get(novelty).state in _ENDED:
                return OVER
            ready = has_history(self._workspace) and self._shop.ledger_of(novelty).ready()
            return READY if ready and novelty in {n.id for n in ready} else WAIT

    def ask(self, step: str, novelty: str) -> int:
        """Ask labels of the frames that teach most, and return how many tasks are open.

        Nothing more is asked for where the labels that came suffice. It is `NOTHING`, and the
        novelty collects on, where what was ready is gone: what a routine campaign looked through
        is in memory alone.
        """
        shop, now = self._shop, self._shop.clock()
        with shop.lock:
            if self._catalogue.novelties.get(novelty).state in _ENDED:
                return NOTHING
            ledger = shop.ledger_of(novelty)
            answers = ledger.answers
            enough = answers.suffice(novelty)
            frames = [] if enough else ledger.choose(novelty, ledger.left(novelty))
            if not (enough or frames or answers.open(novelty)):
                ledger.move(novelty, NoveltyState.COLLECTING, now)
                return NOTHING
            ledger.move(novelty, NoveltyState.LABELLING, now)
            made = [make_task(frame, novelty) for frame in frames]
            asked = [(task, self._workspace.put_image(task.image)) for task in made]

            def ask(tx: Transaction) -> None:
                # Together: a part of them, answered after a kill, would pass for all.
                for task, image in asked:
                    tx.label_tasks.add(task, image)

            detail = {"open": len(answers.open(novelty)) + len(asked)}
            once(self._workspace, step, "labels.asked", novelty, detail, now, ask)
            return len(answers.open(novelty))

    def labelled(self, step: str, novelty: str) -> str:
        """Say whether enough labels came."""
        with self._shop.lock:
            if self._catalogue.novelties.get(novelty).state in _ENDED:
                return OVER
            answers = self._shop.ledger_of(novelty).answers
            return READY if answers.suffice(novelty) else WAIT

    def divide(self, step: str, novelty: str) -> dict[str, Any] | None:
        """Keep what was labelled: as items that teach, and items that judge.

        Returns:
            ``learned`` and ``kept_back``; None where the labels leave nothing to learn from, or no
            package to judge by, and the novelty goes on collecting.
        """
        shop = self._shop
        with shop.lock:
            labels = shop.ledger_of(novelty).answers.unused(novelty)
            asked = len(self._catalogue.label_tasks.asked(novelty=novelty))
            detail = {"asked": asked, "labels": len(labels)}
            once(self._workspace, step, "labelled", novelty, detail, shop.clock())
            kept = self._catalogue.novelties.get(novelty)
            labeller = shop.labeller(novelty)
            learned, back = labeller.split(kept, labeller.frames(labels), labels)
            try:
                labeller.check(kept, learned, back)
            except Conflict:
                return None
        return {
            "learned": [item_to_json(item) for item in learned],
            "kept_back": [item_to_json(item) for item in back],
        }

    def freeze(self, step: str, novelty: str, parts: dict[str, Any]) -> str:
        """Name a novelty by its labels and keep its slice; return the slice's name."""
        shop, back = self._shop, _items(parts["kept_back"])
        used = {item.id for item in (*_items(parts["learned"]), *back)}
        with shop.lock:
            told = [self._catalogue.labels.get(id).label for id in sorted(used)]
            named = shop.ledger_of(novelty).christen(novelty, told, shop.taxonomy)
            part = self._catalogue.slices.open_of(novelty)
            if part is None or not set(back) <= set(part.items):
                part = shop.builder.freeze(named, back)
        return part.name

    def build(self, step: str, novelty: str, parts: dict[str, Any]) -> str:
        """Build the deck, of what is new and what must not be forgotten; return its id."""
        shop, learned = self._shop, _items(parts["learned"])
        with shop.lock:
            deck = self._built(novelty, learned) or shop.builder.build(learned)
            shop.ledger_of(novelty).move(novelty, NoveltyState.IN_DECK, shop.clock())
            detail = {"new": len(learned), "frames": len(deck.items)}
            once(self._workspace, step, "deck.built", deck.id, detail, shop.clock())
        return deck.id

    def _built(self, novelty: str, learned: Sequence[DeckItem]) -> Deck | None:
        """Return the deck that was built of these for the champion before a kill, if one was.

        Built again it would be another one, for its own frames are history from then on.
        """
        champion = self._catalogue.aliases.get("champion")
        for deck in self._catalogue.decks.list():
            new = {item for item in deck.items if item.source == novelty}
            if deck.parent == champion and new == set(learned):
                return deck
        return None

    def champion(self, step: str) -> str:
        """Return the id of the champion."""
        return self._catalogue.aliases.get("champion")

    def trained(self, step: str, deck: str, challenger: str) -> None:
        """Keep when a challenger was made."""
        version = self._catalogue.models.get(challenger)
        detail = {"deck": deck, "parent": version.parent}
        made = replace(version, made=self._shop.clock())
        once(
            self._workspace, step, "trained", challenger, detail, made.made,
            lambda tx: tx.models.put(made),
        )  # fmt: skip

    def tempered(self, step: str, challenger: str, trained: str, share: float) -> None:
        """Keep that a challenger was made by giving up a share of what another one learned."""
        detail = {"share": share, "from": trained}
        once(self._workspace, step, "tempered", challenger, detail, self._shop.clock())

    def judged(self, step: str, challenger: str, champion: str, told: dict[str, Any]) -> None:
        """Keep what the gate said."""
        verdict, now = verdict_of(told), self._shop.clock()
        once(
            self._workspace, step, f"gate.{verdict.answer}", challenger,
            {"reasons": list(verdict.reasons)}, now,
            lambda tx: tx.verdicts.add(challenger, champion, verdict, now),
        )  # fmt: skip

    def conclude(
        self,
        step: str,
        novelty: str,
        challenger: str,
        passed: bool,
        release: str | None,
        parts: dict[str, Any],
    ) -> str:
        """Close the novelty when its model runs everywhere; else it waits for more labels.

        Where there is no fleet, a challenger that passed becomes champion by the same transaction.

        Returns:
            The novelty's state.
        """
        shop = self._shop
        used = [item.id for items in parts.values() for item in _items(items)]
        ledger = shop.ledger_of(novelty)
        with shop.lock:
            stage = None if release is None else self._catalogue.releases.get(release).stage
            runs = passed if stage is None else stage is Stage.DONE
            if not runs:  # what closes uses them by its move: no kill in between may lose them
                self._catalogue.label_tasks.use(novelty, used)
            state = NoveltyState.CLOSED if runs else NoveltyState.COLLECTING
            crowned = challenger if runs and stage is None else None
            if runs and self._catalogue.novelties.get(novelty).state is NoveltyState.IN_DECK:
                ledger.move(novelty, NoveltyState.IN_RELEASE, shop.clock())
            ledger.move(novelty, state, shop.clock(), crowned)
        return str(state)

    def give_back(self, step: str, novelty: str, reason: str) -> str:
        """Let a novelty whose round failed collect on: its labels are not lost.

        Returns:
            The novelty's state.
        """
        shop = self._shop
        with shop.lock:
            state = interrupted(self._workspace, self._catalogue.novelties.get(novelty))
            if state is not None:
                shop.ledger_of(novelty).move(novelty, state, shop.clock())
            once(self._workspace, step, "round.failed", novelty, {"reason": reason}, shop.clock())
        return str(self._catalogue.novelties.get(novelty).state)


def verdict_of(told: dict[str, Any]) -> Verdict:
    """Return the verdict that a job told."""
    scores = tuple(SliceScore(**score) for score in told["slices"])
    return Verdict(Answer(told["answer"]), tuple(told["reasons"]), scores)


def _items(values: Sequence[Any]) -> tuple[DeckItem, ...]:
    return tuple(item_from_json(value) for value in values)
