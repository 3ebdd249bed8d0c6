"""A small drawn site that the tests of the line share: pictures, what a model saw, robots."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from januscl.core import (
    Cell,
    Frame,
    Instances,
    Label,
    LabelledFrame,
    LabelTask,
    Observation,
    Outcome,
    Pick,
    Taxonomy,
    masks_of,
    new_id,
)
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.line import Collecting, Learning, Line, Policy, Watching, World
from januscl.line.keeping import keep_labelled
from januscl.store import Workspace
from januscl.train import CompactModel

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
EVERY = timedelta(minutes=25)  # each frame a moment of its own
CELLS = (
    Cell("robot-a", "camera-a", "line-1", "site"),
    Cell("robot-b", "camera-b", "line-2", "site"),
    Cell("station", "camera-s", "test", "site", station=True),
)
BASE = Taxonomy().with_kind("box", "box").with_kind("disc", "cylinder")
ALL = BASE.with_kind("triangle", "flat")
TRIANGLE = 3
_PLACES = np.random.default_rng(5).normal(size=(5, 16))
_ODD = 4  # the place of what looks unlike others of its kind


def draw(seed: int, kinds: Sequence[int] = (1, 2, 1, 2), size: int = 64) -> LabelledFrame:
    """Draw boxes (1), discs (2) and triangles (3), one in each quarter of the picture."""
    rng = np.random.default_rng(seed)
    image = np.full((size, size, 3), 90, np.uint8)
    ids = np.zeros((size, size), np.int32)
    for k, kind in enumerate(kinds):
        centre = (np.array([k % 2, k // 2]) + 0.5) * size / 2 + rng.uniform(-4, 4, 2)
        mask = np.zeros((size, size), np.uint8)
        if kind == 1:
            cv2.fillPoly(mask, [corners(centre, rng.uniform(0, 180))], 1)
        elif kind == 2:
            cv2.circle(mask, tuple(int(v) for v in centre), 9, 1, -1)
        else:
            points = centre + np.array([[0, -11], [-10, 8], [10, 8]])
            cv2.fillPoly(mask, [points.astype(np.int32)], 1)
        image[mask > 0] = rng.integers(0, 256, 3)
        ids[mask > 0] = k + 1
    truth = Instances.of_masks(masks_of(ids, len(kinds)), kinds)
    return LabelledFrame(f"drawn-{seed}", image, truth)


def corners(centre, angle):
    box = cv2.boxPoints(((float(centre[0]), float(centre[1])), (20.0, 14.0), float(angle)))
    return box.astype(np.int32)


def as_seen(
    truth: Instances, seed: int, spread: float = 0.15, odd: Sequence[int] = ()
) -> Instances:
    """Return what a model that takes triangles for boxes sees, with embeddings ``(N, 16)``.

    The rows in ``odd`` look unlike others of their kind.
    """
    rng = np.random.default_rng((seed, 3))
    look = truth.labels.copy()
    look[list(odd)] = _ODD
    places = _PLACES[look] + spread * rng.normal(size=(len(truth), 16))
    return replace(
        truth,
        scores=np.full(len(truth), 0.9, np.float32),
        labels=np.where(truth.labels == TRIANGLE, 1, truth.labels),
        embeddings=places.astype(np.float32),
    )


def known(model: str, frames: int = 45) -> list[Observation]:
    """Return what a model saw in frames of known kinds."""
    seen = []
    for k in range(frames):
        pile = draw(10_000 + k)
        frame = Frame(pile.image, "camera-a", "robot-a", START)
        seen.append(Observation(new_id(START), frame, as_seen(pile.truth, 10_000 + k), model))
    return seen


class Person:
    """An annotator who gives the truth, or whatever ``spoil`` makes of it.

    Attributes:
        asked: The tasks so far.
        before: Called before each round of labelling, which takes its time.
    """

    name = "person"

    def __init__(self, spoil: Callable[[int, Instances], Instances] = lambda k, truth: truth):
        self.truth: dict[str, Instances] = {}
        self.asked: list[LabelTask] = []
        self.before: Callable[[Sequence[LabelTask]], None] = lambda tasks: None
        self._spoil = spoil

    def annotate(self, tasks: Sequence[LabelTask]) -> list[Label]:
        self.before(tasks)
        self.asked += tasks
        return [
            Label(task.observation, self._spoil(k, self.truth[task.observation]), self.name, START)
            for k, task in enumerate(tasks)
        ]


class Shift:
    """A line over a workspace of its own, and the work that it watches.

    Args:
        folder: Of the workspace.
        champion: What the fleet runs first.
        person: Gives the labels.
        frames: Labels that a novelty may cost.
        min_cost: Lost picks a day from which it is worth them, of 1000.
        learning: Steps and pictures a step.
        meanwhile: Called while a training runs.
        routine: Frames that a routine campaign looks through, for as many labels as a novelty's.
    """

    def __init__(
        self,
        folder,
        champion: CompactModel,
        person: Person | None = None,
        frames: int = 12,
        min_cost: float = 5.0,
        learning: Learning | None = None,
        meanwhile: Callable[[], None] = lambda: None,
        routine: int = 0,
    ) -> None:
        self.now = START
        self.person = person or Person()
        self.workspace = Workspace.open(folder)
        self.line = Line(
            self.workspace,
            CELLS,
            self.person,
            ALL,
            World(lambda: self.now, None, meanwhile),
            Policy(
                Watching(cameras=False, seed=0),
                Collecting(
                    frames=frames,
                    min_cost=min_cost,
                    routine_every=routine,
                    routine_frames=frames,
                ),
                learning or Learning(steps=2, batch=1, threads=1, replay=6),
            ),
            picks_a_day=1000.0,
        )
        self.catalogue = self.workspace.catalogue
        base = keep_labelled(self.workspace, (draw(k) for k in range(8)), "history")
        past = keep_labelled(self.workspace, (draw(k) for k in range(20, 28)), "history")
        self.catalogue.slices.put(freeze_slice("base", base))
        self.catalogue.decks.put(build_deck(past, taxonomy=BASE, recipe=Recipe(), seed=0))
        self.champion = self.line.adopt(champion, {"name": "first"})
        self.line.observer.learn_model(self.champion.id, known(self.champion.id))
        self.count = 0

    def pick(
        self,
        kinds: Sequence[int],
        row: int,
        outcome: Outcome,
        robot: int = 0,
        odd: Sequence[int] = (),
    ) -> str:
        """Let a robot look at a fresh pile and pick; return the observation's id."""
        self.now += EVERY
        self.count += 1
        pile = draw(30_000 + self.count, kinds)
        cell = CELLS[robot]
        frame = Frame(pile.image, cell.camera, cell.robot, self.now)
        seen = as_seen(pile.truth, self.count, odd=odd)
        id = self.line.observe(frame, seen, self.champion.id)
        self.person.truth[id] = pile.truth
        point = tuple(float(v) for v in seen.boxes[row].reshape(2, 2).mean(axis=0))
        self.line.report(id, Pick(row, point, outcome, self.now))
        return id

    def works_on(self, frames: int, doubtful: Callable[[int], bool] = lambda k: False) -> list[str]:
        """Work on piles of known kinds; of some, the model is in doubt of every package."""
        ids = []
        for k in range(frames):
            self.now += EVERY
            self.count += 1
            pile = draw(30_000 + self.count)
            seen = as_seen(pile.truth, self.count)
            if doubtful(k):
                seen = replace(seen, scores=np.full(len(seen), 0.5, np.float32))
            cell = CELLS[k % 2]
            frame = Frame(pile.image, cell.camera, cell.robot, self.now)
            ids.append(self.line.observe(frame, seen, self.champion.id))
            self.person.truth[ids[-1]] = pile.truth
            self.line.report(ids[-1], Pick(0, (20.0, 20.0), Outcome.PICKED, self.now))
        return ids

    def triangles_arrive(self, frames: int) -> list[str]:
        """Work on: picks of known kinds succeed, those of triangles fail."""
        ids = []
        for k in range(frames):
            self.pick((1, 2, 1, 2), 0, Outcome.PICKED, k % 2)
            ids.append(self.pick((3, 2, 1, 2), 0, Outcome.MISSED, k % 2))
        return ids

    def close(self) -> None:
        self.workspace.close()
