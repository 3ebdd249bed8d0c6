"""Cells and clips that the tests of watch look at."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from januscl.core import Depth, Frame, Image, Instances, Observation, new_id
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, Look, Pile, sensed
from januscl.sim.camera import Camera
from januscl.sim.eye import eye
from januscl.sim.truth import truth_of
from januscl.watch import UnexplainedForeground

VIDEOS = Path(__file__).parents[3] / "shared" / "data" / "desk_camera" / "videos"
START = datetime(2026, 1, 1, tzinfo=UTC)
LATE = tuple(k if isinstance(k, str) else k.name for k in LATE_KINDS)
ALL_KINDS = BASE_TAXONOMY
for late in LATE:
    ALL_KINDS = ALL_KINDS.with_kind(late)
LATE_MIX = {**BASE_MIX, **{name: sum(BASE_MIX.values()) / 4 for name in LATE}}
BAGS_MIX = {**BASE_MIX, "black polybag": sum(BASE_MIX.values())}
_numbers = count()


def observed(
    image: Image, seen: Instances | None = None, depth: Depth | None = None
) -> Observation:
    """Return an observation of a picture, taken a second after the one before."""
    number = next(_numbers)
    at = START + timedelta(seconds=number)
    frame = Frame(image, "camera", "robot", at, depth)
    entropy = number.to_bytes(10, "big")
    return Observation(new_id(at, entropy), frame, seen or Instances.empty(), "m")


class SimCell:
    """One simulated cell whose piles can be looked at again with a faulty camera."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rng = np.random.default_rng((seed, 9))
        self._look = Look().varied(self._rng)
        self._camera = Camera.of_look(self._look)

    def piles(self, number: int, mix: Mapping[str, float]) -> list[Pile]:
        """Return piles as picks shrink them: five looks at each, one package less each time."""
        piles: list[Pile] = []
        while len(piles) < number:
            pile = Pile.poured(mix, int(self._rng.integers(6, 11)), self._rng, self._look)
            for _ in range(5):
                piles.append(Pile(pile.packages, pile.poses, self._look))
                pile.take_out([int(self._rng.integers(len(pile.packages)))])
        return piles[:number]

    def watch(self, piles: list[Pile], fault: str = "", severity: float = 0.0) -> list[Observation]:
        """Return an observation of each pile, with the truth as its instances."""
        camera = self._camera
        lamp = 1 - severity if fault == "lamp_failed" else 1.0
        if fault == "camera_knocked":
            camera = camera.knocked(severity, np.random.default_rng(self._seed))
        faults = {fault: severity} if fault and fault != "frozen_frame" else {}
        observations: list[Observation] = []
        rng = np.random.default_rng([self._seed, len(piles), int(100 * severity), *fault.encode()])
        for pile in piles:
            shot = eye(192).shoot(pile, camera, lamp)
            image = sensed(shot.image, faults, rng, self._seed)
            if fault == "frozen_frame" and observations and rng.random() < severity:
                image = observations[-1].frame.image
            seen = truth_of(pile, camera, shot).instances(ALL_KINDS)
            observations.append(observed(image, seen, shot.depth))
        return observations


def missed(observation: Observation) -> Observation:
    """Return the observation of a model that does not see the late kinds."""
    seen = observation.instances
    frame = observation.frame
    return observed(frame.image, seen.only(seen.labels <= len(BASE_TAXONOMY)), frame.depth)


def clip(name: str, step: int, limit: int = 400) -> list[Image]:
    """Return every ``step``-th of the first ``limit`` pictures of a clip, RGB."""
    capture = cv2.VideoCapture(str(VIDEOS / f"{name}.avi"))
    images = []
    for number in range(limit):
        if not capture.grab():
            break
        if number % step == 0:
            images.append(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
    return images


def explained(foreground: UnexplainedForeground, observation: Observation) -> Observation:
    """Return the observation with the regions that no instance covers."""
    frame, seen = observation.frame, observation.instances
    regions = foreground.regions(frame, seen)
    whole = seen.with_unexplained(regions, np.zeros((len(regions), 0), np.float32))
    return replace(observation, instances=whole)
