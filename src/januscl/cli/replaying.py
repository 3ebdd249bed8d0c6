"""The replay's course: history, then one photograph after another, learning what is new."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from januscl.annotate import TruthAnnotator, group_of
from januscl.cli.ended import tell_end
from januscl.cli.folders import mark_folder
from januscl.cli.models import fitting_size
from januscl.cli.photographs import Photographs, Show
from januscl.core import (
    Cell,
    Conflict,
    Frame,
    Instances,
    LabelledFrame,
    ModelVersion,
    Novelty,
    Slice,
)
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.line.adapting import sized
from januscl.line.cycle import CycleReport, World
from januscl.line.keeping import keep_labelled
from januscl.line.line import Line
from januscl.line.policy import Collecting, Learning, Policy, Watching
from januscl.line.remembering import hold_back_groups
from januscl.store import Workspace
from januscl.train import TorchModel

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
EVERY = timedelta(seconds=90)
"""The clock of a replay: photographs of a set carry no time that could be relied on."""
STEP_SECONDS = 0.55
"""Of one training step of eight pictures at 192 px on two cores; a first guess, then measured."""
WARM_UP = 12
LEAST_STEPS, MOST_STEPS = 40, 160
LEAST_HISTORY_STEPS, MOST_HISTORY_STEPS = 20, 400
SHARE = 0.8
"""Of the time left, that a cycle's training may take; the rest is for what else there is."""
REPORT_SECONDS = 6.0
"""Of the account and its page, beside what models see in what was held back."""


@dataclass
class Budget:
    """What time is left, and how many training steps fit into a share of it.

    Attributes:
        began: `time.monotonic` at the start.
        seconds: For all.
        threads: torch's threads.
        step: Seconds of a step, measured as training goes on.
        beside: Seconds that a training takes beside its steps: to start, and to be judged.
        look: Seconds that the account takes to look at what was held back, for each model.
        models: How many models it has yet to look at.
    """

    began: float
    seconds: float
    threads: int
    step: float = STEP_SECONDS
    beside: float = 0.0
    look: float = 0.0
    models: int = 1

    def left(self) -> float:
        """Return the seconds left, without those that the account will take."""
        account = REPORT_SECONDS + self.look * self.models
        return self.seconds - (time.monotonic() - self.began) - account

    def steps(self, share: float, least: int, most: int) -> int:
        """Return the steps that fit into a share of what is left."""
        fit = share * max(self.left() - self.beside, 0) / self.step
        return int(np.clip(fit, least, most))

    def wanted(self, share: float, steps: int) -> float:
        """Return the seconds that must be left for so many steps to fit into a share of them."""
        return steps * self.step / share + self.beside


@dataclass(frozen=True)
class Untimely:
    """What was ready to be learned when too little time was left.

    Attributes:
        wanted: Seconds that its training and the judging of it take, about.
        left: Seconds that were left, without those of the account.
    """

    wanted: float
    left: float


