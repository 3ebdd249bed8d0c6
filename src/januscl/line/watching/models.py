"""Each model's view of what is known, and what is strange to it."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from januscl.core import Observation, Signal, Watcher
from januscl.line.watching.bins import Bins
from januscl.line.watching.cameras import Barred
from januscl.line.watching.trying import Tried
from januscl.watch import ChosenNovelty, InstanceNovelty, ScoreMargin

Embeddings = NDArray[np.float32]

_NOVELTY: dict[str, Callable[[], Watcher]] = {
    "nearest": InstanceNovelty,
    "leaning": partial(InstanceNovelty, leaning=True),
    "chosen": ChosenNovelty,
}


class Models:
    """Learns what known kinds look like to each model, and reads its instances against that.

    A model is taught (`learn`), or it learns from the fleet's own first frames; frames under a
    ticket teach nothing.

    Args:
        novelty: How it is told which instances are strange; see `Watching.novelty`.
        frames: From which a model learns at work, of the whole fleet.
        barred: Says of a camera and a time whether its frame is kept out of all learning.
        bins: Finds what a model did not see.
        tried: Tells what could not be read.
        on_known: Called when a model was learned, with its id and the embeddings ``(M, D)``.
    """

    def __init__(
        self,
        novelty: str,
        frames: int,
        barred: Barred,
        bins: Bins,
        tried: Tried,
        on_known: Callable[[str, Embeddings], None],
    ) -> None:
        self._new_novelty = _NOVELTY[novelty]
        self._frames, self._barred, self._bins = frames, barred, bins
        self._tried, self._on_known = tried, on_known
        self._watchers: dict[str, tuple[Watcher, Watcher]] = {}
        self._known: dict[str, list[Observation]] = defaultdict(list)
        self.length: int | None = None

    def learn(self, model: str, known: Sequence[Observation]) -> None:
        """Learn what the known kinds look like to a model.

        Raises:
            InvalidInput: They hold too few instances with embeddings.
        """
        watchers = (self._new_novelty().fit(known), ScoreMargin().fit(known))
        embeddings = _embeddings(known)
        self.length = embeddings.shape[1]
        self._on_known(model, embeddings)
        self._watchers[model] = watchers
        self._known.pop(model, None)

    def watches(self, model: str) -> bool:
        """Say whether the model's embeddings of known kinds were learned."""
        return model in self._watchers

    def signals(self, observation: Observation) -> list[Signal]:
        """Return the readings of the model's watchers; while the model is new, learn instead."""
        model, frame = observation.model, observation.frame
        if model in self._watchers:
            readings = (
                self._tried(f"{watcher.name} by model {model}", watcher.score, observation)
                for watcher in self._watchers[model]
            )
            return [signal for reading in readings for signal in reading or ()]
        if not self._barred(frame.camera, frame.at):
            self._collect(model, observation)
        return []

    def _collect(self, model: str, observation: Observation) -> None:
        known = self._known[model]
        known.append(observation)
        if len(known) < self._frames:
            return
        # A ticket may have said since that its fault began earlier than anyone could tell.
        known[:] = [o for o in known if not self._barred(o.frame.camera, o.frame.at)]
        if len(known) >= self._frames:
            self._tried(f"reference of model {model}", self._learn_at_work, observation)

    def _learn_at_work(self, last: Observation) -> None:
        """Learn a model from the fleet's own frames; where they do not do, from later ones.

        Cameras were new when these frames came, so what is unexplained in them is found now: what
        the model always was blind to is no news.
        """
        known = self._known[last.model]
        self._known[last.model] = known[len(known) // 2 :]
        self.learn(last.model, [self._bins.explained(seen) for seen in known])


def _embeddings(known: Sequence[Observation]) -> Embeddings:
    """Return the embeddings ``(M, D)`` of all instances that the model is halfway sure of."""
    return np.concatenate(
        [
            seen.instances.embeddings[seen.instances.counted()]
            for seen in known
            if seen.instances.embeddings is not None
        ]
    )
