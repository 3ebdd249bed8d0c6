"""What robots sent, watched and triaged in the order in which it was seen."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import cast

import numpy as np

from januscl.core import Conflict, Event, Frame, InvalidInput, JanusError, Observation
from januscl.line.durable.drained import Drained
from januscl.line.durable.fed import Fed
from januscl.line.durable.shop import Shop
from januscl.line.judging import Judge
from januscl.line.memory import known_to
from januscl.line.observer import Observer
from januscl.line.watching import Changes
from januscl.store import Workspace
from januscl.store.records import ObservationRow

_AT_ONCE = 64


class Floor:
    """Watches what was drained, and hands what triage made of it to the novelties.

    Frames whose pixels were not sent are judged by their instances and outcomes alone.

    Args:
        shop: Whose observations and novelties.
        judge: What models see in the slices.
        fed: Which observations were watched.
    """

    def __init__(self, shop: Shop, judge: Judge, fed: Fed) -> None:
        self._shop, self._judge, self._fed = shop, judge, fed
        self._workspace, self._catalogue = shop.workspace, shop.catalogue
        self._done: list[str] = []
        self._known = ""
        watching = shop.policy.watching
        cells = self._catalogue.cells.list()
        # One for both: what was seen without its pixels is of the same world.
        changes = Changes(self._workspace, cells, watching.seed or 0)

        def observer(cameras: bool) -> Observer:
            # What is drained is kept already, with its pixels or without.
            policy = replace(watching, cameras=cameras, ordinary_share=0.0)
            return Observer(
                cast(Workspace, Drained(self._workspace, unseen=True)), cells, policy,
                on_report=self._take, on_known=self._shop.ledger.know,
                describe=(
                    lambda model, image, regions: judge.shelf.load(model).describe(image, regions)
                ) if cameras else None,
                changes=changes,
            )  # fmt: skip

        self._seeing, self._blind = observer(watching.cameras), observer(False)
        self._waiting: dict[str, Observer] = {}

    def follow(self) -> None:
        """Learn what known kinds look like to the champion, where it is a new one."""
        champion = self._catalogue.aliases.list().get("champion")
        if champion is None or champion == self._known:
            return
        with self._shop.lock:
            first = not self._known
            known = self._examples(champion)
            with suppress(InvalidInput):  # too little on the slices: it is learned at work
                self._seeing.learn_model(champion, known)
                self._blind.learn_model(champion, known)
                if not first:
                    self._shop.ledger.rebase(champion, self._again)
            self._known = champion
            self._shop.ledger.former = frozenset(self._judge.champions(champion)[:-1])

    def close(self) -> None:
        """Keep what was read of the cameras last."""
        self._seeing.close()

    def watch(self) -> int:
        """Watch what robots sent since; return how many observations were taken in."""
        with self._shop.lock:
            for id, observer in list(self._waiting.items()):
                pick = self._catalogue.observations.get(id).pick
                if pick is not None:
                    observer.settle(id, pick)
            ids = self._fed.waiting(_AT_ONCE, set(self._waiting))
            rows = [self._catalogue.observations.get(id) for id in ids]
            # One look for all: each look at the log reads a list of what is in it.
            sent = self._workspace.sent(rows)
            for id, row in zip(ids, rows, strict=True):
                try:
                    self._see(row, sent)
                except (JanusError, ValueError) as error:
                    # One that cannot be watched must not hold up the others.
                    self._pass_over(id, error)
            if self._done:
                self._fed.mark(self._done)
                self._done = []
        return len(ids)

    def _see(self, row: ObservationRow, sent: Mapping[str, bytes]) -> None:
        observer = self._blind if row.image is None else self._seeing
        observation = self._observation(row, sent)
        self._waiting[row.id] = observer
        observer.observe(observation.frame, observation.instances, row.model, row.id)
        if row.pick is not None:
            observer.settle(row.id, row.pick)

    def _pass_over(self, id: str, error: Exception) -> None:
        if isinstance(error, OSError | Conflict):  # no room, no database: it is tried again
            raise error
        self._waiting.pop(id, None)
        reason = f"{type(error).__name__}: {error}"
        self._catalogue.rejects.add(f"observation {id}, which cannot be watched", reason)
        self._done.append(id)

    def _observation(self, row: ObservationRow, sent: Mapping[str, bytes]) -> Observation:
        if row.image is not None:
            return self._workspace.observation_of(row, sent)
        # Nobody looks at these pixels, and they take no memory.
        pixels = np.broadcast_to(np.zeros(3, np.uint8), (row.height, row.width, 3))
        arrays = self._workspace.embeddings(row, sent)
        seen = replace(
            row.instances,
            embeddings=arrays.get("instances"),
            frame_embedding=arrays.get("frame"),
        )
        return Observation(row.id, Frame(pixels, row.camera, row.robot, row.at), seen, row.model)

    def _take(self, observation: Observation, event: Event | None) -> None:
        self._waiting.pop(observation.id, None)
        # To the novelties first: a campaign may open by it.
        self._shop.ledger.take(observation, event)
        self._shop.routine.take(observation, event)
        self._done.append(observation.id)

    def _examples(self, model: str) -> list[Observation]:
        """Return what a model sees of known kinds."""
        history = self._shop.builder.history
        return known_to(self._workspace, self._judge, model, history, set(), self._shop.clock())

    def _again(self, seen: Observation) -> Observation:
        """Return an observation as the champion sees it."""
        instances = self._judge.shelf.load(self._known).predict([seen.frame.image])[0]
        return replace(seen, instances=instances, model=self._known, pick=None)
