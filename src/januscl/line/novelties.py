"""The novelties of a workspace, as the desk and the catalogue hold them between them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from januscl.core import (
    Conflict,
    Event,
    EventKind,
    Image,
    Instances,
    Label,
    NotFound,
    Novelty,
    NoveltyState,
    Observation,
    Taxonomy,
)
from januscl.line.campaigns import Campaigns
from januscl.line.identities import christen
from januscl.line.moments import hold_back
from januscl.line.moving import interrupted, keep_move
from januscl.line.policy import Collecting
from januscl.line.recalling import recall, recall_pool, strangeness
from januscl.line.standing import Trials
from januscl.line.succession import Succession
from januscl.store import Workspace
from januscl.triage import NoveltyDesk, Sighting, moved

_LOOK_EVERY = 20
_ATTEMPTS = 20_000


class NoveltyLedger:
    """Keeps the desk's novelties in the catalogue and opens campaigns for those worth one.

    All that decides anything is in the catalogue: once it is known what known kinds look like, the
    novelties go on under the same ids, with their members, their costs and what they may still
    cost in labels. A label counts against a novelty from when it is asked for.

    Args:
        workspace: Where novelties, members and campaigns are kept.
        policy: What a novelty may cost.
        picks_a_day: Attempts a day in the whole fleet; 0 where nothing is picked.
        seed: Of the random share of a campaign.
        predict: Returns what a model, by its id, sees in a picture; without it, what another model
            saw before a restart counts, but attracts nothing.

    Attributes:
        answers: Which labels of its novelties came, and which are still to come.
        taken: Ids of the observations that were taken to be labelled; none is asked for twice.
    """

    def __init__(
        self,
        workspace: Workspace,
        policy: Collecting,
        picks_a_day: float,
        seed: int = 0,
        predict: Callable[[str, Image], Instances] | None = None,
    ) -> None:
        self._workspace, self._catalogue = workspace, workspace.catalogue
        self._policy, self._picks_a_day = policy, picks_a_day
        self._known: dict[str, NDArray[np.floating]] = {}
        self._first: NoveltyDesk | None = None
        self._predict = predict
        self._reports = 0
        self._trials = Trials(self._catalogue)
        self._campaigns = Campaigns(workspace, policy, seed)
        self.answers, self.taken = self._campaigns.answers, self._campaigns.taken

    def know(self, model: str, ordinary: NDArray[np.floating]) -> None:
        """Take the embeddings ``(M, D)`` of known kinds as a model sees them."""
        self._known[model] = ordinary
        if self._first is None:
            self._first = NoveltyDesk(ordinary, self._picks_a_day)
            try:
                self._restore(model)
            except BaseException:
                self._first = None
                raise

    def _restore(self, model: str) -> None:
        """Go on with what the catalogue holds."""

        def see(observation: Observation) -> Instances:
            nothing = observation.instances.only(np.zeros(0, np.int64))
            if self._predict is None:
                return nothing
            try:
                return self._predict(model, observation.frame.image)
            except NotFound:  # a site's own model cannot be asked
                return nothing

        kept = recall(self._workspace, model, see)
        known = {key for one in kept for key in one.keys}
        self._desk.restore(kept, recall_pool(self._workspace, model, known))
        self._campaigns.strangeness |= strangeness(self._workspace)
        for observation, pick in self._catalogue.observations.picks(_ATTEMPTS):
            self._desk.tell(observation, pick.instance, pick.outcome.failed, pick.at)
        self._desk.rank()
        for one in kept:
            state = interrupted(self._workspace, one.novelty)
            if state is not None:
                at = self._catalogue.audit.list(subject=one.novelty.id)[-1].at
                self.move(one.novelty.id, state, at)
        if self._predict is not None:
            self._succession(
                model, lambda seen: replace(seen, instances=see(seen), pick=None)
            ).finish()

    @property
    def _desk(self) -> NoveltyDesk:
        if self._first is None:
            raise Conflict(
                "the novelties wait until it is known what known kinds look like to the champion; "
                "call Line.know first, or let the fleet work on"
            )
        return self._first

    def take(self, observation: Observation, event: Event | None) -> None:
        """Take an observation with its outcome, and the event that triage made of it.

        Not a challenger's: what it does not know is not what the champion does not know, its
        embeddings lie in a space of their own, and its failed picks are judged apart.
        """
        if self._first is None or observation.model in self._trials:
            return
        pick = observation.pick
        if event is None or event.kind is EventKind.NOVELTY:
            strange = set(event.instances) if event is not None else set()
            self._see(observation, sorted(strange | self._wanted(observation)), event)
        if pick is not None:
            self._desk.tell(observation.id, pick.instance, pick.outcome.failed, pick.at)
        self._reports += 1
        if self._reports % _LOOK_EVERY == 0:
            self.look(observation.frame.at)

    def _wanted(self, observation: Observation) -> set[int]:
        """Return the rows that an open campaign collects: those within its novelty.

        What is ordinary on its own may be one more of a kind that is being collected.
        """
        open_campaigns = {novelty.id for novelty in self.collecting()}
        seen = observation.instances
        if not open_campaigns or seen.embeddings is None:
            return set()
        rows = seen.counted()
        nearest = self._desk.nearest(seen.embeddings[rows])
        return {
            int(row)
            for row, novelty in zip(rows, nearest, strict=True)
            if novelty in open_campaigns
        }

    def look(self, at: datetime) -> None:
        """Bring every novelty's cost up to date; open campaigns for those worth one.

        One that came back was learned once: it is worth another only if it costs picks beyond
        chance.
        """
        for novelty in self._desk.rank():
            worth = {
                NoveltyState.NEW: novelty.cost.expected,
                NoveltyState.REGRESSED: novelty.cost.low,
            }
            collects = novelty.state is NoveltyState.COLLECTING
            if worth.get(novelty.state, -1) >= self._policy.min_cost:
                self._campaigns.open(moved(novelty, NoveltyState.COLLECTING), at)
                self._desk.move(novelty.id, NoveltyState.COLLECTING)
            elif collects and self._campaigns.expired(novelty.id, at):
                self.move(novelty.id, NoveltyState.DISMISSED, at)
            else:
                self._catalogue.novelties.put(novelty)

    def ready(self) -> list[Novelty]:
        """Return the novelties whose campaign has its frames, the costliest first.

        A campaign that has waited long enough makes do with fewer. Labels that came after their
        cycle make a novelty ready as well.
        """
        return [
            novelty
            for novelty in self.collecting()
            if self._campaigns.ready(novelty, self._desk.members(novelty.id))
        ]

    def left(self, novelty: str) -> int:
        """Return how many more labels a novelty may cost, over all tries until it is closed.

        Labels that came and those that are still to come are spent alike. One that came back after
        it was closed may cost as many again.
        """
        return self._campaigns.left(novelty)

    def collecting(self) -> list[Novelty]:
        """Return the novelties with an open campaign, the costliest first."""
        desk = self._first
        return [] if desk is None else list(desk.in_state(NoveltyState.COLLECTING))

    def hungry(self) -> bool:
        """Say whether a novelty collects frames that it may still have labelled."""
        return any(self._campaigns.affords(novelty.id) for novelty in self.collecting())

    def waiting(self, novelty: str) -> int:
        """Return how many frames of a novelty could be labelled now."""
        return self._campaigns.waiting(self._desk.members(novelty))

    def choose(self, novelty: str, quota: int) -> list[Observation]:
        """Return the frames of a novelty that teach most, pixels included, and mark them taken."""
        return self._campaigns.choose(novelty, self._desk.members(novelty), quota)

    def judging(self, frames: Sequence[Observation]) -> set[str]:
        """Return the ids of the frames that judge: whole moments of a novelty, never a part."""
        return hold_back(frames, self._policy.held_back)

    def move(
        self, novelty: str, state: NoveltyState, at: datetime, champion: str | None = None
    ) -> Novelty:
        """Move a novelty on its way, with a row in the audit log; see `keep_move`.

        Args:
            novelty: Its id.
            state: Where to.
            at: When.
            champion: Id of the model that becomes champion by the same transaction.

        Raises:
            Conflict: The way does not lead there, or no novelties are known yet.
        """
        # Kept first: what could not be kept, for want of room, did not happen.
        keep_move(self._workspace, moved(self._desk.novelty(novelty), state), at, champion)
        return self._desk.move(novelty, state)

    def christen(self, novelty: str, labels: Sequence[Label], taxonomy: Taxonomy) -> Novelty:
        """Name a novelty by its labels, with which others may be merged; see `christen`."""
        return christen(self._workspace, self._desk, novelty, labels, taxonomy, self.answers)

    def rebase(
        self, model: str, embed: Callable[[Observation], Observation], most: int = 40
    ) -> None:
        """See the latest frames of every novelty again with a new champion; see `Succession`.

        Args:
            model: Its id; what known kinds look like to it was taken before.
            embed: Returns the observation as the new model sees it.
            most: Instances of each novelty that are looked at again.
        """
        self._succession(model, embed, most).rebase(self._known[model])

    def _succession(
        self, model: str, embed: Callable[[Observation], Observation], most: int = 40
    ) -> Succession:
        return Succession(self._workspace, self._desk, self.answers, model, embed, most)

    def _see(self, observation: Observation, rows: Sequence[int], event: Event | None) -> None:
        seen, frame = observation.instances, observation.frame
        if seen.embeddings is None or not rows:
            return
        if event is None:
            self._workspace.keep(observation)
        signals, novel = (event.signals, event.instances) if event is not None else ((), ())
        strange = max((s.score for s in signals), default=0.0)
        self._campaigns.strangeness[observation.id] = strange
        changed = self._desk.see(
            [
                Sighting(
                    observation.id, row, frame.robot, frame.at, seen.embeddings[row], row in novel
                )
                for row in rows
            ]
        )
        joined = self._desk.joined()
        if joined:
            self._keep_joined(joined, changed, frame.at)
        if changed:
            self.look(frame.at)

    def _keep_joined(
        self,
        joined: Mapping[str, Sequence[tuple[str, int]]],
        changed: Sequence[Novelty],
        at: datetime,
    ) -> None:
        """Keep which instances joined which novelty, and the novelties that are new or back."""
        with self._catalogue.transaction() as tx:
            for novelty in changed:
                tx.novelties.put(novelty)
                tx.audit.record(
                    "triage", f"novelty.{novelty.state}", novelty.id, {"name": novelty.name}, at
                )
            for id, keys in joined.items():
                if all(id != novelty.id for novelty in changed):
                    tx.novelties.put(self._desk.peek(id))
                tx.novelties.assign(id, keys)
