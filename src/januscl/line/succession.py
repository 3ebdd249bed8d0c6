"""What becomes of the novelties when a new champion takes over."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from januscl.core import Instances, NoveltyState, Observation
from januscl.line.answers import Answers
from januscl.line.identities import merge
from januscl.line.recalling import Key, rows_on, seen_again
from januscl.store import Workspace
from januscl.triage import NoveltyDesk

_OPEN = (NoveltyState.NEW, NoveltyState.COLLECTING, NoveltyState.REGRESSED)
_NAMED, _CLEARLY, _OF_ALL, _CONFIDENT = 8, 2 / 3, 1 / 3, 0.5
"""Instances that a new champion gives one name, at least; their share of those that it does not see
as they were seen before, and of all; and the score from which it is a name."""
_LATEST = 300
"""Instances of a novelty among which those that earlier models saw are looked for."""
_TAKEN_OVER = "novelties.taken_over"


class Succession:
    """A new champion looks again at the latest frames of every novelty.

    A novelty that waits or collects is merged into a closed one when the champion now clearly gives
    its instances the kind of that one. Should that be wrong, the closed one comes back.

    Args:
        workspace: Where novelties and observations are kept.
        desk: Who knows their members.
        answers: Which labels are still to come, or to be used.
        model: Id of the new champion.
        embed: Returns an observation as it sees it.
        most: Instances of each novelty that are looked at again.
    """

    def __init__(
        self,
        workspace: Workspace,
        desk: NoveltyDesk,
        answers: Answers,
        model: str,
        embed: Callable[[Observation], Observation],
        most: int,
    ) -> None:
        self._workspace, self._desk, self._answers = workspace, desk, answers
        self._model, self._embed, self._most = model, embed, most
        self._seen: dict[str, Instances] = {}

    def rebase(self, ordinary: NDArray[np.floating]) -> None:
        """Go on with the novelties as the new champion sees them, and merge what it shows is one.

        Args:
            ordinary: ``(M, D)``, what known kinds look like to it.
        """
        for novelty in self._desk.in_state(*NoveltyState):
            for sighting in self._desk.members(novelty.id)[-self._most :]:
                self._see(sighting.observation)
        self._desk.rebase(ordinary, self._again)
        self._merge()

    def finish(self) -> None:
        """Merge what the champion shows is one, where a process died before it was done."""
        if not self._workspace.catalogue.audit.list(subject=self._model, action=_TAKEN_OVER):
            self._merge()

    def _merge(self) -> None:
        novelties = self._desk.in_state(*NoveltyState)
        if not novelties:
            return
        same = self._recognised()
        for other, novelty in same.items():
            merge(self._workspace, self._desk, novelty, other)
        at = max(novelty.last_seen for novelty in novelties)
        detail = {"merged": sorted(same)}
        self._workspace.catalogue.audit.record("triage", _TAKEN_OVER, self._model, detail, at)

    def _see(self, observation: str) -> Instances:
        if observation not in self._seen:
            kept = self._workspace.observation(observation)
            self._seen[observation] = self._embed(kept).instances
        return self._seen[observation]

    def _again(self, keys: Sequence[Key]) -> dict[Key, NDArray[np.floating]]:
        """Return the embeddings of the instances that the new champion sees again."""
        found: dict[Key, NDArray[np.floating]] = {}
        for observation, row in keys:
            if observation in self._seen:
                before = self._workspace.catalogue.observations.get(observation).instances
                again = seen_again(before, [row], self._seen[observation])
                if row in again:
                    found[observation, row] = again[row]
        return found

    def _recognised(self) -> dict[str, str]:
        """Return for each novelty that the champion takes for a closed one the id of that one.

        Labels say more than a model: none that was labelled as another kind, and none whose labels
        are still to come or to be used, for they are paid for.
        """
        closed: dict[int | None, str] = {}
        for one in sorted(
            self._desk.in_state(NoveltyState.CLOSED), key=lambda n: (n.first_seen, n.id)
        ):
            closed.setdefault(one.kind, one.id)
        same: dict[str, str] = {}
        for novelty in self._desk.in_state(*_OPEN) if closed else ():
            if self._answers.outstanding(novelty.id):
                continue
            kind = self._now_named(novelty.id)
            if kind is not None and kind in closed and novelty.kind in (None, kind):
                same[novelty.id] = closed[kind]
        return same

    def _now_named(self, novelty: str) -> int | None:
        """Return the kind that the champion clearly gives what earlier models saw of a novelty.

        Counted against it is what it does not see or is not sure of, and what it calls by another
        name. What an earlier model was as sure of under the same name tells nothing, for it came
        along with what was strange; but a novelty that is mostly such is left alone.
        """
        catalogue = self._workspace.catalogue
        # Not the desk's members: it forgets what the new model does not see.
        keys = catalogue.novelties.members(novelty)[-_LATEST:]
        rows = ((catalogue.observations.get(observation), row) for observation, row in keys)
        earlier = [r for r in rows if r[0].model != self._model and r[0].image][-self._most :]
        names: Counter[int] = Counter()
        as_before = 0
        for row, instance in earlier:
            before, now = row.instances, self._see(row.id)
            told = before.labels[instance], before.scores[instance] >= _CONFIDENT
            for place in rows_on(before, [instance], now).values():
                tells = now.labels[place], now.scores[place] >= _CONFIDENT
                as_before += tells == told and bool(told[1])
                names[int(now.labels[place])] += tells != told and bool(tells[1])
        changed = len(earlier) - as_before
        for kind, count in names.most_common(1):
            if count >= max(_NAMED, _CLEARLY * changed, _OF_ALL * len(earlier)):
                return kind
        return None
