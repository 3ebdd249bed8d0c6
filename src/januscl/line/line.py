"""The stations joined for one fleet, over one workspace."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from januscl.compute import LocalExecutor
from januscl.core import (
    UNEXPLAINED,
    Annotator,
    Cell,
    Event,
    Executor,
    Frame,
    Instances,
    InvalidInput,
    Label,
    LabelledFrame,
    ModelVersion,
    NotFound,
    Novelty,
    Observation,
    Pick,
    SegmentationModel,
    Slice,
    Taxonomy,
    Ticket,
)
from januscl.line.checks import check_cells, check_taxonomy, check_time
from januscl.line.cycle import Cycle, CycleReport, World
from januscl.line.ending import end_abandoned
from januscl.line.judging import Judge
from januscl.line.ledger import Ledger
from januscl.line.memory import has_history, known_to
from januscl.line.novelties import NoveltyLedger
from januscl.line.observer import Observer
from januscl.line.policy import Policy
from januscl.line.progress import Progress, silent
from januscl.line.remembering import remember
from januscl.line.routine import RoutineLedger
from januscl.line.shelf import Shelf
from januscl.line.standing import Standing
from januscl.line.waiting import Waiting
from januscl.store import Workspace
from januscl.train import TorchModel, factory_model


class Line:
    """Watches a fleet, and learns what is new to it.

    Embedded in one process: state in a workspace's folder, training in a subprocess. A release
    that an earlier process left open when it died is rolled back.

    Args:
        workspace: Where all state is kept.
        cells: The fleet.
        annotator: Gives the labels that are asked for.
        taxonomy: The kinds that the annotator may name.
        world: The time, and the way of a challenger to the fleet.
        policy: All settings.
        picks_a_day: Attempts a day in the whole fleet, for the cost of a novelty; 0 for none.
        on_ticket: Called when a ticket opens or closes.
        executor: Runs the training; a subprocess of this machine when omitted.

    Raises:
        InvalidInput: There is no cell, or two have one robot or one camera.

    Attributes:
        shelf: Model versions.
        judge: Models on slices.
        ledger: Novelties.
        routine: What the champion is in doubt of while nothing is novel.
        observer: Cameras and models.
        cycle: The way of one novelty.
    """

    def __init__(  # noqa: PLR0913
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
        executor: Executor | None = None,
    ) -> None:
        check_cells(cells)
        self.workspace, self.cells, self._world = workspace, tuple(cells), world
        self.policy, self._taxonomy = policy or Policy(), taxonomy
        self._cell = {cell.robot: cell for cell in cells}
        self._kinds: dict[str, Taxonomy] = {}
        self._standing = Standing(workspace.catalogue, self.cells)
        self._owned = self._tested = False
        end_abandoned(workspace, world.clock())
        seed = self.policy.learning.seed
        self.shelf = Shelf(workspace)
        self.judge = Judge(workspace, self.shelf, self.policy.judging)
        self.ledger = NoveltyLedger(
            workspace,
            self.policy.collecting,
            picks_a_day,
            seed,
            lambda model, image: self.shelf.load(model).predict([image])[0],
        )
        self.routine = RoutineLedger(workspace, self.policy.collecting, self.ledger, seed)
        self.observer = Observer(
            workspace,
            cells,
            self.policy.watching,
            on_report=self._take,
            on_ticket=on_ticket,
            on_known=self.ledger.know,
            describe=lambda model, image, regions: self.shelf.load(model).describe(image, regions),
        )
        runner = executor or LocalExecutor(workspace.folder / "jobs", self.policy.learning.threads)

        def cycle_of(ledger: Ledger) -> Cycle:
            return Cycle(
                workspace, ledger, self.judge, annotator, taxonomy, runner, self.policy, world
            )

        self.cycle, self._routine_cycle = cycle_of(self.ledger), cycle_of(self.routine)

    @classmethod
    def open(  # noqa: PLR0913
        cls,
        folder: Path | str,
        cells: Sequence[Cell],
        annotator: Annotator | None = None,
        taxonomy: Taxonomy | None = None,
        world: World | None = None,
        *,
        policy: Policy | None = None,
        picks_a_day: float = 10_000.0,
        on_ticket: Callable[[Ticket], None] = lambda ticket: None,
        executor: Executor | None = None,
    ) -> Self:
        """Open a line over a folder, with the shipped model as champion the first time.

        Close it when done, or use it as a context manager. Novelties, labels and releases outlive
        a restart; a camera warms up anew, but for one under a ticket. Nothing is learned before
        the line was given labelled frames of ordinary work; see `remember`.

        Args:
            folder: A workspace, or where one is to be made.
            cells: The fleet.
            annotator: Gives labels; without one, novelties wait in their campaigns.
            taxonomy: The kinds that the annotator may name; the champion's own when omitted.
            world: The time and the way of a challenger to the fleet; without one the time is now,
                and a challenger that passes the gate becomes the champion.
            policy: All settings.
            picks_a_day: Attempts a day in the whole fleet, for the cost of a novelty.
            on_ticket: Called when a ticket opens or closes.
            executor: Runs the training; a subprocess of this machine when omitted.

        Raises:
            InvalidInput: There is no cell, two have one robot or one camera, or the taxonomy gives
                an id or a name of the champion's another meaning.
        """
        check_cells(cells)
        workspace = Workspace.open(folder)
        try:
            first, known = _first(workspace)
            check_taxonomy(taxonomy or known, known, "the champion")
            line = cls(
                workspace,
                cells,
                annotator or Waiting(),
                taxonomy or known,
                world or World(lambda: datetime.now(UTC)),
                policy,
                picks_a_day=picks_a_day,
                on_ticket=on_ticket,
                executor=executor,
            )
            if first is not None:
                line.adopt(first, {"name": "factory"})
        except BaseException:
            workspace.close()
            raise
        line._owned = True
        return line

    def close(self) -> None:
        """Keep what was read of the cameras last; close the workspace, if `open` opened it."""
        try:
            self.observer.close()
        finally:
            if self._owned:
                self.workspace.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def champion(self) -> str:
        """Id of the model that the fleet runs, or raise `NotFound`."""
        return self.workspace.catalogue.aliases.get("champion")

    def adopt(self, model: TorchModel, card: dict[str, Any]) -> ModelVersion:
        """Make a model the champion that the fleet starts with.

        Raises:
            InvalidInput: An id or a name of the line's taxonomy means another kind to the model.
        """
        check_taxonomy(self._taxonomy, model.taxonomy, "the model")
        version = self.shelf.add(model, self._world.clock(), parent=None, deck=None, card=card)
        self.workspace.catalogue.aliases.set("champion", version.id)
        return version

    def remember(self, frames: Sequence[LabelledFrame]) -> Slice:
        """Take labelled frames of ordinary work: what no later model may forget.

        Of each five pictures one judges, in a slice ``history`` that never changes; the others are
        replayed in training. Copies of one picture go one way; see `januscl.annotate.group_of`.
        Frames that are known by their id or their pixels are passed over.

        Returns:
            The slice.

        Raises:
            InvalidInput: A label is wrong, or there are too few pictures to teach and to judge.
        """
        return remember(self.workspace, frames, self._taxonomy, self._world.clock())

    def runs(self) -> dict[str, str]:
        """Return which model each robot runs: the champion, but where a release says otherwise."""
        return self._standing.runs()

    def model(self, robot: str) -> SegmentationModel:
        """Return the model that a robot runs, or raise `NotFound` where there is no such robot."""
        self._known_cell(robot)
        return self.shelf.load(self.runs()[robot])

    def observe(
        self, frame: Frame, instances: Instances, model: str | None = None, id: str | None = None
    ) -> str:
        """Take in a frame and what a model saw in it; return the observation's id.

        Args:
            frame: From one of the fleet's cameras.
            instances: What the model saw.
            model: Its id; what the robot is to run when omitted.
            id: As the robot made it, with `januscl.core.new_id`; a new one when omitted.

        Raises:
            NotFound: The robot is not in the fleet.
            InvalidInput: The camera is not the robot's, a label is no kind of the model, the masks
                have another size than the frame, the embeddings another length than the fleet's, or
                the frame is dated more than a day ahead.
            Conflict: The id belongs to another frame.
        """
        cell = self._known_cell(frame.robot)
        if frame.camera != cell.camera:
            raise InvalidInput(
                f"frame of robot {frame.robot}",
                f"its camera {cell.camera}",
                f"camera {frame.camera}",
                "Name the camera as in the cells that the line was opened with.",
            )
        self._check_time(frame.at, f"a frame of camera {frame.camera}")
        model = model or self.runs()[frame.robot]
        labels = instances.labels[instances.labels != UNEXPLAINED].tolist()
        self._taxonomy_of(model).check_labels(labels, f"labels by model {model}")
        return self.observer.observe(frame, instances, model, id)

    def report(self, observation: str, pick: Pick) -> None:
        """Take in the outcome of the pick made on an observation.

        Raises:
            NotFound: There is no such observation.
            InvalidInput: The pick names an instance that the observation does not have, or is
                dated more than a day ahead.
            Conflict: Another outcome was reported before.
        """
        self._check_observation(observation)
        self._check_time(pick.at, f"the pick of observation {observation}")
        self.observer.report(observation, pick)

    def settle(self, observation: str) -> None:
        """Say that no pick will be made on an observation, so that it is triaged at once.

        Raises:
            NotFound: There is no such observation.
        """
        self._check_observation(observation)
        self.observer.settle(observation)

    def ready(self) -> list[Novelty]:
        """Return the novelties whose campaign has its frames, the costliest first.

        Ask again after each `learn`: it may show that two are one. While there is none, and none
        collects, the record of a routine campaign that is due. Without history there is none at
        all: the gate could not tell what a model forgot, so no label is spent; see `remember`.
        """
        self._tested = self._tested or has_history(self.workspace)
        if not self._tested:
            return []
        return self.ledger.ready() or self.routine.ready()

    def answer(self, labels: Sequence[Label]) -> int:
        """Take labels that come after their cycle, of frames whose tasks wait.

        The next `learn` of their novelty uses them, and `ready` says when they are enough.

        Returns:
            How many fit their tasks, which are done by it. The others are among the workspace's
            rejects with the reason.
        """
        return self.cycle.labeller.answer(labels)

    def learn(
        self, novelty: Novelty, steps: int | None = None, progress: Progress = silent
    ) -> CycleReport:
        """Take a novelty, or a routine campaign, through labels, training, gate and release.

        Args:
            novelty: The first that is ready; see `Cycle.run`, for the errors as well.
            steps: Of the training; the policy's when omitted.
            progress: Called with a line of text about twenty times; it takes a minute or more, and
                ``print`` tells how far it has come.
        """
        before = self.champion
        cycle = self._routine_cycle if self.routine.has(novelty.id) else self.cycle
        outcome = cycle.run(novelty, steps, progress)
        if self.champion != before:
            self.know(self.champion)
            if self.observer.watches(self.champion):
                self.ledger.rebase(self.champion, self._again)
        return outcome

    def know(self, model: str) -> None:
        """Let the observer learn what known kinds look like to a model; see `known_to`."""
        if self.observer.watches(model):
            return
        known = known_to(
            self.workspace,
            self.judge,
            model,
            self.cycle.builder.history,
            self.routine.kept,
            self._world.clock(),
        )
        with suppress(InvalidInput):  # too little on the slices: it is learned at work
            self.observer.learn_model(model, known)

    def _known_cell(self, robot: str) -> Cell:
        """Return the cell of a robot, or raise `NotFound`."""
        if robot not in self._cell:
            raise NotFound(f"robot {robot} is not in the fleet; it has {sorted(self._cell)}")
        return self._cell[robot]

    def _taxonomy_of(self, model: str) -> Taxonomy:
        """Return the kinds of a model; of one that is not on the shelf, the annotator's."""
        if model not in self._kinds:
            try:
                self._kinds[model] = self.workspace.catalogue.models.get(model).taxonomy
            except NotFound:
                return self._taxonomy
        return self._kinds[model]

    def _check_time(self, at: datetime, thing: str) -> None:
        """Raise `InvalidInput` for what lies far ahead of the line's clock and of the machine's."""
        check_time(at, thing, max(self._world.clock(), datetime.now(UTC)))

    def _check_observation(self, id: str) -> None:
        """Raise `NotFound` unless an observation was taken in."""
        if not self.observer.awaits(id):
            self.workspace.catalogue.observations.get(id)

    def _take(self, observation: Observation, event: Event | None) -> None:
        """Hand what was triaged to the novelties first: a campaign may open by it."""
        self.ledger.take(observation, event)
        self.routine.take(observation, event)

    def _again(self, seen: Observation) -> Observation:
        """Return an observation as the champion sees it."""
        instances = self.shelf.load(self.champion).predict([seen.frame.image])[0]
        return replace(seen, instances=instances, model=self.champion, pick=None)


def _first(workspace: Workspace) -> tuple[TorchModel | None, Taxonomy]:
    """Return the shipped model where there is no champion yet, and the kinds that are known."""
    champion = workspace.catalogue.aliases.list().get("champion")
    if champion is not None:
        return None, workspace.catalogue.models.get(champion).taxonomy
    first = factory_model()
    return first, first.taxonomy
