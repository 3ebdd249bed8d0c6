"""The novelties of a workspace: what was seen of each, its campaign, and its way to the fleet."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from januscl.core import (
    Campaign,
    Conflict,
    Event,
    EventKind,
    Image,
    Instances,
    Label,
    Novelty,
    NoveltyState,
    Observation,
    Taxonomy,
    new_id,
)
from januscl.line.answers import Answers
from januscl.line.moments import hold_back
from januscl.line.moving import interrupted, keep_move
from januscl.line.policy import Collecting
from januscl.line.recalling import (
    MERGED,
    recall,
    recall_pool,
    rows_again,
    seen_again,
    strangeness,
)
from januscl.store import Workspace
from januscl.triage import Candidate, NoveltyDesk, Sighting, choose_frames

_LOOK_EVERY = 20
_SURE = 0.3
_ATTEMPTS = 20_000
_VOTES = 3
"""Labelled instances of one kind that make two novelties one."""
_NAMED, _CLEARLY, _CONFIDENT = 8, 2 / 3, 0.5
"""Instances that a new champion gives one name, at least; their share of all that were looked at,
at least; and the score from which it is a name. A class just learned is named too readily."""


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
        self._policy, self._seed = policy, seed
        self._picks_a_day = picks_a_day
        self._known: dict[str, NDArray[np.floating]] = {}
        self._first: NoveltyDesk | None = None
        self._strangeness: dict[str, float] = {}
        self._predict = predict
        self._reports = 0
        asked = self._catalogue.label_tasks.asked()
        before = self._earlier_campaigns()
        self._asked = Counter(t.novelty for t in asked if (t.novelty, t.observation) not in before)
        self.answers = Answers(workspace, max(1, min(policy.least, policy.frames)))
        self.taken: set[str] = {task.observation for task in asked}

    def _earlier_campaigns(self) -> set[tuple[str | None, str]]:
        """Return the novelty and frame of what was asked before the novelty came back."""
        latest: dict[str, Campaign] = {}
        earlier = set[tuple[str | None, str]]()
        for campaign in self._catalogue.campaigns.list():
            if campaign.novelty in latest:
                earlier |= {(campaign.novelty, id) for id in latest[campaign.novelty].frames}
            latest[campaign.novelty] = campaign
        return earlier

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
            if self._predict is None:
                return observation.instances.only(np.zeros(0, np.int64))
            return self._predict(model, observation.frame.image)

        kept = recall(self._workspace, model, see)
        known = {key for one in kept for key in one.keys}
        self._desk.restore(kept, recall_pool(self._workspace, model, known))
        self._strangeness |= strangeness(self._workspace)
        for observation, pick in self._catalogue.observations.picks(_ATTEMPTS):
            self._desk.tell(observation, pick.instance, pick.outcome.failed, pick.at)
        self._desk.rank()
        for one in kept:
            state = interrupted(self._workspace, one.novelty)
            if state is not None:
                at = self._catalogue.audit.list(subject=one.novelty.id)[-1].at
                self.move(one.novelty.id, state, at)

    @property
    def _desk(self) -> NoveltyDesk:
        if self._first is None:
            raise Conflict(
                "the novelties wait until it is known what known kinds look like to the champion; "
                "call Line.know first, or let the fleet work on"
            )
        return self._first

    def take(self, observation: Observation, event: Event | None) -> None:
        """Take an observation with its outcome, and the event that triage made of it."""
        if self._first is None:
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
        rows = seen.counted(_SURE)
        nearest = self._desk.nearest(seen.embeddings[rows])
        return {
            int(row)
            for row, novelty in zip(rows, nearest, strict=True)
            if novelty in open_campaigns
        }

    def look(self, at: datetime) -> None:
        """Bring every novelty's cost up to date; open campaigns for those worth one."""
        for novelty in self._desk.rank():
            waits = novelty.state in (NoveltyState.NEW, NoveltyState.REGRESSED)
            if waits and novelty.cost.expected >= self._policy.min_cost:
                novelty = self.move(novelty.id, NoveltyState.COLLECTING, at)
                self._open_campaign(novelty, at)
            elif novelty.state is NoveltyState.COLLECTING:
                if not self._catalogue.campaigns.list(novelty.id):  # killed before it was kept
                    self._open_campaign(novelty, at)
                novelty = self._end_campaign(novelty, at)
            self._catalogue.novelties.put(novelty)

    def ready(self) -> list[Novelty]:
        """Return the novelties whose campaign has its frames, the costliest first.

        A campaign that has waited long enough makes do with fewer. Labels that came after their
        cycle make a novelty ready as well.
        """
        return [
            novelty
            for novelty in self.collecting()
            if self.answers.suffice(novelty.id) or self._has_frames(novelty)
        ]

    def _has_frames(self, novelty: Novelty) -> bool:
        left = self.left(novelty.id)
        if left < min(self._policy.least, self._policy.frames):
            return False
        return self.waiting(novelty.id) >= min(self._enough(novelty), left)

    def left(self, novelty: str) -> int:
        """Return how many more labels a novelty may cost, over all tries until it is closed.

        Labels that came and those that are still to come are spent alike. One that came back after
        it was closed may cost as many again.
        """
        return self._policy.frames - self._asked[novelty]

    def _enough(self, novelty: Novelty) -> int:
        """Return how many frames a campaign needs: its quota, and fewer once it has waited."""
        quota = self._policy.frames
        campaigns = self._catalogue.campaigns.list(novelty.id)
        if not campaigns:
            return quota
        waited = novelty.last_seen - campaigns[-1].opened >= timedelta(hours=self._policy.patience)
        return min(self._policy.least, quota) if waited else quota

    def _end_campaign(self, novelty: Novelty, at: datetime) -> Novelty:
        """Give up a campaign that has expired: what comes so seldom costs too little.

        Not while labels are still to come or to be used: people take their time.
        """
        expires = self._catalogue.campaigns.list(novelty.id)[-1].expires
        if at < expires or self.answers.open(novelty.id) or self.answers.suffice(novelty.id):
            return novelty
        return self.move(novelty.id, NoveltyState.DISMISSED, at)

    def collecting(self) -> list[Novelty]:
        """Return the novelties with an open campaign, the costliest first."""
        desk = self._first
        return [] if desk is None else list(desk.in_state(NoveltyState.COLLECTING))

    def hungry(self) -> bool:
        """Say whether a novelty collects frames that it may still have labelled."""
        least = min(self._policy.least, self._policy.frames)
        return any(self.left(novelty.id) >= least for novelty in self.collecting())

    def waiting(self, novelty: str) -> int:
        """Return how many frames of a novelty could be labelled now."""
        return len(self._candidates(novelty))

    def choose(self, novelty: str, quota: int) -> list[Observation]:
        """Return the frames of a novelty that teach most, pixels included, and mark them taken."""
        quota = min(quota, self.left(novelty))
        if quota <= 0:
            return []
        candidates = self._candidates(novelty)
        chosen = choose_frames(candidates, quota, self._seed)
        if len(chosen) < quota:
            rest = [c.observation for c in candidates if c.observation not in set(chosen)]
            chosen += rest[: quota - len(chosen)]
        self.taken |= set(chosen)
        self._asked[novelty] += len(chosen)
        for campaign in self._catalogue.campaigns.list(novelty)[-1:]:
            frames = (*campaign.frames, *chosen)
            self._catalogue.campaigns.put(replace(campaign, frames=frames))
        return [self._workspace.observation(id) for id in chosen]

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
        moved = self._desk.move(novelty, state)
        keep_move(self._workspace, moved, at, champion)
        return moved

    def christen(self, novelty: str, labels: Sequence[Label], taxonomy: Taxonomy) -> Novelty:
        """Name a novelty by the kind that most of its labelled instances turned out to be.

        Other novelties that turn out to be of the same kind are one with it: a model may see one
        new thing in several ways.
        """
        truth = {label.observation: label.truth for label in labels}
        votes = self._votes(novelty, truth)
        if not votes:
            return self._desk.novelty(novelty)
        kind = taxonomy.kind(votes.most_common(1)[0][0])
        named = self._desk.name(novelty, kind.name, kind.id)
        self._catalogue.novelties.put(named)
        for other in self._desk.in_state(NoveltyState.NEW, NoveltyState.COLLECTING):
            if other.id != novelty:
                votes = self._votes(other.id, truth)
                if votes[kind.id] >= max(_VOTES, votes.total() / 2):
                    self._merge(novelty, other.id)
        return self._desk.novelty(novelty)

    def _votes(self, novelty: str, truth: Mapping[str, Instances]) -> Counter[int]:
        """Return how many of a novelty's instances turned out to be of each kind."""
        votes: Counter[int] = Counter()
        for sighting in self._desk.members(novelty):
            if sighting.observation not in truth:
                continue
            seen = self._catalogue.observations.get(sighting.observation).instances
            known = truth[sighting.observation]
            places = rows_again(seen, [sighting.instance], known).values()
            votes.update(int(known.labels[place]) for place in places)
        return votes

    def _merge(self, novelty: str, other: str) -> None:
        kept, gone = self._desk.merge(novelty, other)
        with self._catalogue.transaction() as tx:
            tx.novelties.put(kept)
            tx.novelties.put(gone)
            for id, keys in self._desk.joined().items():
                tx.novelties.assign(id, keys)
            tx.audit.record(
                "triage", MERGED, other, {"into": novelty, "name": kept.name},
                kept.last_seen,
            )  # fmt: skip

    def rebase(
        self, model: str, embed: Callable[[Observation], Observation], most: int = 40
    ) -> None:
        """See the latest frames of every novelty again with a new champion.

        A novelty that waits or collects is merged into a closed one when the champion now clearly
        gives its instances the kind of that one. Should that be wrong, the closed one comes back.

        Args:
            model: Its id; what known kinds look like to it was taken before.
            embed: Returns the observation as the new model sees it.
            most: Instances of each novelty that are looked at again.
        """
        frames: dict[str, Observation] = {}

        def see(observation: str) -> Instances:
            if observation not in frames:
                frames[observation] = embed(self._workspace.observation(observation))
            return frames[observation].instances

        def again(keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], NDArray[np.floating]]:
            found: dict[tuple[str, int], NDArray[np.floating]] = {}
            for observation, row in keys:
                if observation in frames:
                    before = self._catalogue.observations.get(observation).instances
                    again = seen_again(before, [row], see(observation))
                    if row in again:
                        found[observation, row] = again[row]
            return found

        for novelty in self._desk.in_state(*NoveltyState):
            for sighting in self._desk.members(novelty.id)[-most:]:
                see(sighting.observation)
        # Before the desk forgets what the new model does not see.
        same = self._recognised(model, see, most)
        self._desk.rebase(self._known[model], again)
        for other, novelty_id in same.items():
            self._merge(novelty_id, other)

    def _recognised(self, model: str, see: Callable[[str], Instances], most: int) -> dict[str, str]:
        """Return for each novelty that a new champion takes for a closed one the id of that one.

        Labels say more than a model: none that was labelled as another kind, and none whose labels
        are still to come or to be used, for they are paid for.
        """
        closed: dict[int | None, str] = {}
        for one in sorted(
            self._desk.in_state(NoveltyState.CLOSED), key=lambda n: (n.first_seen, n.id)
        ):
            closed.setdefault(one.kind, one.id)
        same: dict[str, str] = {}
        for novelty in self._desk.in_state(
            NoveltyState.NEW, NoveltyState.COLLECTING, NoveltyState.REGRESSED
        ):
            if self.answers.open(novelty.id) or self.answers.unused(novelty.id):
                continue
            kind = self._now_named(novelty.id, model, see, most)
            if kind is not None and kind in closed and novelty.kind in (None, kind):
                same[novelty.id] = closed[kind]
        return same

    def _now_named(
        self, novelty: str, model: str, see: Callable[[str], Instances], most: int
    ) -> int | None:
        """Return the kind that a new champion clearly gives what earlier models saw of a novelty.

        Counted against it is what it does not see or is not sure of, and what an earlier model gave
        that kind as well: that was out of the ordinary under its name.
        """
        rows = (
            (self._catalogue.observations.get(s.observation), s.instance)
            for s in self._desk.members(novelty)
        )
        earlier = [(row, instance) for row, instance in rows if row.model != model][-most:]
        names: Counter[int] = Counter()
        for row, instance in earlier:
            before, now = row.instances, see(row.id)
            told = (before.labels[instance], before.scores[instance] >= _CONFIDENT)
            for place in rows_again(before, [instance], now).values():
                kind = int(now.labels[place])
                if now.scores[place] >= _CONFIDENT and told != (kind, True):
                    names[kind] += 1
        for kind, count in names.most_common(1):
            if count >= max(_NAMED, _CLEARLY * len(earlier)):
                return kind
        return None

    def _see(self, observation: Observation, rows: Sequence[int], event: Event | None) -> None:
        seen, frame = observation.instances, observation.frame
        if seen.embeddings is None or not rows:
            return
        if event is None:
            self._workspace.keep(observation)
        signals = event.signals if event is not None else ()
        self._strangeness[observation.id] = max((s.score for s in signals), default=0.0)
        changed = self._desk.see(
            [
                Sighting(observation.id, row, frame.robot, frame.at, seen.embeddings[row])
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

    def _open_campaign(self, novelty: Novelty, at: datetime) -> None:
        entropy = sha256(f"campaign {novelty.id} {at.isoformat()}".encode()).digest()[:10]
        expires = at + timedelta(hours=self._policy.hours)
        campaign = Campaign(new_id(at, entropy), novelty.id, self._policy.frames, at, expires)
        with self._catalogue.transaction() as tx:
            tx.campaigns.put(campaign)
            tx.audit.record(
                "triage", "campaign.opened", campaign.id,
                {"novelty": novelty.id, "quota": campaign.quota}, at,
            )  # fmt: skip
        self._asked[novelty.id] = 0

    def _candidates(self, novelty: str) -> list[Candidate]:
        """Return the frames of a novelty that may be labelled: one candidate a frame."""
        members = {s.observation: s for s in self._desk.members(novelty)}
        fresh = [id for id in members if id not in self.taken]
        barred = self._catalogue.observations.quarantined(fresh)
        return [
            Candidate(
                id,
                members[id].robot,
                members[id].at,
                members[id].embedding,
                self._strangeness.get(id, 0.0),
            )
            for id in fresh
            if id not in barred
        ]
