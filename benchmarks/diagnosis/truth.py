"""What really made a pick fail: by the renderer's id map, and by making the pick again."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from januscl.core import BoolMask, Depth, Instances, decode_mask
from januscl.sim import BASE_MIX, Scene, Truth
from januscl.sim.aim import aim
from januscl.sim.camera import Camera
from januscl.sim.pile import Pile
from januscl.sim.suction import lift, touch
from januscl.triage.diagnosis import Diagnosis
from januscl.triage.seat import deepest

MERGED_FROM = 0.2  # share of a mask that a second package holds
PART_FROM = 0.15  # share of a package that another instance holds beside a split one
GOOD_FROM = 0.7  # share of its package that a mask holds, and IoU with it
COVERED_FROM = 0.5  # share of a package that instances hold, else it is missed
LEAST_PIXELS = 60  # seen of a package, for it to be missed
_PURE = 0.65  # share of a mask that one package holds for the robot to mean that one
_AGAIN, _PLACEMENT = 3, 0.0015  # picks made again, and metres between where each goes
Rng = np.random.Generator


class Flaw(StrEnum):
    """What is wrong with a mask, whatever came of it."""

    NONE = "none"
    NOTHING = "nothing there"
    MERGED = "merged"
    SPLIT = "split"
    BOUNDARY = "boundary"


@dataclass(frozen=True)
class Cause:
    """The truth about a failed pick.

    Attributes:
        cause: What would have made it work, see `true_cause`.
        by_mask: What the mask alone is like, see `named_by_mask`.
    """

    cause: Diagnosis
    by_mask: Diagnosis


@dataclass(frozen=True, eq=False)
class Failure:
    """A failed pick as the simulator knows it.

    Attributes:
        scene: The bin before it.
        truth: Of the frame.
        seen: What the model saw.
        row: The instance that was tried.
        point: Where, px.
        came: Packages that came up.
    """

    scene: Scene
    truth: Truth
    seen: Instances
    row: int | None
    point: tuple[float, float] | None
    came: frozenset[int]

    @property
    def counts(self) -> np.ndarray:
        """Pixels of the tried mask on the bin and on each package, ``(N + 1,)``."""
        mask = decode_mask(self.seen.masks[self.row or 0])
        return np.bincount(self.truth.ids[mask], minlength=len(self.truth.kinds) + 1)

    @property
    def own(self) -> int:
        """The package that most of the tried mask lies on."""
        return int(self.counts[1:].argmax())

    @property
    def unseen(self) -> list[int]:
        """Packages that instances do not cover by half."""
        everything = np.zeros(self.truth.ids.shape, np.bool_)
        for row in np.flatnonzero(self.seen.scores >= 0.3):
            everything |= decode_mask(self.seen.masks[int(row)])
        pixels = self.truth.pixels
        held = np.bincount(self.truth.ids[everything], minlength=len(pixels) + 1)[1:]
        return [k for k, n in enumerate(pixels)
                if n >= LEAST_PIXELS and held[k] < COVERED_FROM * n]  # fmt: skip

    @property
    def in_the_way(self) -> list[int]:
        """Unseen packages that lie on the package, or came up with it."""
        beside = [k for k in self.unseen if k != self.own]
        return [k for k in beside if k in self.came or lies_on(k, self.own, self.truth)]

    def named(self, package: int, known: Diagnosis) -> Diagnosis:
        """Return this diagnosis, or that the package is of a kind that was not taught."""
        return known if self.truth.kinds[package] in BASE_MIX else Diagnosis.UNKNOWN_KIND


def cause_of(failure: Failure, rng: Rng) -> Cause:
    """Return the truth about a failed pick by both definitions."""
    if failure.row is None:
        unseen = failure.unseen
        largest = max(unseen, key=lambda k: failure.truth.pixels[k], default=None)
        cause = (
            Diagnosis.NOT_PERCEPTION
            if largest is None
            else failure.named(largest, Diagnosis.MISSED)
        )
        return Cause(cause, cause)
    flaw = flaw_of(failure)
    return Cause(true_cause(failure, flaw, rng), named_by_mask(failure, flaw))


def flaw_of(failure: Failure) -> Flaw:
    """Return what is wrong with the tried mask, by the renderer's id map.

    - half of the mask or more is no package: nothing there;
    - a second package holds 20% of the mask or more: merged;
    - the mask holds less than 70% of its package, and others 15% of it or more: split;
    - otherwise it holds less than 70%, or its IoU is below 0.7: boundary.
    """
    counts, own, pixels = failure.counts, failure.own, failure.truth.pixels
    area, on = int(counts.sum()), int(counts[1 + own])
    if counts[0] >= 0.5 * area:
        return Flaw.NOTHING
    if (np.sort(counts[1:])[:-1] >= MERGED_FROM * area).any():
        return Flaw.MERGED
    if on < GOOD_FROM * pixels[own]:
        parted = _held_by_others(failure) >= PART_FROM * pixels[own]
        return Flaw.SPLIT if parted else Flaw.BOUNDARY
    return Flaw.BOUNDARY if on / (area + pixels[own] - on) < GOOD_FROM else Flaw.NONE


def true_cause(failure: Failure, flaw: Flaw, rng: Rng) -> Diagnosis:
    """Return what would have made the pick work: the counterfactual.

    The pick is made again three times, each with its own small error of placement; it works when
    the package that was meant comes up alone, two times of three.

    - nothing there: boundary, as the truth would have sent no cup;
    - the mask has a flaw, it fails again, and on the package's true mask it works: the flaw (or
      unknown kind);
    - it fails again, but works without the unseen packages that lie on this one or came up too:
      missed (or unknown kind);
    - otherwise the mask is good, or the best mask would not have helped, or it was chance: not
      perception's fault.
    """
    if flaw is Flaw.NOTHING:
        return Diagnosis.BOUNDARY
    assert failure.row is not None
    own, point = failure.own, failure.point
    mask = decode_mask(failure.seen.masks[failure.row])
    meant = own if failure.counts[1 + own] >= _PURE * failure.counts.sum() else None
    if _works(failure, mask, point, meant, rng):
        return Diagnosis.NOT_PERCEPTION
    whole = failure.truth.ids == own + 1
    if flaw is not Flaw.NONE and _works(failure, whole, deepest(whole)[0], own, rng):
        return failure.named(own, Diagnosis(flaw.value))
    way = failure.in_the_way
    if way and _works(failure, mask, point, meant, rng, way):
        known = [k for k in way if failure.truth.kinds[k] in BASE_MIX]
        return Diagnosis.MISSED if len(known) == len(way) else Diagnosis.UNKNOWN_KIND
    return Diagnosis.NOT_PERCEPTION


def named_by_mask(failure: Failure, flaw: Flaw) -> Diagnosis:
    """Return the diagnosis by the mask alone, whether or not another would have helped.

    An unknown kind where its package was not taught; then the flaw; then missed, where an unseen
    package lies on this one or came up too; otherwise not perception's fault.
    """
    if flaw is Flaw.NOTHING:
        return Diagnosis.BOUNDARY
    if flaw is not Flaw.NONE:
        return failure.named(failure.own, Diagnosis(flaw.value))
    way = failure.in_the_way
    other = failure.named(way[0], Diagnosis.MISSED) if way else Diagnosis.NOT_PERCEPTION
    return failure.named(failure.own, other)


def lies_on(upper: int, lower: int, truth: Truth) -> bool:
    """Say whether one package touches another in the picture and is nearer there, by 4 mm."""
    wide = np.ones((7, 7), np.uint8)
    over, under = (truth.ids == k + 1 for k in (upper, lower))
    over_there = over & (cv2.dilate(under.astype(np.uint8), wide) > 0)
    under_there = under & (cv2.dilate(over.astype(np.uint8), wide) > 0)
    if over_there.sum() < 12 or not under_there.any():
        return False
    nearer = np.median(truth.depth[under_there]) - np.median(truth.depth[over_there])
    return bool(nearer > 0.004)


def _held_by_others(failure: Failure) -> int:
    """Return the pixels of the tried mask's package that other masks of it hold beside it."""
    ids, own = failure.truth.ids, failure.own
    mask = decode_mask(failure.seen.masks[failure.row or 0])
    rest = np.zeros(ids.shape, np.bool_)
    for other in np.flatnonzero(failure.seen.scores >= 0.3).tolist():
        theirs = decode_mask(failure.seen.masks[other])
        counts = np.bincount(ids[theirs], minlength=len(failure.truth.kinds) + 1)
        if other != failure.row and int(counts[1:].argmax()) == own:
            rest |= theirs & ~mask & (ids == own + 1)
    return int(rest.sum())


def _works(
    failure: Failure,
    mask: BoolMask,
    point: tuple[float, float] | None,
    meant: int | None,
    rng: Rng,
    without: Collection[int] = (),
) -> bool:
    """Say whether the pick brings up the package that was meant, and that alone, mostly."""
    if meant is None or point is None or not mask.any():
        return False
    worked = [
        _came_up(failure.scene, failure.truth.depth, mask, point, rng, without) == (meant,)
        for _ in range(_AGAIN)
    ]
    return 2 * sum(worked) > _AGAIN


def _came_up(
    scene: Scene,
    depth: Depth,
    mask: BoolMask,
    point: tuple[float, float],
    rng: Rng,
    without: Collection[int],
) -> tuple[int, ...]:
    kept = [k for k in range(len(scene.packages)) if k not in without]
    pile = Pile([scene.packages[k] for k in kept], scene.poses[kept], scene.look)
    pile.open_top()
    goal = aim(Camera.of_look(scene.look), depth, mask, point)
    if goal is None:
        return ()
    place, normal = goal
    place[:2] += rng.normal(0, _PLACEMENT, 2)
    return tuple(kept[k] for k in lift(pile, touch(pile, place, normal)))
