"""The demo's course: a workspace, a simulated fleet, and a line that decides everything else."""

from collections.abc import Callable
from pathlib import Path

from januscl.annotate import TruthAnnotator
from januscl.cli.folders import mark_folder
from januscl.cli.simulated import SimulatedSite, TruthRecorder
from januscl.core import (
    Answer,
    Instances,
    LabelledFrame,
    ModelVersion,
    Release,
    Ticket,
    Verdict,
)
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.line.cycle import CycleReport, World
from januscl.line.fleet import Crew
from januscl.line.keeping import keep_labelled, load_labelled
from januscl.line.line import Line
from januscl.line.policy import Learning, Policy, Releasing, Watching
from januscl.line.rollout import Rollout
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, Day, SimFleet, make_labelled
from januscl.store import Workspace
from januscl.train import factory_model

HISTORY, BASE_SLICE = 480, 100
TICKS_A_TRAINING = 10
BAD_STEPS = 20


class Demonstration:
    """One day of a simulated fleet under a line.

    Args:
        folder: An empty folder.
        day: The script of what happens to the fleet.
        seed: Of all chance.
        threads: For training.
        show: Called with the tick and what is going on.

    Attributes:
        workspace: What the line keeps.
        truth: What only the simulation knows; the account compares with it.
        cycles: What each cycle came to.
        bad: The verdict on the bad challenger, and its id.
    """

    def __init__(
        self, folder: Path, day: Day, seed: int, threads: int, show: Callable[[int, str], None]
    ) -> None:
        self._show = show
        self.day, self.seed = day, seed
        mark_folder(folder, "janus demo")
        self.folder = folder
        self.workspace = Workspace.open(folder / "workspace")
        self.site = SimulatedSite(SimFleet(day, seed))
        self.taxonomy = BASE_TAXONOMY
        for name, shape in LATE_KINDS.items():
            self.taxonomy = self.taxonomy.with_kind(name, shape)
        self.truth = TruthRecorder(self.site)
        production = sum(not cell.station for cell in day.cells)
        self.line = Line(
            self.workspace,
            self.site.cells,
            TruthAnnotator("simulator", self._label, lambda: self.site.now),
            self.taxonomy,
            World(lambda: self.site.now, self._release, lambda: self.work(TICKS_A_TRAINING)),
            Policy(
                watching=Watching(seed=seed),
                learning=Learning(threads=threads, seed=seed),
                releasing=Releasing(margin=0.15),
            ),
            picks_a_day=production * 86400 / day.seconds_per_tick,
            on_ticket=self._call_technicians,
        )
        self.truth.recorder = self.line
        self._crew = Crew(self.site, self.truth, self.line.runs, self.line.shelf.load)
        self.cycles: list[CycleReport] = []
        self.bad: tuple[ModelVersion, Verdict] | None = None

    def run(self) -> None:
        """Prepare, then let the day go by and do what the line finds worth doing."""
        self._prepare()
        while self.site.fleet.tick < self.day.ticks:
            self.work(1)
            # One after another: what one cycle labels may show that the next novelty is the same.
            while ready := self.line.ready():
                novelty = ready[0]
                self.cycles.append(self.line.learn(novelty))
                if self.bad is None and self.cycles[-1].verdict.answer is Answer.PASS:
                    self.bad = self._try_bad_challenger(self.cycles[-1])
        self.line.close()

    def work(self, ticks: int) -> None:
        """Let every production robot make ``ticks`` attempts."""
        for _ in range(ticks):
            self._crew.work(1)
            self._show(self.site.fleet.tick, f"{self.site.now:%H:%M} the fleet picks")

    def _prepare(self) -> None:
        """Bring the factory model, its labelled history and the slice that it is held to."""
        self._show(0, "simulating labelled history")
        history = keep_labelled(
            self.workspace, make_labelled(HISTORY, 1000 + self.seed, BASE_MIX), "history"
        )
        base = keep_labelled(
            self.workspace, make_labelled(BASE_SLICE, 2000 + self.seed, BASE_MIX), "history"
        )
        catalogue = self.workspace.catalogue
        catalogue.decks.put(
            build_deck(history, taxonomy=BASE_TAXONOMY, recipe=Recipe(), seed=self.seed)
        )
        catalogue.slices.put(freeze_slice("base kinds", base))
        self.factory = self.line.adopt(factory_model(), {"name": "factory"})

    def _call_technicians(self, ticket: Ticket) -> None:
        if ticket.closed is None:
            self.site.mend(ticket.robot, ticket.cause)

    def _label(self, observation: str) -> Instances | None:
        """Answer a label task from the simulation, as a person with good eyes would."""
        return self.truth.truth(observation, self.taxonomy)

    def _release(self, challenger: ModelVersion, champion: str, novelty: str | None) -> Release:
        """Take a challenger through the stages on the simulated fleet."""
        self._show(self.site.fleet.tick, f"releasing {challenger.id}")
        known = {kind.name for kind in challenger.taxonomy}
        for name in known & LATE_KINDS.keys():
            self.site.bring_to_station(name)
        self.line.know(challenger.id)
        rollout = Rollout(
            self.workspace, self.site, self.line.shelf.load, self.work, self.line.policy.releasing
        )
        return rollout.run(challenger, champion, novelty)

    def _try_bad_challenger(self, after: CycleReport) -> tuple[ModelVersion, Verdict]:
        """Bring a challenger as a careless colleague would: mislabelled data and no replay."""
        self._show(self.site.fleet.tick, "a careless challenger")
        fresh = [item for item in after.deck.items if item.source != "replay"]
        frames = load_labelled(self.workspace, fresh)
        wrong = [
            LabelledFrame(f"mislabelled-{frame.id}", frame.image, other.truth)
            for frame, other in zip(frames, [*frames[1:], frames[0]], strict=True)
        ]
        champion = self.line.champion
        deck = build_deck(
            keep_labelled(self.workspace, wrong, "mislabelled"),
            taxonomy=after.deck.taxonomy,
            recipe=Recipe(),
            seed=self.seed,
            parent=champion,
        )
        self.workspace.catalogue.decks.put(deck)
        challenger = self.line.cycle.train(deck, strategy="naive", steps=BAD_STEPS)
        verdict = self.line.cycle.judge(challenger, champion, None)
        if verdict.answer is Answer.PASS:
            self._release(challenger, champion, None)
        return challenger, verdict
