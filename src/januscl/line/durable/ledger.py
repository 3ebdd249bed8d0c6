"""The novelties as their workflows keep them: what a process that died had begun goes on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from januscl.core import Event, Novelty, NoveltyState, Observation
from januscl.line.novelties import NoveltyLedger
from januscl.triage import Sighting


class LastingLedger(NoveltyLedger):
    """A `NoveltyLedger` whose cycles outlive their process.

    After a restart a novelty stays where its workflow left it, and a move that was made before is
    not made again. Only frames whose pixels are here are asked labels of.

    Attributes:
        former: Ids of the champions before the present one. Robots that have not checked in yet
            run them, and what such a model does not know is no news; its picks count.
    """

    _restoring = False
    former: frozenset[str] = frozenset()

    @property
    def knows(self) -> bool:
        """Whether it is known what known kinds look like; before that, novelties wait."""
        return self._first is not None

    def know(self, model: str, ordinary: NDArray[np.floating]) -> None:
        """Take the embeddings ``(M, D)`` of known kinds as a model sees them."""
        self._restoring = True
        try:
            super().know(model, ordinary)
        finally:
            self._restoring = False

    def move(
        self, novelty: str, state: NoveltyState, at: datetime, champion: str | None = None
    ) -> Novelty:
        """Move a novelty on its way, unless it is there; see `NoveltyLedger.move`."""
        kept = self._catalogue.novelties.get(novelty)
        if self._restoring or kept.state is state:
            return kept
        return super().move(novelty, state, at, champion)

    def take(self, observation: Observation, event: Event | None) -> None:
        """Take an observation with its outcome; see `NoveltyLedger.take`."""
        if observation.model in self.former:
            blind = replace(observation.instances, embeddings=None)
            observation = replace(observation, instances=blind)
        super().take(observation, event)

    def ready(self) -> list[Novelty]:
        """Return the novelties whose campaign has its frames, pixels included."""
        return [
            novelty
            for novelty in self.collecting()
            if self._campaigns.ready(novelty, self._shown(novelty.id))
        ]

    def waiting(self, novelty: str) -> int:
        """Return how many frames of a novelty could be labelled now."""
        return self._campaigns.waiting(self._shown(novelty))

    def choose(self, novelty: str, quota: int) -> list[Observation]:
        """Return the frames of a novelty that teach most, pixels included, and mark them taken."""
        return self._campaigns.choose(novelty, self._shown(novelty), quota)

    def _shown(self, novelty: str) -> Sequence[Sighting]:
        observations = self._catalogue.observations
        members = self._desk.members(novelty)
        shown = {
            id for id in {m.observation for m in members} if observations.get(id).image is not None
        }
        return [member for member in members if member.observation in shown]
