"""Each camera's empty bin, and what stands in it that a model did not see."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from januscl.core import UNEXPLAINED, Depth, Image, Observation, Rle
from januscl.line.watching.trying import Tried
from januscl.watch import UnexplainedForeground

Describe = Callable[[str, Image, Sequence[Rle]], NDArray[np.float32]]


class Bins:
    """Finds what stands out of each camera's empty bin and is in no instance.

    Args:
        describe: Returns a model's embeddings ``(N, D)`` of regions of a picture, given the
            model's id; without it nothing is looked for.
        tried: Tells what could not be read.
    """

    def __init__(self, describe: Describe | None, tried: Tried) -> None:
        self._describe, self._tried = describe, tried
        self._foreground: dict[str, UnexplainedForeground] = {}

    def learn(self, camera: str, reference: Sequence[Observation]) -> None:
        """Learn a camera's empty bin, where its healthy frames have depth."""
        if self._describe is None or all(o.frame.depth is None for o in reference):
            return
        foreground = self._tried(
            "empty bin", lambda _: UnexplainedForeground().fit(reference), reference[-1]
        )
        if foreground is not None:
            self._foreground[camera] = foreground

    def empty(self, camera: str) -> Depth | None:
        """Return a camera's empty bin ``(H, W) float32`` metres; None where it is not known."""
        foreground = self._foreground.get(camera)
        return None if foreground is None else foreground.empty

    def explained(self, observation: Observation) -> Observation:
        """Return the observation with what stands out of the bin and the model did not see."""
        return self._tried("depth", self._with_described, observation) or observation

    def outlined(self, observation: Observation) -> Observation:
        """Return the same, but without any embeddings, which no camera's health needs."""
        return self._tried("depth", self._with_regions, observation) or observation

    def _with_described(self, observation: Observation) -> Observation:
        frame, seen = observation.frame, observation.instances
        watcher = self._foreground.get(frame.camera)
        if UNEXPLAINED in seen.labels or watcher is None or self._describe is None:
            return observation
        regions = watcher.regions(frame, seen)
        if not regions:
            return observation
        embeddings = self._describe(observation.model, frame.image, regions)
        return replace(observation, instances=seen.with_unexplained(regions, embeddings))

    def _with_regions(self, observation: Observation) -> Observation:
        frame, seen = observation.frame, observation.instances
        watcher = self._foreground.get(frame.camera)
        if watcher is None:
            return observation
        regions = watcher.regions(frame, seen)
        nameless = np.zeros((len(regions), 0), np.float32)
        seen = replace(seen, embeddings=None).with_unexplained(regions, nameless)
        return replace(observation, instances=seen)
