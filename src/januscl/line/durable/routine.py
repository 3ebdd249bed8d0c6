"""Routine campaigns as their workflows keep them: what a process that died had begun goes on."""

from collections.abc import Iterable
from datetime import datetime

from januscl.core import Event, Novelty, NoveltyState, Observation
from januscl.line.routine import RoutineLedger


class LastingRoutine(RoutineLedger):
    """A `RoutineLedger` whose cycles outlive their process.

    After a restart a record stays where its workflow left it, and a move that was made before is
    not made again. Only frames whose pixels are here are looked through, and asked labels of.
    """

    def take(self, observation: Observation, event: Event | None) -> None:
        """Take an observation that was triaged; see `RoutineLedger.take`."""
        if self._policy.routine_every and not self._unseen([observation.id]):
            super().take(observation, event)

    def choose(self, novelty: str, quota: int) -> list[Observation]:
        """Return the frames to be labelled; first those that a process chose, and then died.

        See `RoutineLedger.choose`.
        """
        asked = {task.observation for task in self._catalogue.label_tasks.asked(novelty=novelty)}
        campaigns = self._catalogue.campaigns.list(novelty)
        chosen = dict.fromkeys(id for c in campaigns for id in c.frames if id not in asked)
        barred = self._catalogue.observations.quarantined(chosen) | self._unseen(chosen)
        left = [id for id in chosen if id not in barred]
        if not left:  # after a restart there may be nothing to choose from yet
            return super().choose(novelty, quota) if self.waiting() else []
        self._novelties.taken |= set(left)
        return [self._workspace.observation(id) for id in left[:quota]]

    def move(
        self, novelty: str, state: NoveltyState, at: datetime, champion: str | None = None
    ) -> Novelty:
        """Move a record on its way, unless it is there; see `RoutineLedger.move`."""
        record = self._records[novelty]
        return record if record.state is state else super().move(novelty, state, at, champion)

    def _resumed(self, record: Novelty) -> Novelty:
        return record

    def _barred(self) -> set[str]:
        return super()._barred() | self._unseen(self._desk.kept())

    def _unseen(self, ids: Iterable[str]) -> set[str]:
        """Return those ids whose pixels are not here."""
        known = self._catalogue.observations.known(ids)
        return {id for id, row in known.items() if row.image is None}
