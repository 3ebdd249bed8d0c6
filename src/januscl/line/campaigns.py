"""Campaigns: which frames of a novelty are labelled, how many, and how long they are waited for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from januscl.core import Campaign, Novelty, Observation, new_id
from januscl.line.answers import Answers
from januscl.line.moving import keep_move
from januscl.line.policy import Collecting
from januscl.store import Workspace
from januscl.triage import Candidate, Sighting, choose_frames


class Campaigns:
    """Opens a campaign for a novelty, says when it has its frames, and chooses among them.

    Args:
        workspace: Where campaigns, tasks and frames are kept.
        policy: What a novelty may cost.
        seed: Of the random share of a campaign.

    Attributes:
        answers: Which labels came, and which are still to come.
        taken: Ids of the observations that were taken to be labelled; none is asked for twice.
        strangeness: How strange each observation was; what is not among them was ordinary.
    """

    def __init__(self, workspace: Workspace, policy: Collecting, seed: int) -> None:
        self._workspace, self._catalogue = workspace, workspace.catalogue
        self._policy, self._seed = policy, seed
        self._least = min(policy.least, policy.frames)
        self.answers = Answers(workspace, max(1, self._least))
        self.strangeness: dict[str, float] = {}
        asked = self._catalogue.label_tasks.asked()
        self.taken: set[str] = {task.observation for task in asked}
        before = self._earlier()
        self._asked = Counter(t.novelty for t in asked if (t.novelty, t.observation) not in before)

    def open(self, novelty: Novelty, at: datetime) -> None:
        """Open a campaign for a novelty that now collects, with all the labels that it may cost.

        Both are kept together: what came back never collects under a campaign that ran out before.
        """
        entropy = sha256(f"campaign {novelty.id} {at.isoformat()}".encode()).digest()[:10]
        expires = at + timedelta(hours=self._policy.hours)
        campaign = Campaign(new_id(at, entropy), novelty.id, self._policy.frames, at, expires)
        keep_move(self._workspace, novelty, at, campaign=campaign)
        self._asked[novelty.id] = 0

    def expired(self, novelty: str, at: datetime) -> bool:
        """Say whether a novelty's campaign is over: what comes so seldom costs too little.

        Not while labels are still to come or to be used: people take their time.
        """
        expires = self._catalogue.campaigns.list(novelty)[-1].expires
        return not (at < expires or self.answers.open(novelty) or self.answers.suffice(novelty))

    def ready(self, novelty: Novelty, members: Sequence[Sighting]) -> bool:
        """Say whether a novelty can be learned: it has its frames, or labels that came late.

        A campaign that has waited long enough makes do with fewer frames.
        """
        if self.answers.suffice(novelty.id):
            return True
        enough = min(self._enough(novelty), self.left(novelty.id))
        return self.affords(novelty.id) and self.waiting(members) >= enough

    def affords(self, novelty: str) -> bool:
        """Say whether a novelty may still have as many frames labelled as teach anything."""
        return self.left(novelty) >= self._least

    def left(self, novelty: str) -> int:
        """Return how many more labels a novelty may cost; see `NoveltyLedger.left`."""
        return self._policy.frames - self._asked[novelty]

    def waiting(self, members: Sequence[Sighting]) -> int:
        """Return how many frames of a novelty, given by its members, could be labelled now."""
        return len(self._candidates(members))

    def choose(self, novelty: str, members: Sequence[Sighting], quota: int) -> list[Observation]:
        """Return the frames of a novelty that teach most, pixels included, and mark them taken."""
        quota = min(quota, self.left(novelty))
        if quota <= 0:
            return []
        candidates = self._candidates(members)
        chosen = choose_frames(candidates, quota, self._seed)
        if len(chosen) < quota:
            rest = [c.observation for c in candidates if c.observation not in set(chosen)]
            chosen += rest[: quota - len(chosen)]
        self.taken |= set(chosen)
        self._asked[novelty] += len(chosen)
        for campaign in self._catalogue.campaigns.list(novelty)[-1:]:
            # A process that died before it asked for its frames leaves some of them here.
            frames = tuple(dict.fromkeys((*campaign.frames, *chosen)))
            self._catalogue.campaigns.put(replace(campaign, frames=frames))
        return [self._workspace.observation(id) for id in chosen]

    def _candidates(self, members: Sequence[Sighting]) -> list[Candidate]:
        """Return the frames that may be labelled: one candidate a frame."""
        latest = {sighting.observation: sighting for sighting in members}
        fresh = [id for id in latest if id not in self.taken]
        barred = self._catalogue.observations.quarantined(fresh)
        return [
            Candidate(
                id, latest[id].robot, latest[id].at, latest[id].embedding,
                self.strangeness.get(id, 0.0),
            )
            for id in fresh
            if id not in barred
        ]  # fmt: skip

    def _enough(self, novelty: Novelty) -> int:
        """Return how many frames a campaign needs: its quota, and fewer once it has waited."""
        quota = self._policy.frames
        campaigns = self._catalogue.campaigns.list(novelty.id)
        if not campaigns:
            return quota
        waited = novelty.last_seen - campaigns[-1].opened >= timedelta(hours=self._policy.patience)
        return self._least if waited else quota

    def _earlier(self) -> set[tuple[str | None, str]]:
        """Return the novelty and frame of what was asked before the novelty came back."""
        latest: dict[str, Campaign] = {}
        earlier = set[tuple[str | None, str]]()
        for campaign in self._catalogue.campaigns.list():
            if campaign.novelty in latest:
                earlier |= {(campaign.novelty, id) for id in latest[campaign.novelty].frames}
            latest[campaign.novelty] = campaign
        return earlier