class Replay:
    """One replay of a set.

    Args:
        folder: An empty folder.
        photographs: The set in its parts.
        base: The model to start from.
        budget: Time for all.
        input_px: Side that pictures are fitted into; chosen from the size of the objects if None.
        seed: Of all chance.
        show: Called with pictures done, their number and what is going on.

    Attributes:
        workspace: What the line keeps.
        start: The base model, able to name the set's kinds, before it saw any of them.
        cycles: What each cycle came to.
        held_back: The slice that judges the result, which no gate sees.
        watched: Photographs of the stream that went by; fewer than all where time ran out.
        no_time: What was ready to be learned when too little time was left for it, by its name.
    """

    def __init__(
        self,
        folder: Path,
        photographs: Photographs,
        base: TorchModel,
        budget: Budget,
        input_px: int | None,
        seed: int,
        show: Show,
    ) -> None:
        mark_folder(folder, "janus replay")
        self.folder, self.photographs, self.budget = folder, photographs, budget
        self.seed, self._show = seed, show
        self.workspace = Workspace.open(folder / "workspace")
        self.input_px = input_px or fitting_size(
            mask for frame in photographs.history for mask in frame.truth.masks
        )
        self.now = START
        self.cell = Cell("replay", "replay", "replay", photographs.name)
        self._truth: dict[str, LabelledFrame] = {}
        self.line = Line(
            self.workspace,
            [self.cell],
            TruthAnnotator("coco", self._label, lambda: self.now),
            photographs.taxonomy,
            World(lambda: self.now),
            Policy(
                watching=Watching(cameras=False, seed=seed),
                collecting=Collecting(
                    frames=self._quota(),
                    least=WARM_UP,
                    min_cost=0.0,
                    routine_every=self._window(),
                    routine_frames=self._quota(),
                ),
                learning=Learning(threads=budget.threads, seed=seed),
            ),
        )
        self.cycles: list[CycleReport] = []
        self.watched, self.no_time = 0, dict[str, Untimely]()
        self.start = self.line.adopt(sized(base, self.input_px), {"name": "base"})
        self.held_back: Slice = freeze_slice(
            "held back", keep_labelled(self.workspace, photographs.held_back, "held back")
        )
        self.commissioned: ModelVersion = self.start

    def run(self) -> None:
        """Learn history, then watch the rest go by and learn what is new in it, or in doubt.

        Novelties come first; routine campaigns make do with the time that is left.
        """
        self._commission()
        stream, ledger, routine = self.photographs.stream, self.line.ledger, self.line.routine
        for number, frame in enumerate(stream):
            if self.budget.left() <= 0:
                break
            self._show(number, len(stream), "watching")
            self._arrive(frame)
            self.watched = number + 1
            self._learn_ready(number)
        for novelty in ledger.collecting():
            if min(ledger.waiting(novelty.id), ledger.left(novelty.id)) >= WARM_UP:
                self._learn(novelty, len(stream))
        if routine.waiting() >= WARM_UP // 2:
            for record in routine.collecting():
                self._learn(record, len(stream))
        tell_end(self.workspace, "janus replay", self.now)

    def _quota(self) -> int:
        """Return the labels that a novelty may cost here: a fair part of a short stream."""
        return int(np.clip(len(self.photographs.stream) // 8, WARM_UP, 60))

    def _window(self) -> int:
        """Return the photographs that a routine campaign looks through: about half the stream."""
        return max(2 * WARM_UP, len(self.photographs.stream) // 2)

    def _commission(self) -> None:
        """Train the first champion on history, and keep a part of it as its slice."""
        history = self.photographs.history
        judging = hold_back_groups([frame.id for frame in history])
        part, rest = (
            keep_labelled(
                self.workspace,
                (f for f in history if (group_of(f.id) in judging) == judges),
                "history",
            )
            for judges in (True, False)
        )
        catalogue = self.workspace.catalogue
        catalogue.slices.put(freeze_slice("history", part))
        deck = build_deck(
            rest,
            taxonomy=self.photographs.taxonomy,
            recipe=Recipe(),
            seed=self.seed,
            parent=self.start.id,
        )
        catalogue.decks.put(deck)
        self.budget.step = STEP_SECONDS * (self.input_px / 192) ** 2
        steps = self.budget.steps(0.4, LEAST_HISTORY_STEPS, MOST_HISTORY_STEPS)
        telling = self._telling(0, "history")
        telling(f"{steps} steps")
        began = time.monotonic()
        self.commissioned = self.line.cycle.train(deck, "naive", steps, telling)
        self.line.cycle.judge(self.commissioned, self.start.id, "history")
        took = time.monotonic() - began
        trained = float(self.commissioned.card["seconds"])
        self.budget.step, self.budget.beside = trained / steps, took - trained
        catalogue.aliases.set("champion", self.commissioned.id)
        self.line.know(self.commissioned.id)
        began = time.monotonic()
        for model in (self.start, self.commissioned):
            self.line.judge.matches(model.id, self.held_back)
        self.budget.look = (time.monotonic() - began) / 2

    def _arrive(self, frame: LabelledFrame) -> None:
        champion = self.line.champion
        self.now += EVERY
        instances = self.line.shelf.load(champion).predict([frame.image])[0]
        taken = Frame(frame.image, self.cell.camera, self.cell.robot, self.now)
        observation = self.line.observer.observe(taken, instances, champion)
        self._truth[observation] = frame
        self.line.observer.settle(observation)

    def _learn_ready(self, number: int) -> None:
        """Learn what is ready, one after another: a cycle may show that the next is the same."""
        while ready := self.line.ready():
            if not self._learn(ready[0], number):
                return

    def _learn(self, novelty: Novelty, number: int) -> bool:
        """Run a cycle, with the steps that the time left allows; say whether it made a model."""
        total = len(self.photographs.stream)
        steps = self._steps(novelty, total - number)
        if not steps:
            wanted = self.budget.wanted(SHARE, LEAST_STEPS)
            self.no_time[novelty.name] = Untimely(wanted, self.budget.left())
            return False
        try:
            telling = self._telling(number, novelty.name)
            self.cycles.append(self.line.learn(novelty, steps, telling))
        except Conflict as conflict:
            self.workspace.catalogue.rejects.add(novelty.name, str(conflict))
            return False
        self.budget.models += 1
        return True

    def _steps(self, novelty: Novelty, coming: int) -> int:
        """Return the steps of a cycle's training; 0 where too little time is left for one.

        Args:
            novelty: Or the record of a routine campaign.
            coming: Photographs still to come, whose cycles want time as well.
        """
        if self.budget.steps(SHARE, 0, LEAST_STEPS) < LEAST_STEPS:
            return 0
        if not self.line.routine.has(novelty.id):
            ahead = max(1.0, coming / max(1, self._quota() * 2))
            return self.budget.steps(SHARE / (ahead + 0.5), LEAST_STEPS, MOST_STEPS)
        share = SHARE / (1 + round(coming / self._window()))
        return self.budget.steps(share, LEAST_STEPS, MOST_STEPS)

    def _telling(self, number: int, what: str) -> Callable[[str], None]:
        """Return what shows how far the learning of something has come."""
        total = len(self.photographs.stream)
        return lambda text: self._show(number, total, f"learning {what}: {text}")

    def _label(self, observation: str) -> Instances | None:
        frame = self._truth.get(observation)
        return None if frame is None else frame.truth
