"""Routine campaigns: labels of what the champion is in doubt of, while nothing is novel."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from januscl.core import (
    Campaign,
    Cost,
    Event,
    EventKind,
    Frame,
    Label,
    Novelty,
    NoveltyState,
    Observation,
    Taxonomy,
    new_id,
)
from januscl.line.answers import Answers
from januscl.line.moments import Moments
from januscl.line.moving import interrupted, keep_move
from januscl.line.novelties import NoveltyLedger
from januscl.line.policy import Collecting
from januscl.store import Workspace
from januscl.triage import Candidate, DoubtDesk, doubt_of, doubts_of, moved, place_of

_NAME = "routine-"
_ENDED = (NoveltyState.CLOSED, NoveltyState.DISMISSED)


class RoutineLedger:
    """Looks through the champion's frames and asks for labels of a few of them.

    A campaign looks through `routine_every` frames that pass while no novelty collects. Of the
    moments of each robot a share, every third by default, judges: some of their frames are drawn
    by chance and become the slice, so that it shows what the fleet sees on an ordinary day. Of
    the others the most doubtful frames teach. Nothing is taken from a faulty camera.

    In the catalogue a routine campaign hangs on a record among the novelties, named ``routine-1``
    and so on, that costs no picks: its way from labels to the fleet is a novelty's. It is closed
    by the model that learned from it; until then each round of labels adds to what is known.

    Args:
        workspace: Where records, members and campaigns are kept.
        policy: How many frames are looked through, and how many labels asked for.
        novelties: They come first; what they took is not asked for twice.
        seed: Of the chance sample.

    Records and campaigns are taken from the catalogue, so that they outlive the process; which
    frames left the model in doubt does not, and a campaign looks through frames anew.

    Attributes:
        answers: Which labels of its records came, and which are still to come.
        kept: Ids of the observations whose pixels were kept for a routine campaign alone.
    """

    def __init__(
        self, workspace: Workspace, policy: Collecting, novelties: NoveltyLedger, seed: int = 0
    ) -> None:
        self._workspace, self._catalogue = workspace, workspace.catalogue
        self._policy, self._novelties, self._seed = policy, novelties, seed
        self._records = {record.id: self._resumed(record) for record in _records(workspace)}
        self._campaign = self._unfinished()
        self.answers = Answers(workspace, max(1, policy.routine_frames // 2))
        self._moments: dict[str, Moments] = {}
        self._desk = self._new_desk()
        self._model, self._last = "", datetime.min.replace(tzinfo=UTC)
        self.kept: set[str] = set()

    def take(self, observation: Observation, event: Event | None) -> None:
        """Take an observation that was triaged, and the event that was made of it."""
        if not self._policy.routine_every or _of_a_fault(event):
            return
        place = place_of(observation.instances)
        if place is None:
            return
        champion = self._catalogue.aliases.get("champion")
        if observation.model != champion or self._novelties.hungry() or self._under_way():
            return
        frame = observation.frame
        if self._campaign is None or champion != self._model:
            self._look_anew(champion, frame.at)
        self._last = frame.at
        candidate = Candidate(
            observation.id, frame.camera, frame.at, place, doubt_of(observation.instances)
        )
        if self._desk.see(candidate, self._judges(frame)):
            self._keep(observation)

    def has(self, novelty: str) -> bool:
        """Say whether a record among the novelties stands for a routine campaign."""
        return novelty in self._records

    def records(self) -> list[Novelty]:
        """Return the records of all routine campaigns, in the order in which they were opened."""
        return list(self._records.values())

    def collecting(self) -> list[Novelty]:
        """Return the record of the campaign that looks through frames, if there is one."""
        return [n for n in self._records.values() if n.state is NoveltyState.COLLECTING]

    def ready(self) -> list[Novelty]:
        """Return the record of the campaign that has looked through its frames, if there is one."""
        answered = [n for n in self.collecting() if self.answers.suffice(n.id)]
        campaign = self._campaign
        if answered or campaign is None or self._novelties.hungry():
            return answered
        due = self._desk.seen >= self._policy.routine_every or self._last >= campaign.expires
        room = min(self.waiting(), self.left(campaign.novelty))
        return self.collecting() if due and 2 * room >= campaign.quota else []

    def waiting(self) -> int:
        """Return how many frames could be labelled now; 0 while none could teach or judge."""
        if self._campaign is None:
            return 0
        teaching, judging = self._desk.choose(self._barred())
        return len(teaching) + len(judging) if teaching and judging else 0

    def left(self, novelty: str) -> int:
        """Return how many labels the next round may cost, those still to come counted."""
        return max(0, self._policy.routine_frames - len(self.answers.open(novelty)))

    def choose(self, novelty: str, quota: int) -> list[Observation]:
        """Return the frames to be labelled, pixels included, and mark them taken.

        Args:
            novelty: Id of the campaign's record.
            quota: Frames at most.
        """
        if self._campaign is None or quota <= 0:
            return []
        teaching, judging = self._desk.choose(self._barred())
        judging = judging[:quota]
        chosen = [*teaching[: quota - len(judging)], *judging]
        self._novelties.taken |= set(chosen)
        frames = [self._workspace.observation(id) for id in chosen]
        self._show(novelty, [frame for frame in frames if frame.id not in set(judging)])
        self._catalogue.campaigns.put(replace(self._campaign, frames=tuple(chosen)))
        self._campaign = None
        return frames

    def judging(self, frames: Sequence[Observation]) -> set[str]:
        """Return the ids of those frames that were drawn by chance, to judge."""
        drawn, taught = set[str](), set[str]()
        for record in self._records:
            taught |= {id for id, _ in self._catalogue.novelties.members(record)}
            for campaign in self._catalogue.campaigns.list(record):
                drawn |= set(campaign.frames)
        return {frame.id for frame in frames} & (drawn - taught)

    def christen(self, novelty: str, labels: Sequence[Label], taxonomy: Taxonomy) -> Novelty:
        """Return the record as it is: what labels show of an ordinary day has no name."""
        return self._records[novelty]

    def move(
        self, novelty: str, state: NoveltyState, at: datetime, champion: str | None = None
    ) -> Novelty:
        """Move the record on its way, with a row in the audit log; see `NoveltyLedger.move`."""
        record = moved(self._records[novelty], state)
        keep_move(self._workspace, record, at, champion)
        self._records[novelty] = record
        return record

    def _resumed(self, record: Novelty) -> Novelty:
        """Return a record as it goes on: its cycle ended with its process."""
        state = interrupted(self._workspace, record)
        if state is None:
            return record
        record = moved(record, state)
        at = self._catalogue.audit.list(subject=record.id)[-1].at
        keep_move(self._workspace, record, at)
        return record

    def _unfinished(self) -> Campaign | None:
        """Return the campaign that looked through frames when the process ended, if one did."""
        campaigns = [c for n in self.collecting() for c in self._catalogue.campaigns.list(n.id)]
        return campaigns[-1] if campaigns and not campaigns[-1].frames else None

    def _under_way(self) -> bool:
        """Say whether what was asked for is being labelled or learned."""
        idle = (NoveltyState.COLLECTING, *_ENDED)
        return any(record.state not in idle for record in self._records.values())

    def _judges(self, frame: Frame) -> bool:
        """Say whether the moment that a frame belongs to judges."""
        every = max(2, round(1 / self._policy.held_back))
        moment = self._moments.setdefault(frame.robot, Moments()).of(frame.at)
        # Robots that work in step must not leave all the judging to one of them.
        return (moment + list(self._moments).index(frame.robot)) % every == 1

    def _look_anew(self, champion: str, at: datetime) -> None:
        """Begin to look through frames; what another model was in doubt of no longer counts."""
        self._desk, self._model = self._new_desk(), champion
        if self._campaign is not None:
            return
        quota = self._policy.routine_frames
        record = next(iter(self.collecting()), None) or self._open_record(at)
        entropy = sha256(f"campaign {record.id} {at.isoformat()}".encode()).digest()[:10]
        expires = at + timedelta(hours=self._policy.hours)
        self._campaign = Campaign(new_id(at, entropy), record.id, quota, at, expires)
        with self._catalogue.transaction() as tx:
            tx.campaigns.put(self._campaign)
            tx.audit.record(
                "triage", "campaign.opened", self._campaign.id,
                {"novelty": record.id, "quota": quota}, at,
            )  # fmt: skip

    def _new_desk(self) -> DoubtDesk:
        judging = max(1, round(self._policy.routine_frames * self._policy.held_back))
        return DoubtDesk(self._policy.routine_frames - judging, judging, self._seed)

    def _open_record(self, at: datetime) -> Novelty:
        entropy = sha256(f"routine {at.isoformat()}".encode()).digest()[:10]
        taken = {novelty.name for novelty in self._catalogue.novelties.list()}
        number = next(k for k in range(1, len(taken) + 2) if f"{_NAME}{k}" not in taken)
        record = Novelty(
            id=new_id(at, entropy),
            name=f"{_NAME}{number}",
            state=NoveltyState.COLLECTING,
            first_seen=at,
            last_seen=at,
            instances=0,
            robots=(),
            cost=Cost(0, 0, 0),
        )
        keep_move(self._workspace, record, at)
        self._records[record.id] = record
        return record

    def _keep(self, observation: Observation) -> None:
        if self._catalogue.observations.get(observation.id).image is None:
            self.kept.add(observation.id)
        self._workspace.keep(observation)

    def _barred(self) -> set[str]:
        """Return the ids of frames that may not be asked for: quarantined, or asked for before."""
        ids = self._desk.kept()
        return self._catalogue.observations.quarantined(ids) | (ids & self._novelties.taken)

    def _show(self, novelty: str, frames: Sequence[Observation]) -> None:
        """Keep the most doubtful instance of each frame that teaches, for people to look at."""
        members = [(f.id, int(doubts_of(f.instances).argmax())) for f in frames if len(f.instances)]
        record = self._records[novelty]
        self._records[novelty] = replace(
            record,
            last_seen=max([record.last_seen, *(f.frame.at for f in frames)]),
            instances=record.instances + len(members),
            robots=tuple(sorted({*record.robots, *(f.frame.robot for f in frames)})),
        )
        with self._catalogue.transaction() as tx:
            tx.novelties.put(self._records[novelty])
            tx.novelties.assign(novelty, members)


def _of_a_fault(event: Event | None) -> bool:
    """Say whether an event tells of a faulty camera, and not of a failed pick or a novelty."""
    if event is None or event.kind is EventKind.NOVELTY:
        return False
    return event.kind is EventKind.FAULT or event.cause != "failed_pick"


def _records(workspace: Workspace) -> list[Novelty]:
    """Return the records that were kept; triage opened every other novelty, and said so."""
    opened = {row.subject for row in workspace.catalogue.audit.list(action="novelty.new")}
    found = workspace.catalogue.novelties.list()
    records = [n for n in found if n.id not in opened and n.name.startswith(_NAME)]
    return sorted(records, key=lambda record: (record.first_seen, record.id))
