"""Every model on every slice of history, matched once."""

from collections.abc import Iterable, Sequence

import numpy as np

from januscl.core import Instances, LabelledFrame, Slice, Verdict
from januscl.evaluate import (
    FrameMatches,
    SliceData,
    average_precision,
    gate,
    match,
    precision_at,
)
from januscl.line.keeping import load_labelled
from januscl.line.shelf import Shelf
from januscl.store import Workspace


class Judge:
    """Scores model versions on frozen slices and speaks the gate's verdict.

    Predictions are made once per model and slice; slices and versions never change.

    Attributes:
        shelf: The model versions.
    """

    def __init__(self, workspace: Workspace, shelf: Shelf) -> None:
        self._workspace = workspace
        self.shelf = shelf
        self._frames: dict[str, list[LabelledFrame]] = {}
        self._seen: dict[tuple[str, str], list[Instances]] = {}
        self._matches: dict[tuple[str, str], FrameMatches] = {}

    def frames(self, part: Slice) -> list[LabelledFrame]:
        """Return the labelled frames of a slice."""
        if part.id not in self._frames:
            self._frames[part.id] = load_labelled(self._workspace, part.items)
        return self._frames[part.id]

    def seen(self, model: str, part: Slice) -> list[Instances]:
        """Return what a model sees in the frames of a slice."""
        key = (model, part.id)
        if key not in self._seen:
            images = [frame.image for frame in self.frames(part)]
            self._seen[key] = self.shelf.load(model).predict(images)
        return self._seen[key]

    def matches(self, model: str, part: Slice) -> FrameMatches:
        """Return which of the slice's packages a model finds."""
        key = (model, part.id)
        if key not in self._matches:
            truths = [frame.truth for frame in self.frames(part)]
            self._matches[key] = match(truths, self.seen(model, part))
        return self._matches[key]

    def ap(self, model: str, part: Slice) -> float:
        """Return a model's class-agnostic mask AP on a slice, 0..1."""
        return float(np.mean(precision_at(self.matches(model, part))))

    def kind_ap(self, model: str, part: Slice, kind: int | None) -> float:
        """Return a model's class-agnostic mask AP on one kind of a slice, or on all of it."""
        truths = [frame.truth for frame in self.frames(part)]
        scores = average_precision(truths, self.seen(model, part))
        return scores.ap if kind is None or kind not in scores.kinds else scores.kinds[kind].ap

    def verdict(
        self,
        challenger: str,
        champion: str,
        slices: Iterable[Slice],
        target: str | None,
        seed: int,
        confidence: float = 0.9,
    ) -> Verdict:
        """Compare a challenger with the champion on every slice; see `januscl.evaluate.gate`.

        Each slice is also held to the best AP that the champion or a model before it had on it,
        so that small losses, each tolerated, do not add up.
        """
        line = self.champions(champion)
        data = {
            part.name: SliceData(
                self.matches(champion, part),
                self.matches(challenger, part),
                floor=None if part.name == target else max(self.ap(model, part) for model in line),
            )
            for part in slices
        }
        return gate(data, target=target, seed=seed, confidence=confidence)

    def champions(self, last: str) -> list[str]:
        """Return the champions up to one of them, the first first.

        A challenger is trained from the champion of its time, so they are its ancestors.
        """
        line = []
        at: str | None = last
        while at is not None:
            line.append(at)
            at = self._workspace.catalogue.models.get(at).parent
        return line[::-1]

    def learned(self, part: Slice, champions: Sequence[str]) -> int | None:
        """Return which of the champions, counted from 0, was the first to learn what a slice shows.

        That is the first with something new in its deck from where the slice is from. A slice
        that no deck has to do with is what the first champion came with; a novelty that no
        champion has learned gives None.
        """
        sources = {item.source for item in part.items}
        for number, champion in enumerate(champions):
            deck = self._workspace.catalogue.models.get(champion).deck
            items = () if deck is None else self._workspace.catalogue.decks.get(deck).items
            if any(item.source in sources for item in items):
                return number
        return 0 if part.novelty is None else None
