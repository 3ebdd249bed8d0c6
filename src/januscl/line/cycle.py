"""One novelty's way from its campaign to the fleet, in the order in which it happens.

A routine campaign goes the same way. `Cycle.run` is the story. Each step below it fetches, calls
a station, and stores.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Protocol

from januscl.annotate import make_task
from januscl.core import (
    Annotator,
    Answer,
    Conflict,
    Deck,
    DeckItem,
    Executor,
    Label,
    LabelledFrame,
    ModelVersion,
    Novelty,
    NoveltyState,
    Observation,
    Release,
    Slice,
    Stage,
    Taxonomy,
    Verdict,
)
from januscl.core.wire import digest_of
from januscl.decks import Recipe, build_deck, check_disjoint, choose_replay, freeze_slice
from januscl.line.answers import Answers, receive
from januscl.line.judging import Judge
from januscl.line.keeping import keep_labelled, load_labelled
from januscl.line.moving import interrupted
from januscl.line.policy import Policy
from januscl.store import Workspace
from januscl.train.settings import Settings

_TEMPERED = (0.7, 0.5)
"""Shares of what was learned that are tried in turn while the gate finds too much forgotten."""
_CONFIDENCE = 1 - 0.1 / (1 + len(_TEMPERED))
"""Of each look of the gate, so that all looks together err as seldom as one at 90%."""


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


class Ledger(Protocol):
    """What a cycle asks of those who keep the novelties and what was collected of them.

    Attributes:
        answers: Which labels came, and which are still to come.
    """

    answers: Answers

    def left(self, novelty: str) -> int:
        """Return how many more labels a novelty may cost."""

    def choose(self, novelty: str, quota: int) -> list[Observation]:
        """Return the frames to be labelled, pixels included, ``quota`` at most."""

    def judging(self, frames: Sequence[Observation]) -> set[str]:
        """Return the ids of those of the labelled frames that judge; the others teach."""

    def christen(self, novelty: str, labels: Sequence[Label], taxonomy: Taxonomy) -> Novelty:
        """Give a novelty the name that its labels brought."""

    def move(
        self, novelty: str, state: NoveltyState, at: datetime, champion: str | None = None
    ) -> Novelty:
        """Move a novelty on its way; a model may become champion by the same transaction."""


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
        self._annotator, self._taxonomy = annotator, taxonomy
        self._executor, self._policy = executor, policy
        self._world = world

    def run(self, novelty: Novelty, steps: int | None = None) -> CycleReport:
        """Label, build, train, judge, release; then close the novelty, or keep it open.

        Args:
            novelty: What is to be learned.
            steps: Of the training; the policy's when omitted.

        Raises:
            Conflict: Nothing that was collected of the novelty could be labelled.
            JobFailed: The training ended in an error.
        """
        try:
            return self._run(novelty, steps)
        except BaseException:
            # Whatever went wrong, the novelty goes on collecting, and its labels are not lost.
            kept = self._catalogue.novelties.get(novelty.id)
            state = interrupted(self._workspace, kept)
            if state is not None:
                self._ledger.move(novelty.id, state, self._world.clock())
            raise

    def _run(self, novelty: Novelty, steps: int | None) -> CycleReport:
        frames, came = self.gather(novelty)
        labels = self.label(novelty, frames, came)
        frames = [*self._frames(came), *frames]
        learned, kept_back = self.split(novelty, frames, labels)
        if not learned or not any(self._shows_something(item) for item in kept_back):
            raise self._too_few(novelty)
        used = {item.id for item in (*learned, *kept_back)}
        told = [label for label in labels if label.observation in used]
        novelty = self._ledger.christen(novelty.id, told, self._taxonomy)
        part = self.freeze(novelty, kept_back)
        deck = self.build(novelty, learned)
        challenger = self.train(deck, steps=steps)
        champion = self._catalogue.aliases.get("champion")
        verdict = self.judge(challenger, champion, part.name)
        trained = challenger
        for share in _TEMPERED:
            if verdict.answer is Answer.PASS or not _learned(verdict, part.name):
                break
            challenger = self.temper(trained, champion, share)
            verdict = self.judge(challenger, champion, part.name)
        release = self.release(challenger, champion, novelty, verdict)
        self._catalogue.label_tasks.use(novelty.id, used)
        closed = self.conclude(novelty, challenger, verdict, release)
        return CycleReport(
            closed, len(labels), deck, challenger, champion, part.name, verdict, release
        )

    def gather(self, novelty: Novelty) -> tuple[list[Observation], list[Label]]:
        """Return the frames to ask labels of, and the labels that came since they were asked for.

        Nothing more is asked for while those that came suffice. What was asked for before and is
        still to come is asked for again, under the same task.
        """
        answers = self._ledger.answers
        came = answers.unused(novelty.id)
        if answers.suffice(novelty.id):
            return [], came
        again = [self._workspace.observation(id) for id in answers.open(novelty.id)]
        fresh = self._ledger.choose(novelty.id, self._ledger.left(novelty.id))
        return [*again, *fresh], came

    def _frames(self, labels: Sequence[Label]) -> list[Observation]:
        return [self._workspace.observation(label.observation) for label in labels]

    def label(
        self, novelty: Novelty, frames: Sequence[Observation], came: Sequence[Label] = ()
    ) -> list[Label]:
        """Have the frames labelled; what comes back wrong is rejected with its reason.

        Returns:
            The labels that came before, and those that came now.
        """
        self._ledger.move(novelty.id, NoveltyState.LABELLING, self._world.clock())
        tasks = {frame.id: make_task(frame, novelty.id) for frame in frames}
        for asked in tasks.values():
            self._catalogue.label_tasks.add(asked, self._workspace.put_image(asked.image))
        given = self._annotator.annotate(list(tasks.values())) if tasks else []
        fits = receive(self._workspace, given, self._taxonomy, self._world.clock())
        # A second label of a frame supersedes the first.
        fresh = {label.observation: label for label in fits if label.observation in tasks}
        labels = [*came, *fresh.values()]
        if not labels:
            self._ledger.move(novelty.id, NoveltyState.COLLECTING, self._world.clock())
            raise Conflict(
                f"novelty {novelty.name}: none of {len(tasks)} frames was labelled; its tasks wait"
            )
        self._record("labelled", novelty.id, {"asked": len(tasks), "labels": len(labels)})
        return labels

    def answer(self, labels: Sequence[Label]) -> int:
        """Take labels that come after their cycle; return how many fit their tasks.

        The others become rejects with their reasons. See `Line.answer`.
        """
        return len(receive(self._workspace, labels, self._taxonomy, self._world.clock()))

    def split(
        self, novelty: Novelty, frames: Sequence[Observation], labels: Sequence[Label]
    ) -> tuple[tuple[DeckItem, ...], tuple[DeckItem, ...]]:
        """Keep the labelled frames, and hold back those that judge."""
        truth = {label.observation: label.truth for label in labels}
        # A ticket may have opened since the frames were chosen.
        barred = self._catalogue.observations.quarantined(truth)
        if barred:
            self._record("quarantined", novelty.id, {"frames": sorted(barred)})
        labelled = [frame for frame in frames if frame.id in truth.keys() - barred]
        # What judged once never teaches.
        judged = {item.id for part in self._catalogue.slices.list() for item in part.items}
        back = self._ledger.judging(labelled) | judged
        items = keep_labelled(
            self._workspace,
            (LabelledFrame(f.id, f.frame.image, truth[f.id]) for f in labelled),
            novelty.id,
        )
        return (
            tuple(item for item in items if item.id not in back),
            tuple(item for item in items if item.id in back),
        )

    def _shows_something(self, item: DeckItem) -> bool:
        return bool(self._workspace.get_json(item.label)["labels"])

    def _too_few(self, novelty: Novelty) -> Conflict:
        """Return the error for labels of which none can teach, or none can judge."""
        self._ledger.answers.too_few(novelty.id)
        self._ledger.move(novelty.id, NoveltyState.COLLECTING, self._world.clock())
        return Conflict(
            f"novelty {novelty.name}: its labels leave nothing to learn from, or no package to "
            "judge by; it goes on collecting frames"
        )

    def freeze(self, novelty: Novelty, items: Sequence[DeckItem]) -> Slice:
        """Keep the slice that this novelty leaves behind, open until the novelty is closed.

        It goes on from the slice of a try that was refused, if there was one.
        """
        taken = {part.name for part in self._catalogue.slices.list()}
        before = self._catalogue.slices.open_of(novelty.id)
        name, number = novelty.name, 1
        while before is None and name in taken:
            number += 1
            name = f"{novelty.name} {number}"
        known = {item.id: item for item in (*(before.items if before else ()), *items)}
        part = freeze_slice(before.name if before else name, list(known.values()), novelty.id)
        with self._catalogue.transaction() as tx:
            tx.slices.put(part, open=True)
            detail = {"slice": part.name, "frames": len(part.items)}
            tx.audit.record("line", "slice.kept", novelty.id, detail, self._world.clock())
        return part

    def build(self, novelty: Novelty, learned: Sequence[DeckItem]) -> Deck:
        """Build the deck: what is new, and what must not be forgotten."""
        policy = self._policy.learning
        history = self.history()
        frames = load_labelled(self._workspace, [*learned, *history])
        labels = {frame.id: frame.truth.labels.tolist() for frame in frames}
        deck = build_deck(
            learned,
            choose_replay(history, policy.replay, policy.seed, labels),
            taxonomy=self._grown({kind for item in learned for kind in labels[item.id]}),
            recipe=Recipe(),
            seed=policy.seed,
            parent=self._catalogue.aliases.get("champion"),
            quarantined=self._catalogue.observations.quarantined([i.id for i in learned]),
        )
        check_disjoint(deck, self._catalogue.slices.list())
        self._catalogue.decks.put(deck)
        self._ledger.move(novelty.id, NoveltyState.IN_DECK, self._world.clock())
        self._record("deck.built", deck.id, {"new": len(learned), "frames": len(deck.items)})
        return deck

    def history(self) -> tuple[DeckItem, ...]:
        """Return every labelled frame of earlier decks, each once, none of any slice.

        Nor any that a ticket, opened since, says was taken with a faulty camera.
        """
        judged = {item.id for part in self._catalogue.slices.list() for item in part.items}
        known = {
            item.id: item
            for deck in self._catalogue.decks.list()
            for item in deck.items
            if item.id not in judged
        }
        barred = self._catalogue.observations.quarantined(known)
        return tuple(item for id, item in known.items() if id not in barred)

    def train(
        self, deck: Deck, strategy: str | None = None, steps: int | None = None
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
            "workspace": str(self._workspace.folder),
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
        result: Mapping[str, str] = self._executor.wait(job)
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
            _CONFIDENCE,
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
    ) -> Novelty:
        """Close the novelty when its model runs everywhere; else it waits for more labels.

        Where there is no fleet, the challenger becomes champion by the same transaction.
        """
        runs = release.stage is Stage.DONE if release else verdict.answer is Answer.PASS
        state = NoveltyState.CLOSED if runs else NoveltyState.COLLECTING
        crowned = challenger.id if runs and release is None else None
        return self._ledger.move(novelty.id, state, self._world.clock(), crowned)

    def _grown(self, named: set[int]) -> Taxonomy:
        """Return the champion's taxonomy with those kinds that the labels name beside it."""
        champion = self._catalogue.models.get(self._catalogue.aliases.get("champion")).taxonomy
        known = {kind.id for kind in champion}
        fresh = (kind for kind in self._taxonomy if kind.id in named and kind.id not in known)
        return Taxonomy((*champion.kinds, *fresh))

    def _record(self, action: str, subject: str, detail: Mapping[str, object]) -> None:
        self._catalogue.audit.record("line", action, subject, detail, self._world.clock())
