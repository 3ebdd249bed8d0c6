"""One novelty's way from its campaign to the fleet, in the order in which it happens.

A routine campaign goes the same way. `Cycle.run` is the story. Each step, here or beside, fetches,
calls a station, and stores.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from januscl.core import (
    Annotator,
    Answer,
    Deck,
    DeckItem,
    Executor,
    ModelVersion,
    Novelty,
    NoveltyState,
    Release,
    Stage,
    Taxonomy,
    Verdict,
)
from januscl.core.wire import digest_of
from januscl.line.building import Builder
from januscl.line.elsewhere import place_of
from januscl.line.judging import CONFIDENCE, TEMPERED, Judge
from januscl.line.labelling import Labeller
from januscl.line.ledger import Ledger
from januscl.line.moving import interrupted
from januscl.line.policy import Policy
from januscl.line.progress import Progress, of_training, silent
from januscl.store import Workspace
from januscl.train.settings import Settings


@dataclass(frozen=True)
class World:
    """What a cycle may do beyond its workspace.

    Attributes:
        clock: The line's time, UTC.
        release: Takes a challenger (with the champion's id and the novelty's) through the stages
            and returns how that ended. None where there is no fleet, and the gate alone decides.
        meanwhile: Called while a training runs elsewhere, for the fleet goes on working.
    """

    clock: Callable[[], datetime]
    release: Callable[[ModelVersion, str, str | None], Release] | None = None
    meanwhile: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class CycleReport:
    """What one cycle came to.

    Attributes:
        novelty: As it stands afterwards.
        labels: Frames that were labelled for it.
        deck, challenger: What was built, and what was trained on it.
        champion: Id of the model that it was compared with.
        slice: Name of the slice that the novelty leaves behind once it is closed.
        verdict: The gate's.
        release: The challenger's way; None where the gate held it back, or there is no fleet.
    """

    novelty: Novelty
    labels: int
    deck: Deck
    challenger: ModelVersion
    champion: str
    slice: str
    verdict: Verdict
    release: Release | None

    def __repr__(self) -> str:
        way = "not released" if self.release is None else f"release {self.release.stage}"
        return (
            f"CycleReport({self.novelty.name}, {self.novelty.state}: {self.labels} labels, gate "
            f"{self.verdict.answer} for {self.challenger.id} against {self.champion}, {way})"
        )


def _learned(verdict: Verdict, target: str) -> bool:
    """Say whether the challenger is better on what it was trained for, beyond chance."""
    return any(score.slice == target and score.low > 0 for score in verdict.slices)


class Cycle:
    """All that a cycle needs; one serves a workspace for as long as it is open.

    Args:
        workspace: Where every step is kept.
        ledger: The novelties and what was collected of them.
        judge: Scores models on slices.
        annotator: Gives the labels.
        taxonomy: The kinds that the annotator may name.
        executor: Runs the training.
        policy: What a novelty may cost and how a challenger is made.
        world: The fleet and the time.

    Attributes:
        labeller: Asks for labels, and divides them.
        builder: Makes slices and decks of what was labelled.
    """

    def __init__(
        self,
        workspace: Workspace,
        ledger: Ledger,
        judge: Judge,
        annotator: Annotator,
        taxonomy: Taxonomy,
        executor: Executor,
        policy: Policy,
        world: World,
    ) -> None:
        self._workspace, self._catalogue = workspace, workspace.catalogue
        self._ledger, self._judge = ledger, judge
        self._taxonomy, self._executor, self._policy = taxonomy, executor, policy
        self._world = world
        self.labeller = Labeller(workspace, ledger, annotator, taxonomy, world.clock)
        self.builder = Builder(workspace, taxonomy, policy.learning, world.clock)

    def run(
        self, novelty: Novelty, steps: int | None = None, progress: Progress = silent
    ) -> CycleReport:
        """Label, build, train, judge, release; then close the novelty, or keep it open.

        Args:
            novelty: What is to be learned.
            steps: Of the training; the policy's when omitted.
            progress: Called with a line of text when something begins or gets on.

        Raises:
            Conflict: The novelty collects no more, as after a merge; no frame of it was labelled,
                and its tasks wait; or its labels are too few to learn from or to judge by.
            JobFailed: The training ended in an error.
        """
        try:
            return self._run(novelty, steps, progress)
        except BaseException:
            # Whatever went wrong, the novelty goes on collecting, and its labels are not lost.
            kept = self._catalogue.novelties.get(novelty.id)
            state = interrupted(self._workspace, kept)
            if state is not None:
                self._ledger.move(novelty.id, state, self._world.clock())
            raise

    def _run(self, novelty: Novelty, steps: int | None, progress: Progress) -> CycleReport:
        frames, came = self.labeller.gather(novelty)
        progress(f"asking for {len(frames)} labels of {novelty.name}; {len(came)} came before")
        labels = self.labeller.label(novelty, frames, came)
        frames = [*self.labeller.frames(came), *frames]
        learned, kept_back = self.labeller.split(novelty, frames, labels)
        self.labeller.check(novelty, learned, kept_back)
        used = {item.id for item in (*learned, *kept_back)}
        told = [label for label in labels if label.observation in used]
        novelty = self._ledger.christen(novelty.id, told, self._taxonomy)
        part = self.builder.freeze(novelty, kept_back)
        deck = self.build(novelty, learned)
        challenger = self.train(deck, steps=steps, progress=progress)
        progress("comparing the model with the champion")
        champion = self._catalogue.aliases.get("champion")
        verdict = self.judge(challenger, champion, part.name)
        trained = challenger
        for share in TEMPERED:
            if verdict.answer is Answer.PASS or not _learned(verdict, part.name):
                break
            progress(f"trying {share:.0%} of what was learned, for less is forgotten so")
            challenger = self.temper(trained, champion, share)
            verdict = self.judge(challenger, champion, part.name)
        progress(f"the gate says {verdict.answer}")
        release = self.release(challenger, champion, novelty, verdict)
        closed = self.conclude(novelty, challenger, verdict, release, used)
        return CycleReport(
            closed, len(labels), deck, challenger, champion, part.name, verdict, release
        )

    def build(self, novelty: Novelty, learned: Sequence[DeckItem]) -> Deck:
        """Build the deck: what is new, and what must not be forgotten."""
        deck = self.builder.build(learned)
        self._ledger.move(novelty.id, NoveltyState.IN_DECK, self._world.clock())
        self._record("deck.built", deck.id, {"new": len(learned), "frames": len(deck.items)})
        return deck

    def train(
        self,
        deck: Deck,
        strategy: str | None = None,
        steps: int | None = None,
        progress: Progress = silent,
    ) -> ModelVersion:
        """Train a challenger on the deck elsewhere, while the fleet goes on working."""
        policy = self._policy.learning
        settings = Settings(
            steps=steps or policy.steps,
            batch=policy.batch,
            seed=policy.seed,
            threads=policy.threads,
        )
        arguments = {
            "workspace": place_of(self._workspace),
            "deck": deck.id,
            "strategy": strategy or policy.strategy,
            "settings": asdict(settings),
        }
        job = self._executor.submit(
            "januscl.line.jobs:train_challenger",
            arguments,
            key=f"train-{deck.id[:16]}-{digest_of(arguments)[:16]}",
        )
        self._world.meanwhile()
        result: Mapping[str, str] = self._executor.wait(job, progress=of_training(progress))
        # Not among the job's arguments: asked for again after a crash, it is the same job.
        version = replace(self._catalogue.models.get(result["model"]), made=self._world.clock())
        self._catalogue.models.put(version)
        self._record("trained", version.id, {"deck": deck.id, "parent": deck.parent})
        return version

    def temper(self, challenger: ModelVersion, champion: str, share: float) -> ModelVersion:
        """Make a challenger that gives up some of what is new to keep more of what is old."""
        model = self._judge.shelf.load(challenger.id)
        tempered = self._judge.shelf.add(
            model.towards(self._judge.shelf.load(champion), share),
            self._world.clock(),
            parent=champion,
            deck=challenger.deck,
            card={**challenger.card, "tempered": share, "tempered_from": challenger.id},
        )
        self._record("tempered", tempered.id, {"share": share, "from": challenger.id})
        return tempered

    def judge(self, challenger: ModelVersion, champion: str, target: str | None) -> Verdict:
        """Ask the gate; its verdict on every frozen slice, and on the target, is kept."""
        frozen = {part.name for part in self._catalogue.slices.list(frozen_only=True)}
        verdict = self._judge.verdict(
            challenger.id,
            champion,
            [p for p in self._catalogue.slices.list() if p.name in frozen or p.name == target],
            target,
            self._policy.learning.seed,
            CONFIDENCE,
        )
        self._catalogue.verdicts.add(challenger.id, champion, verdict, self._world.clock())
        self._record(f"gate.{verdict.answer}", challenger.id, {"reasons": list(verdict.reasons)})
        return verdict

    def release(
        self, challenger: ModelVersion, champion: str, novelty: Novelty, verdict: Verdict
    ) -> Release | None:
        """Let a challenger that passed go to the station, the beta lines and the fleet."""
        if verdict.answer is not Answer.PASS:
            return None
        self._ledger.move(novelty.id, NoveltyState.IN_RELEASE, self._world.clock())
        if self._world.release is None:
            return None
        return self._world.release(challenger, champion, novelty.id)

    def conclude(
        self,
        novelty: Novelty,
        challenger: ModelVersion,
        verdict: Verdict,
        release: Release | None,
        used: Collection[str],
    ) -> Novelty:
        """Close the novelty when its model runs everywhere; else it waits for more labels.

        Where there is no fleet, the challenger becomes champion by the same transaction. ``used``
        are the ids of the frames whose labels taught or measured it.
        """
        runs = release.stage is Stage.DONE if release else verdict.answer is Answer.PASS
        if not runs:  # what closes uses them by its move: no kill in between may lose them
            self._catalogue.label_tasks.use(novelty.id, used)
        state = NoveltyState.CLOSED if runs else NoveltyState.COLLECTING
        crowned = challenger.id if runs and release is None else None
        return self._ledger.move(novelty.id, state, self._world.clock(), crowned)

    def _record(self, action: str, subject: str, detail: Mapping[str, object]) -> None:
        self._catalogue.audit.record("line", action, subject, detail, self._world.clock())
