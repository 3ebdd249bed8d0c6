"""Every model on every slice of history, matched once."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np

from januscl.core import Answer, Instances, LabelledFrame, Slice, Verdict
from januscl.decks import check_slice
from januscl.evaluate import (
    FrameMatches,
    SliceData,
    average_precision,
    gate,
    match,
    precision_at,
)
from januscl.line.keeping import load_labelled
from januscl.line.policy import Judging
from januscl.line.shelf import Shelf
from januscl.store import Workspace

K = TypeVar("K")
V = TypeVar("V")
TEMPERED = (0.85, 0.7, 0.5)
"""Shares of what was learned that are tried in turn while the gate finds too much forgotten."""
CONFIDENCE = 1 - 0.1 / (1 + len(TEMPERED))
"""Of each look of the gate, so that all looks together err as seldom as one at 90%."""
_LOOKS = 8
"""Pictures that tell what a model takes."""
_FRAMES, _SEEN = 4, 24
"""Slices whose pictures, and what models saw in them, are kept in memory."""
_UNTESTED = (
    "Nothing of the past was tested: there is no slice of history, so what the model forgot would "
    "not show. Give labelled frames of ordinary work first, by `janus remember` or Line.remember."
)


class _Latest(Generic[K, V]):
    """The values that were used last, made where they are missing.

    Args:
        capacity: How many are kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: dict[K, V] = {}

    def of(self, key: K, make: Callable[[], V]) -> V:
        """Return the value of a key."""
        value = self._kept.pop(key) if key in self._kept else make()
        self._kept[key] = value
        while len(self._kept) > self._capacity:
            del self._kept[next(iter(self._kept))]
        return value


class Judge:
    """Scores model versions on frozen slices and speaks the gate's verdict.

    A model is matched with a slice once; slices and versions never change. Pictures and
    predictions, which are large, are kept for those that were used last.

    Args:
        workspace: Whose slices.
        shelf: The model versions.
        asked: What the gate asks.

    Attributes:
        shelf: The model versions.
    """

    def __init__(self, workspace: Workspace, shelf: Shelf, asked: Judging | None = None) -> None:
        self._workspace = workspace
        self.shelf = shelf
        self._asked = asked or Judging()
        self._frames = _Latest[str, list[LabelledFrame]](_FRAMES)
        self._seen = _Latest[tuple[str, str], list[Instances]](_SEEN)
        self._matches: dict[tuple[str, str], FrameMatches] = {}

    def frames(self, part: Slice) -> list[LabelledFrame]:
        """Return the labelled frames of a slice, or raise `IntegrityError` if it was changed."""

        def load() -> list[LabelledFrame]:
            check_slice(part)
            return load_labelled(self._workspace, part.items)

        return self._frames.of(part.id, load)

    def seen(self, model: str, part: Slice) -> list[Instances]:
        """Return what a model sees in the frames of a slice."""
        return self._seen.of(
            (model, part.id),
            lambda: self.shelf.load(model).predict([frame.image for frame in self.frames(part)]),
        )

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

        Without a slice that is no novelty's, a pass would say nothing of what was forgotten; the
        answer is inconclusive then, and its first reason says so. A challenger that a robot cannot
        afford fails, however well it sees. The last reasons name margins that no slice has.
        """
        slices = list(slices)
        line = self.champions(champion)
        data = {
            part.name: SliceData(
                self.matches(champion, part),
                self.matches(challenger, part),
                floor=None if part.name == target else max(self.ap(model, part) for model in line),
            )
            for part in slices
        }
        margins = {n: m for n, m in self._asked.slice_margins.items() if n in data and n != target}
        verdict = gate(
            data,
            target=target,
            margin=self._asked.slice_margin,
            margins=margins,
            seed=seed,
            confidence=confidence,
        )
        verdict = replace(verdict, reasons=(*verdict.reasons, *self._unused_margins(data)))
        if too_much := self._too_much(challenger, slices[0]):
            return replace(verdict, answer=Answer.FAIL, reasons=(*too_much, *verdict.reasons))
        if any(part.novelty is None for part in slices):
            return verdict
        answer = Answer.INCONCLUSIVE if verdict.answer is Answer.PASS else verdict.answer
        return replace(verdict, answer=answer, reasons=(_UNTESTED, *verdict.reasons))

    def _unused_margins(self, judged: Collection[str]) -> tuple[str, ...]:
        """Say which margins the policy gives to no slice that there is: a name may be wrong."""
        known = {*judged, *(part.name for part in self._workspace.catalogue.slices.list())}
        return tuple(
            f"The margin of slice {name!r} in the policy was not used: there is no such slice yet, "
            f"only {', '.join(sorted(known))}."
            for name in sorted(set(self._asked.slice_margins) - known)
        )

    def _too_much(self, model: str, part: Slice) -> tuple[str, ...]:
        """Say what of a model's time and memory is more than a robot has; nothing if not asked."""
        asked = self._asked
        if not (asked.robot_seconds or asked.robot_megabytes):
            return ()
        images = [frame.image for frame in self.frames(part)]
        alike = [image for image in images if image.shape == images[0].shape]
        took = self.shelf.footprint(model, alike[:_LOOKS])
        told = (
            (took.seconds, asked.robot_seconds, f"{1000 * took.seconds:.0f} ms a picture", "ms"),
            (took.megabytes, asked.robot_megabytes, f"{took.megabytes:.0f} MiB of memory", "MiB"),
        )
        return tuple(
            f"It takes {what}, more than the {limit * (1000 if unit == 'ms' else 1):g} {unit} that "
            "a robot has."
            for value, limit, what, unit in told
            if limit and value > limit
        )

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
