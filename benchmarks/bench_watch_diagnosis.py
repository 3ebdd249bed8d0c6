"""Why failed picks failed: the diagnosis from what a robot knows, against the simulator's truth.

Run: ``python benchmarks/bench_watch_diagnosis.py``, with seeds to run other than three of them. One
process, one thread, pictures of 192 px.

Two sets of failed picks, for each seed in a cell of its own:

- **at work**: the shipped model and a robot that tries any instance scored 0.5 or more at its
  deepest point, on piles of which 14% are of kinds that the model was not taught;
- **staged**: true masks, of which the one that is tried is first merged with its neighbour, cut in
  two, grown, shrunk or moved, robbed of the package upon it, or left as it is and tried near its
  edge; or it is of a kind that the model was not taught.

Truth is what the renderer's id map holds under the tried mask when it is tried; see `true_cause`.
It scores the diagnosis and is told to nothing else.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import cv2
import numpy as np
import torch

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
from januscl.train import CompactModel, factory_model
from januscl.triage.diagnosis import Diagnosis, diagnose
from januscl.watch import UnexplainedForeground
from januscl.watch.chosen import ChosenNovelty

SEEDS = (1, 2, 3)
AT_WORK, STAGED, REFERENCE = 50, 10, 60  # failures a seed; a stage and seed; frames
MIX = {**BASE_MIX, **dict.fromkeys(LATE_KINDS, 0.04)}
NEW_MIX = {**BASE_MIX, **dict.fromkeys(LATE_KINDS, 0.15)}
STAGES = ("merge", "cut", "edge", "rob", "leave", "new")
KINDS = BASE_TAXONOMY
for name, shape in LATE_KINDS.items():
    KINDS = KINDS.with_kind(name, shape)

MERGED_FROM = 0.2  # share of a mask that a second package holds
PART_FROM = 0.15  # share of a package that another instance holds beside a split one
GOOD_FROM = 0.7  # share of its package that a mask holds, and IoU with it
COVERED_FROM = 0.5  # share of a package that instances hold, else it is missed
LEAST_PIXELS = 60  # seen of a package, for it to be missed
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Case:
    """A failed pick as the robot knows it, and the truth about it."""

    stage: str
    failed: Observation
    signals: tuple[Signal, ...]
    after: Observation | None
    empty: Depth
    truth: Diagnosis


def true_cause(truth: Truth, seen: Instances, row: int | None, came: set[int]) -> Diagnosis:
    """Return what was wrong with the mask, by the renderer's id map.

    - nothing tried: an unseen package is there (missed, or of an unknown kind), or none (not
      perception's fault);
    - half of the mask or more is no package: boundary;
    - the package that most of the mask lies on is of a kind that was not taught: unknown kind;
    - a second package holds 20% of the mask or more: merged;
    - the mask holds less than 70% of its package, and others 15% of it or more: split;
    - otherwise it holds less than 70%, or its IoU is below 0.7: boundary;
    - a package that no instances cover by half came up too, or lies on this one: missed (or of
      an unknown kind);
    - otherwise: not perception's fault.
    """
    ids, count = truth.ids, len(truth.kinds)
    pixels = np.maximum(truth.pixels, 1)
    masks = {int(r): decode_mask(seen.masks[int(r)]) for r in np.flatnonzero(seen.scores >= 0.3)}

    def held(mask: BoolMask) -> np.ndarray:
        return np.bincount(ids[mask], minlength=count + 1)

    everything = np.any([np.zeros(ids.shape, np.bool_), *masks.values()], axis=0)
    covered = held(everything)[1:] / pixels
    unseen = [k for k in range(count) if truth.pixels[k] >= LEAST_PIXELS
              and covered[k] < COVERED_FROM]  # fmt: skip

    def named(k: int, known: Diagnosis) -> Diagnosis:
        return known if truth.kinds[k] in BASE_MIX else Diagnosis.UNKNOWN_KIND

    if row is None:
        largest = max(unseen, key=lambda k: truth.pixels[k], default=None)
        return Diagnosis.NOT_PERCEPTION if largest is None else named(largest, Diagnosis.MISSED)
    mask = masks[row]
    on, area = held(mask), int(mask.sum())
    ranked = np.argsort(-on[1:], kind="stable")
    own = int(ranked[0])
    if on[0] >= 0.5 * area:
        return Diagnosis.BOUNDARY
    if truth.kinds[own] not in BASE_MIX:
        return Diagnosis.UNKNOWN_KIND
    if count > 1 and on[1 + int(ranked[1])] >= MERGED_FROM * area:
        return Diagnosis.MERGED
    if on[1 + own] < GOOD_FROM * pixels[own]:
        rest = np.zeros(ids.shape, np.bool_)
        for other, theirs in masks.items():
            if other != row and int(held(theirs)[1:].argmax()) == own:
                rest |= theirs & ~mask & (ids == own + 1)
        return Diagnosis.SPLIT if rest.sum() >= PART_FROM * pixels[own] else Diagnosis.BOUNDARY
    if on[1 + own] / (area + pixels[own] - on[1 + own]) < GOOD_FROM:
        return Diagnosis.BOUNDARY
    for k in unseen:
        if k != own and (k in came or _lies_on(k, own, truth)):
            return named(k, Diagnosis.MISSED)
    return Diagnosis.NOT_PERCEPTION


def _lies_on(upper: int, lower: int, truth: Truth) -> bool:
    """Say whether one package touches another in the picture and is nearer there, by 4 mm."""
    wide = np.ones((7, 7), np.uint8)
    over, under = (truth.ids == k + 1 for k in (upper, lower))
    over_there = over & (cv2.dilate(under.astype(np.uint8), wide) > 0)
    under_there = under & (cv2.dilate(over.astype(np.uint8), wide) > 0)
    if over_there.sum() < 12 or not under_there.any():
        return False
    nearer = np.median(truth.depth[under_there]) - np.median(truth.depth[over_there])
    return bool(nearer > 0.004)


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
        scene = self.robot.scene
        outcome = self.robot.attempt(before.instances, row, point)
        frame = self.robot.look() if self.robot.remaining else None
        if not outcome.failed:
            return None, frame
        after = None
        if frame is not None:
            after = self.observed(frame, self.model.predict([frame.image])[0])
        failed = replace(before, pick=Pick(row, point, outcome, before.frame.at))
        truth = true_cause(scene.truth(), before.instances, row, self._came(scene))
        signals = tuple(self.novelty.score(before))
        return Case(stage, failed, signals, after, self.foreground.empty, truth), frame

    def _came(self, scene: Scene) -> set[int]:
        left = self.robot.scene.packages if self.robot.remaining else ()
        return {k for k, p in enumerate(scene.packages) if not any(p is other for other in left)}


def _id(at: datetime, number: int) -> str:
    return new_id(at, number.to_bytes(10, "big"))


def at_work(bench: Bench, wanted: int) -> Iterator[Case]:
    """Yield failed picks of a robot that tries any instance its model is sure of."""
    found = 0
    while found < wanted:
        bench.load(MIX)
        frame: Frame | None = bench.robot.look()
        tries = 0
        while frame is not None and found < wanted and tries < 8:
            seen = bench.model.predict([frame.image])[0]
            sure = np.flatnonzero((seen.scores >= 0.5) & ([m.area >= 120 for m in seen.masks]))
            before = bench.observed(frame, seen)
            row = int(bench.rng.choice(sure)) if sure.size else None
            point = None if row is None else _deepest(decode_mask(seen.masks[row]))
            case, frame = bench.tried("at work", before, row, point)
            tries += 1
            if case is not None:
                found += 1
                yield case
            if row is None:
                break


def staged(bench: Bench, wanted: int) -> Iterator[Case]:
    """Yield ``wanted`` failed picks of each stage."""
    for stage in STAGES:
        found = 0
        while found < wanted:
            bench.load(NEW_MIX if stage == "new" else BASE_MIX)
            for _ in range(3):
                frame = bench.robot.look()
                before, row = _staged(stage, bench, frame, bench.robot.truth())
                if row is None:
                    break
                mask = decode_mask(before.instances.masks[row])
                # A good mask fails where the aim is poor.
                point = _near_edge(mask, bench.rng) if stage == "leave" else _deepest(mask)
                case, after = bench.tried(stage, before, row, point)
                if case is not None and found < wanted:
                    found += 1
                    yield case
                if after is None or case is not None:
                    break


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
    above = [k for k, other in enumerate(truth.shown) if k > row and _lies_on(other, own, truth)]
    if not above:
        return None
    taken = int(rng.choice(above))
    return [*masks[:taken], *masks[taken + 1 :]]


_STAGED = {"merge": _merge, "cut": _cut, "edge": _edge, "rob": _rob}


def _deepest(mask: BoolMask) -> tuple[float, float]:
    away = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(away.argmax()), away.shape)
    return float(column) + 0.5, float(row) + 0.5


def _near_edge(mask: BoolMask, rng: Rng) -> tuple[float, float]:
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    row, column = rng.choice(np.argwhere(mask & ~inner))
    return float(column) + 0.5, float(row) + 0.5


def cases_of(seed: int, model: CompactModel) -> list[Case]:
    """Return the failed picks of one seed."""
    bench = Bench(seed, model)
    return [*at_work(bench, AT_WORK), *staged(bench, STAGED)]


def interval(right: Sequence[bool]) -> str:
    """Return the share with its 95% interval (Wilson 1927)."""
    n, z = len(right), 1.96
    share = float(np.mean(right))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return f"{100 * share:.1f}% ({100 * (middle - half):.1f} to {100 * (middle + half):.1f}) of {n}"


def main() -> None:
    torch.set_num_threads(1)
    began, model = time.monotonic(), factory_model()
    seeds = [int(word) for word in sys.argv[1:]] or SEEDS
    judged: list[tuple[int, Case, Diagnosis]] = []
    for seed in seeds:
        for case in cases_of(seed, model):
            found = diagnose(case.failed, case.signals, case.after, case.empty)
            judged.append((seed, case, found.diagnosis))
        print(f"seed {seed}: {time.monotonic() - began:.0f} s")
    for name, chosen in (
        ("at work", [j for j in judged if j[1].stage == "at work"]),
        ("staged", [j for j in judged if j[1].stage != "at work"]),
        ("all", judged),
    ):
        print(f"\n{name}: {interval([case.truth is found for _, case, found in chosen])} agree")
        for seed in seeds:
            mine = [case.truth is found for s, case, found in chosen if s == seed]
            print(f"  seed {seed}: {100 * np.mean(mine):.1f}% of {len(mine)}")
        table = Counter((case.truth, found) for _, case, found in chosen)
        print(
            f"  {'truth, then diagnosis':22}" + "".join(f"{d.name.lower():>16}" for d in Diagnosis)
        )
        for truth in Diagnosis:
            row = "".join(f"{table[truth, d]:16}" for d in Diagnosis)
            print(f"  {truth.value:22}{row}")


if __name__ == "__main__":
    main()
