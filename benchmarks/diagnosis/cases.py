"""Failed picks: of the shipped model at work, and staged on true masks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import cv2
import numpy as np

from diagnosis.truth import Cause, Failure, cause_of, lies_on
from januscl.core import (
    BoolMask,
    Cell,
    Depth,
    Frame,
    Instances,
    Observation,
    Pick,
    Signal,
    decode_mask,
    encode_mask,
    new_id,
)
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, CellRobot, Look, Scene, Truth
from januscl.train import CompactModel
from januscl.triage.seat import deepest
from januscl.watch import UnexplainedForeground
from januscl.watch.chosen import ChosenNovelty

REFERENCE = 60  # frames
MIX = {**BASE_MIX, **dict.fromkeys(LATE_KINDS, 0.04)}
NEW_MIX = {**BASE_MIX, **dict.fromkeys(LATE_KINDS, 0.15)}
STAGES = ("merge", "cut", "edge", "rob", "leave", "new")
KINDS = BASE_TAXONOMY
for name, shape in LATE_KINDS.items():
    KINDS = KINDS.with_kind(name, shape)

Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Case:
    """A failed pick as the robot knows it, and the truth about it.

    Attributes:
        kind: Of the package that most of the tried mask lies on; None where nothing was tried.
    """

    stage: str
    failed: Observation
    signals: tuple[Signal, ...]
    after: Observation | None
    empty: Depth
    truth: Cause
    kind: str | None


class Bench:
    """One robot with the watchers of its camera and model, fitted on piles of known kinds."""

    def __init__(self, seed: int, model: CompactModel) -> None:
        self.rng, self.model, self._piles = np.random.default_rng(seed), model, seed * 10_000
        look = Look().varied(np.random.default_rng((seed, 5)))
        never = 10**6
        self.robot = CellRobot(
            Cell("robot", "camera", "line", "site"), look, seed,
            max_attempts_per_pile=never, patience=never,
        )  # fmt: skip
        reference = []
        for number in range(REFERENCE):
            self.load(BASE_MIX)
            frame = self.robot.look()
            seen = model.predict([frame.image])[0]
            reference.append(Observation(_id(frame.at, number), frame, seen, "model"))
        self.foreground = UnexplainedForeground().fit(reference)
        self.novelty = ChosenNovelty().fit([self.explained(seen) for seen in reference])
        self.made = REFERENCE

    def load(self, mix: dict[str, float]) -> None:
        """Exchange the bin."""
        self._piles += 1
        self.robot.load(mix, int(self.rng.integers(6, 11)), self._piles)

    def observed(self, frame: Frame, seen: Instances) -> Observation:
        """Return the observation as the line has it."""
        self.made += 1
        return self.explained(Observation(_id(frame.at, self.made), frame, seen, "model"))

    def explained(self, seen: Observation) -> Observation:
        """Return the observation with the regions that no instance covers, as the line has it."""
        regions = self.foreground.regions(seen.frame, seen.instances)
        embeddings = self.model.describe(seen.frame.image, regions)
        return replace(seen, instances=seen.instances.with_unexplained(regions, embeddings))

    def tried(self, stage: str, before: Observation, row: int | None,
              point: tuple[float, float] | None) -> tuple[Case | None, Frame | None]:  # fmt: skip
        """Make the pick; return it as a case if it failed, and the next look at the same bin."""
        scene, truth = self.robot.scene, self.robot.truth()
        outcome = self.robot.attempt(before.instances, row, point)
        frame = self.robot.look() if self.robot.remaining else None
        if not outcome.failed:
            return None, frame
        after = None
        if frame is not None:
            after = self.observed(frame, self.model.predict([frame.image])[0])
        failed = replace(before, pick=Pick(row, point, outcome, before.frame.at))
        came = self._came(scene)
        failure = Failure(scene, truth, before.instances, row, point, came)
        cause = cause_of(failure, np.random.default_rng((self._piles, self.made)))
        signals = tuple(self.novelty.score(before))
        kind = None if row is None else truth.kinds[failure.own]
        return Case(stage, failed, signals, after, self.foreground.empty, cause, kind), frame

    def _came(self, scene: Scene) -> frozenset[int]:
        left = self.robot.scene.packages if self.robot.remaining else ()
        return frozenset(
            k for k, p in enumerate(scene.packages) if not any(p is other for other in left)
        )


def _id(at: datetime, number: int) -> str:
    return new_id(at, number.to_bytes(10, "big"))


def at_work(bench: Bench) -> Iterator[Case]:
    """Yield failed picks of a robot that tries any instance its model is sure of, without end."""
    while True:
        bench.load(MIX)
        frame: Frame | None = bench.robot.look()
        for _ in range(8):
            if frame is None:
                break
            seen = bench.model.predict([frame.image])[0]
            sure = np.flatnonzero((seen.scores >= 0.5) & ([m.area >= 120 for m in seen.masks]))
            before = bench.observed(frame, seen)
            row = int(bench.rng.choice(sure)) if sure.size else None
            point = None if row is None else deepest(decode_mask(seen.masks[row]))[0]
            case, frame = bench.tried("at work", before, row, point)
            if case is not None:
                yield case
            if row is None:
                break


def staged(bench: Bench) -> Iterator[Case]:
    """Yield a failed pick of each stage in turn, without end."""
    while True:
        for stage in STAGES:
            case = None
            while case is None:
                bench.load(NEW_MIX if stage == "new" else BASE_MIX)
                case = _failed_once(stage, bench)
            yield case


def _failed_once(stage: str, bench: Bench) -> Case | None:
    """Return a failed pick of a pile, if there is one within three."""
    for _ in range(3):
        frame = bench.robot.look()
        before, row = _staged(stage, bench, frame, bench.robot.truth())
        if row is None:
            return None
        mask = decode_mask(before.instances.masks[row])
        # A good mask fails where the aim is poor.
        point = _near_edge(mask, bench.rng) if stage == "leave" else deepest(mask)[0]
        case, after = bench.tried(stage, before, row, point)
        if case is not None or after is None:
            return case
    return None


def _staged(stage: str, bench: Bench, frame: Frame, truth: Truth) -> tuple[Observation, int | None]:
    """Return what a model with this failing would have seen, and the row it fails on."""
    rng, whole = bench.rng, truth.instances(KINDS)
    masks = [decode_mask(rle) for rle in whole.masks]
    new = [k for k, label in enumerate(whole.labels) if label > len(BASE_TAXONOMY)]
    rows = [k for k in (new if stage == "new" else range(len(masks))) if masks[k].sum() >= 250]
    if not rows:
        return bench.observed(frame, Instances.empty()), None
    row = int(rng.choice(rows))
    changed = _STAGED[stage](masks, row, rng, truth) if stage in _STAGED else masks
    if changed is None:
        return bench.observed(frame, Instances.empty()), None
    labels = [int(rng.integers(1, 7))] * len(changed)
    seen = Instances.of_masks([encode_mask(mask) for mask in changed], labels)
    embeddings = bench.model.describe(frame.image, seen.masks)
    scores = rng.uniform(0.6, 1.0, len(seen)).astype(np.float32)
    seen = replace(seen, embeddings=embeddings, scores=scores)
    return bench.observed(frame, seen), min(row, len(changed) - 1)


def _merge(masks: list[BoolMask], row: int, rng: Rng, truth: Truth) -> list[BoolMask] | None:
    around = cv2.dilate(masks[row].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    beside = [k for k, m in enumerate(masks) if k != row and (m & around).sum() >= 15
              and 0.3 <= m.sum() / masks[row].sum() <= 3.3]  # fmt: skip
    if not beside:
        return None
    other = int(rng.choice(beside))
    merged = [m | masks[other] if k == row else m for k, m in enumerate(masks)]
    # The row keeps its place: what was merged into it goes to the end and is dropped.
    return [*merged[:other], *merged[other + 1 :]] if other > row else None


def _cut(masks: list[BoolMask], row: int, rng: Rng, truth: Truth) -> list[BoolMask] | None:
    points = np.argwhere(masks[row])
    angle = rng.uniform(0, np.pi)
    along = points @ np.asarray((np.cos(angle), np.sin(angle)))
    first = along < np.quantile(along, rng.uniform(0.35, 0.65))
    if rng.random() < 0.5:
        first = ~first
    halves = [np.zeros_like(masks[row]), np.zeros_like(masks[row])]
    for half, part in zip(halves, (first, ~first), strict=True):
        half[points[part, 0], points[part, 1]] = True
    return [*masks[:row], halves[0], *masks[row + 1 :], halves[1]]


def _edge(masks: list[BoolMask], row: int, rng: Rng, truth: Truth) -> list[BoolMask] | None:
    mask = masks[row].astype(np.uint8)
    if rng.random() < 0.5:
        side = 2 * int(rng.integers(4, 8)) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        changed = cv2.dilate(mask, kernel) if rng.random() < 0.5 else cv2.erode(mask, kernel)
    else:
        angle, by = rng.uniform(0, 2 * np.pi), rng.uniform(8, 14)
        shift = np.asarray(((1, 0, by * np.cos(angle)), (0, 1, by * np.sin(angle))))
        changed = cv2.warpAffine(mask, shift, mask.shape[::-1])
    if changed.sum() < 60:
        return None
    return [changed > 0 if k == row else m for k, m in enumerate(masks)]


def _rob(masks: list[BoolMask], row: int, rng: Rng, truth: Truth) -> list[BoolMask] | None:
    own = truth.shown[row]
    above = [k for k, other in enumerate(truth.shown) if k > row and lies_on(other, own, truth)]
    if not above:
        return None
    taken = int(rng.choice(above))
    return [*masks[:taken], *masks[taken + 1 :]]


_STAGED = {"merge": _merge, "cut": _cut, "edge": _edge, "rob": _rob}


def _near_edge(mask: BoolMask, rng: Rng) -> tuple[float, float]:
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    row, column = rng.choice(np.argwhere(mask & ~inner))
    return float(column) + 0.5, float(row) + 0.5
