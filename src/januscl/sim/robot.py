"""One pick robot: a camera over a bin, a suction cup, and what it does not tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from januscl.core import (
    Cell,
    Conflict,
    Frame,
    Instances,
    InvalidInput,
    Outcome,
    Rle,
    decode_mask,
)
from januscl.sim.aim import Goal, aim, pixel_of
from januscl.sim.camera import Camera
from januscl.sim.eye import Shot, eye
from januscl.sim.faults import check_fault, sensed
from januscl.sim.kinds import BASE_MIX, check_mix
from januscl.sim.packages import Package
from januscl.sim.pile import Pile
from januscl.sim.scene import Look
from januscl.sim.suction import lift, touch
from januscl.sim.truth import Scene, Truth

_LEAST_PURE = 0.65  # share of a mask that one package must hold for the mask to mean it
_PLACEMENT = 0.0015  # metres, standard deviation of where the cup ends up in x and y
START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Attempt:
    """What one attempt really was, for scoring; a robot at work does not know it.

    Attributes:
        outcome: As the robot reported it.
        target: Kind of the package that holds at least 65% of the mask's pixels; None when the
            mask is background or merges packages.
        pointed: Kind of the package that the point lies on in the picture; None for background.
        touched: Kinds that the cup sealed on.
        came_up: Kinds that came up.
        left: Kinds that lay in the bin before.
    """

    outcome: Outcome
    target: str | None
    pointed: str | None
    touched: tuple[str, ...]
    came_up: tuple[str, ...]
    left: tuple[str, ...]


class CellRobot:
    """A simulated `januscl.core.Robot`.

    Args:
        cell: Its place in the fleet.
        look: Its cell.
        seed: Of its piles, its sensor and its faults' marks.
        size: Side of its square pictures in px.
        clock: What time it is; a fixed start when omitted. Each frame is at least a second later
            than the one before.
        max_attempts_per_pile: After so many the bin is exchanged even if it is not empty.
        patience: So many failures in a row, and the bin goes to a person and is exchanged.
        packages: Fewest and most in a pile.

    Attributes:
        cell: As given.
        mix: Kind name to weight, of the piles to come.
        last_attempt: What the last attempt really was; None before the first.
    """

    def __init__(
        self,
        cell: Cell,
        look: Look,
        seed: int,
        size: int = 192,
        clock: Callable[[], datetime] | None = None,
        max_attempts_per_pile: int = 12,
        patience: int = 4,
        packages: tuple[int, int] = (6, 10),
    ) -> None:
        self.cell = cell
        self.mix: Mapping[str, float] = BASE_MIX
        self.last_attempt: Attempt | None = None
        self._look, self._seed, self._size = look, seed, size
        self._clock = clock or (lambda: START)
        self._limit, self._patience, self._packages = max_attempts_per_pile, patience, packages
        self._rng = np.random.default_rng((seed, 1))
        self._calibrated = Camera.of_look(look)
        self._faults: dict[str, float] = {}
        self._pile: Pile | None = None
        self._piles = self._attempts = self._failed = 0
        self._seen: tuple[Frame, Shot, Scene] | None = None

    @property
    def name(self) -> str:
        """Unique name in the fleet."""
        return self.cell.robot

    @property
    def remaining(self) -> int:
        """Packages left in the bin."""
        return len(self._pile.packages) if self._pile else 0

    @property
    def faults(self) -> Mapping[str, float]:
        """The camera's present faults: name to severity."""
        return dict(self._faults)

    def set_fault(self, name: str, severity: float) -> None:
        """Put a fault in, or change its severity; 0 takes it out.

        Raises:
            InvalidInput: There is no such fault, or the severity is not in 0..1.
        """
        check_fault(name, severity)
        self._faults.pop(name, None)
        if severity:
            self._faults[name] = severity

    def load(self, mix: Mapping[str, float], count: int, seed: int) -> None:
        """Exchange the bin for one with ``count`` packages drawn from ``mix``.

        Raises:
            InvalidInput: The mix names an unknown kind, or has no positive weight.
        """
        check_mix(mix)
        self._pile = Pile.poured(mix, count, np.random.default_rng((seed, 3)), self._look)
        self._pile.open_top()
        self._attempts = self._failed = 0

    def look(self) -> Frame:
        """Take a picture of the bin; an empty bin, or one tried too often, is exchanged first."""
        pile = self._ready()
        last = self._seen
        at = self._clock()
        if last is not None:
            at = max(at, last[0].at + timedelta(seconds=1))
        # Drawn even when healthy, so that a fault does not shift all later chance.
        stuck = self._rng.random() < self._faults.get("frozen_frame", 0.0)
        if stuck and last is not None:
            frame = Frame(last[0].image, last[0].camera, self.name, at, last[0].depth)
            self._seen = (frame, *last[1:])
            return frame
        camera = self._camera()
        shot = eye(self._size).shoot(pile, camera, 1.0 - self._faults.get("lamp_failed", 0.0))
        image = sensed(shot.image, self._faults, self._rng, self._seed)
        frame = Frame(image, self.cell.camera, self.name, at, shot.depth)
        scene = Scene(pile.packages, pile.poses, self._look, camera, self._size)
        self._seen = (frame, shot, scene)
        return frame

    @property
    def scene(self) -> Scene:
        """The bin as the last frame shows it.

        Raises:
            Conflict: No frame was taken yet.
        """
        return self._last()[2]

    def truth(self) -> Truth:
        """Return what is really in the last frame; raises `Conflict` when there is none."""
        return self.scene.truth()

    def attempt(
        self, instances: Instances, instance: int | None, point: tuple[float, float] | None
    ) -> Outcome:
        """Try to pick and say how it ended. **Moves (simulated) hardware.**

        The cup goes where the calibrated camera says that the point is; it seals and lifts by
        physics (`januscl.sim.suction`). What came up leaves the bin.

        Args:
            instances: What the model saw in the last frame.
            instance: The row to pick; None when there is nothing worth trying.
            point: ``(x, y)`` px in the last frame; None with no instance.

        Raises:
            Conflict: A point was given before any frame was taken.
            InvalidInput: There is no such instance, or the point is not a number.
        """
        self._attempts += 1
        pile = self._ready(exchange=False)
        left = tuple(package.kind for package in pile.packages)
        if instance is None or point is None:
            self._failed += 1
            self.last_attempt = Attempt(Outcome.INFEASIBLE, None, None, (), (), left)
            return Outcome.INFEASIBLE
        _check_choice(instances, instance, point)
        target = self._owner(instances, instance)
        goal = self._goal(instances.masks[instance], point)
        holds = touch(pile, *goal) if goal is not None else ()
        came = lift(pile, holds)
        up = tuple(pile.packages[k] for k in came)
        outcome = _outcome(goal is not None, bool(holds), up, target)
        self._failed = self._failed + 1 if outcome.failed else 0
        self.last_attempt = Attempt(
            outcome,
            target.kind if target else None,
            self._pointed(point),
            tuple(pile.packages[hold.package].kind for hold in holds),
            tuple(package.kind for package in up),
            left,
        )
        if holds:
            pile.take_out(came)
            pile.settle(seconds=0.8)
            pile.take_out(())
            pile.open_top()
        return outcome

    def _ready(self, exchange: bool = True) -> Pile:
        pile = self._pile
        used_up = self._attempts >= self._limit or self._failed >= self._patience
        if pile is None or (exchange and (used_up or not pile.packages)):
            self._piles += 1
            rng = np.random.default_rng((self._seed, 2, self._piles))
            count = int(rng.integers(self._packages[0], self._packages[1] + 1))
            pile = Pile.poured(self.mix, count, rng, self._look)
            pile.open_top()
            self._pile = pile
            self._attempts = self._failed = 0
        return pile

    def _last(self) -> tuple[Frame, Shot, Scene]:
        if self._seen is None:
            raise Conflict(f"robot {self.name} has taken no frame yet; call look() first")
        return self._seen

    def _camera(self) -> Camera:
        severity = self._faults.get("camera_knocked", 0.0)
        if not severity:
            return self._calibrated
        return self._calibrated.knocked(severity, np.random.default_rng((self._seed, 4)))

    def _goal(self, mask: Rle, point: tuple[float, float]) -> Goal | None:
        """Return where the cup ends up, which is not quite where it was sent."""
        goal = aim(self._calibrated, self._last()[1].depth, decode_mask(mask), point)
        if goal is None:
            return None
        place, normal = goal
        place[:2] += self._rng.normal(0, _PLACEMENT, 2)
        return place, normal

    def _owner(self, instances: Instances, instance: int) -> Package | None:
        """Return the package that the mask is a mask of; None for background or a mixture."""
        _, shot, scene = self._last()
        counts = np.bincount(shot.ids[decode_mask(instances.masks[instance])], minlength=1)
        best = int(counts.argmax())
        pure = best > 0 and counts[best] >= _LEAST_PURE * counts.sum()
        return scene.packages[best - 1] if pure else None

    def _pointed(self, point: tuple[float, float]) -> str | None:
        _, shot, scene = self._last()
        column, row = pixel_of(point, self._size)
        number = int(shot.ids[row, column])
        return scene.packages[number - 1].kind if number else None


def _check_choice(instances: Instances, instance: int, point: tuple[float, float]) -> None:
    if not 0 <= instance < len(instances):
        raise InvalidInput(
            "attempt", f"an instance in 0..{len(instances) - 1}", f"{instance}",
            "Give the row of the instance to pick.",
        )  # fmt: skip
    if not np.isfinite(point).all():
        raise InvalidInput("attempt", "a finite point", f"{point}", "Give x, y in px.")


def _outcome(
    went: bool, sealed: bool, came_up: tuple[Package, ...], target: Package | None
) -> Outcome:
    if not went:
        return Outcome.INFEASIBLE
    if not came_up:
        return Outcome.DROPPED if sealed else Outcome.MISSED
    if len(came_up) > 1:
        return Outcome.MULTI_PICK
    return Outcome.PICKED if came_up[0] is target else Outcome.WRONG_PICK
