"""The stations joined for one fleet, over one workspace."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from januscl.compute import LocalExecutor
from januscl.core import (
    Annotator,
    Cell,
    Event,
    Frame,
    Instances,
    InvalidInput,
    Label,
    LabelTask,
    ModelVersion,
    Novelty,
    Observation,
    Pick,
    SegmentationModel,
    Taxonomy,
    Ticket,
)
from januscl.line.cycle import Cycle, CycleReport, Ledger, World
from januscl.line.judging import Judge
from januscl.line.keeping import load_labelled
from januscl.line.novelties import NoveltyLedger
from januscl.line.observer import Observer
from januscl.line.policy import Policy
from januscl.line.routine import RoutineLedger
from januscl.line.shelf import Shelf
from januscl.release import who_runs
from januscl.store import Workspace
from januscl.train import CompactModel, factory_model

_ORDINARY = 60
_HISTORY = 200
_ENOUGH = 400


class Waiting:
    """An annotator that answers nothing: its tasks wait for someone who does."""

    name = "nobody"

    def annotate(self, tasks: Sequence[LabelTask]) -> list[Label]:
        """Return no label."""
        return []


class Line:
    """Watches a fleet, and learns what is new to it.

    Embedded in one process: state in a workspace's folder, training in a subprocess.

    Args:
        workspace: Where all state is kept.
        cells: The fleet.
        annotator: Gives the labels that are asked for.
        taxonomy: The kinds that the annotator may name.
        world: The time, and the way of a challenger to the fleet.
        policy: All settings.
        picks_a_day: Attempts a day in the whole fleet, for the cost of a novelty; 0 for none.
        on_ticket: Called when a ticket opens or closes.

    Attributes:
        shelf: Model versions.
        judge: Models on slices.
        ledger: Novelties.
        routine: What the champion is in doubt of while nothing is novel.
        observer: Cameras and models.
        cycle: The way of one novelty.
    """

    def __init__(
        self,
        workspace: Workspace,
        cells: Sequence[Cell],
        annotator: Annotator,
        taxonomy: Taxonomy,
        world: World,
        policy: Policy | None = None,
        *,
        picks_a_day: float = 0.0,
        on_ticket: Callable[[Ticket], None] = lambda ticket: None,
    ) -> None:
        self.workspace, self.cells, self._world = workspace, tuple(cells), world
        self.policy = policy or Policy()
        seed = self.policy.learning.seed
        self.shelf = Shelf(workspace)
        self.judge = Judge(workspace, self.shelf)
        self.ledger = NoveltyLedger(workspace, self.policy.collecting, picks_a_day, seed)
        self.routine = RoutineLedger(workspace, self.policy.collecting, self.ledger, seed)
        self.observer = Observer(
            workspace,
            cells,
            self.policy.watching,
            on_report=self._take,
            on_ticket=on_ticket,
            on_known=self.ledger.know,
            describe=lambda model, image, regions: self.shelf.load(model).describe(image, regions),
            seed=seed,
        )
        executor = LocalExecutor(workspace.folder / "jobs", self.policy.learning.threads)

        def cycle_of(ledger: Ledger) -> Cycle:
            return Cycle(
                workspace, ledger, self.judge, annotator, taxonomy, executor, self.policy, world
            )

        self.cycle, self._routine_cycle = cycle_of(self.ledger), cycle_of(self.routine)

    @classmethod
    def open(
        cls,
        folder: Path | str,
        cells: Sequence[Cell],
        annotator: Annotator | None = None,
        taxonomy: Taxonomy | None = None,
        world: World | None = None,
        *,
        policy: Policy | None = None,
        picks_a_day: float = 10_000.0,
    ) -> Self:
        """Open a line over a folder, with the shipped model as champion the first time.

        What was learned of cameras and novelties lives in memory: after a restart a camera warms
        up anew, and novelties that were not closed are found again.

        Args:
            folder: A workspace, or where one is to be made.
            cells: The fleet.
            annotator: Gives labels; without one, novelties wait in their campaigns.
            taxonomy: The kinds that the annotator may name; the model's own when omitted.
            world: The time and the way of a challenger to the fleet; without one the time is now,
                and a challenger that passes the gate becomes the champion.
            policy: All settings.
            picks_a_day: Attempts a day in the whole fleet, for the cost of a novelty.
        """
        workspace = Workspace.open(folder)
        model = factory_model()
        line = cls(
            workspace,
            cells,
            annotator or Waiting(),
            taxonomy or model.taxonomy,
            world or World(lambda: datetime.now(UTC)),
            policy,
            picks_a_day=picks_a_day,
        )
        if "champion" not in workspace.catalogue.aliases.list():
            line.adopt(model, {"name": "factory"})
        return line

    @property
    def champion(self) -> str:
        """Id of the model that the fleet runs, or raise `NotFound`."""
        return self.workspace.catalogue.aliases.get("champion")

    def adopt(self, model: CompactModel, card: dict[str, Any]) -> ModelVersion:
        """Make a model the champion that the fleet starts with."""
        version = self.shelf.add(model, self._world.clock(), parent=None, deck=None, card=card)
        self.workspace.catalogue.aliases.set("champion", version.id)
        return version

    def runs(self) -> dict[str, str]:
        """Return which model each robot runs: the champion, but where a release says otherwise."""
        for release in self.workspace.catalogue.releases.list(open_only=True):
            return who_runs(release, self.cells)
        return {cell.robot: self.champion for cell in self.cells}

    def model(self, robot: str) -> SegmentationModel:
        """Return the model that a robot runs."""
        return self.shelf.load(self.runs()[robot])

    def observe(self, frame: Frame, instances: Instances, model: str | None = None) -> str:
        """Take in a frame and what a model saw in it; return the observation's id.

        Args:
            frame: From one of the fleet's cameras.
            instances: What the model saw.
            model: Its id; what the robot is to run when omitted.
        """
        return self.observer.observe(frame, instances, model or self.runs()[frame.robot])

    def report(self, observation: str, pick: Pick) -> None:
        """Take in the outcome of the pick made on an observation."""
        self.observer.report(observation, pick)

    def ready(self) -> list[Novelty]:
        """Return the novelties whose campaign has its frames, the costliest first.

        While there is none, and none collects, the record of a routine campaign that is due.
        """
        return self.ledger.ready() or self.routine.ready()

    def learn(self, novelty: Novelty, steps: int | None = None) -> CycleReport:
        """Take a novelty, or a routine campaign, through labels, training, gate and release.

        Args:
            novelty: One that is ready; see `Cycle.run`.
            steps: Of the training; the policy's when omitted.
        """
        before = self.champion
        cycle = self._routine_cycle if self.routine.has(novelty.id) else self.cycle
        outcome = cycle.run(novelty, steps)
        if self.champion != before:
            self.know(self.champion)
            if self.observer.watches(self.champion):
                self.ledger.rebase(self.champion, self._again)
        return outcome

    def know(self, model: str) -> None:
        """Let the observer learn what known kinds look like to a model.

        From the slices, and from ordinary frames that were kept at random: what is at work looks
        a little different from what was labelled.
        """
        if self.observer.watches(model):
            return
        at = self._world.clock()
        known = [
            Observation(frame.id, Frame(frame.image, "slices", "slices", at), instances, model)
            for part in self.workspace.catalogue.slices.list()
            for frame, instances in zip(
                self.judge.frames(part), self.judge.seen(model, part), strict=True
            )
        ]
        ordinary = self._ordinary()
        seen = self.shelf.load(model).predict([kept.frame.image for kept in ordinary])
        known += [
            replace(kept, instances=instances, model=model, pick=None)
            for kept, instances in zip(ordinary, seen, strict=True)
        ]
        if sum(len(seen.instances) for seen in known) < _ENOUGH:
            known += self._history(model)
        with suppress(InvalidInput):  # too little on the slices: it is learned at work
            self.observer.learn_model(model, known)

    def _history(self, model: str) -> list[Observation]:
        """Return some of what the fleet's models learned from, as a model sees it."""
        frames = load_labelled(self.workspace, self.cycle.history()[:_HISTORY])
        seen = self.shelf.load(model).predict([frame.image for frame in frames])
        at = self._world.clock()
        return [
            Observation(frame.id, Frame(frame.image, "history", "history", at), instances, model)
            for frame, instances in zip(frames, seen, strict=True)
        ]

    def _ordinary(self) -> list[Observation]:
        """Return the latest observations that were kept by chance, and are no event."""
        catalogue = self.workspace.catalogue
        strange = {event.observation for event in catalogue.events.list()} | self.routine.kept
        kept = [
            row.id
            for row in catalogue.observations.list(newest_first=True)
            if row.image is not None and row.id not in strange
        ][:_ORDINARY]
        barred = catalogue.observations.quarantined(kept)
        return [self.workspace.observation(id) for id in kept if id not in barred]

    def _take(self, observation: Observation, event: Event | None) -> None:
        """Hand what was triaged to the novelties first: a campaign may open by it."""
        self.ledger.take(observation, event)
        self.routine.take(observation, event)

    def _again(self, seen: Observation) -> Observation:
        """Return an observation as the champion sees it."""
        instances = self.shelf.load(self.champion).predict([seen.frame.image])[0]
        return replace(seen, instances=instances, model=self.champion, pick=None)
