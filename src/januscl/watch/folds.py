"""A reference read against itself: each frame against the background of the others."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask
from januscl.watch.background import learn_background
from januscl.watch.dirt import lasting_loss, remember_patches
from januscl.watch.flicker import log_light
from januscl.watch.lately import KEPT, LIGHTS
from januscl.watch.place import Place
from januscl.watch.readings import Readings, read_frame, some_rows
from januscl.watch.view import View

_FOLDS = 5


def read_folds(
    views: Sequence[View],
    covered: Sequence[BoolMask],
    steady: bool,
    runs: Sequence[int] | None = None,
) -> list[Readings]:
    """Return the readings of n healthy frames of one camera, in their order.

    Args:
        views: The frames.
        covered: n masks ``(h, w)``, true where instances are.
        steady: False for a camera that moves.
        runs: Where the run of each starts, if bands and dirt show against the frames just before;
            against the background when omitted.
    """
    backgrounds = []
    for fold in range(_FOLDS):
        others = [i for i in range(len(views)) if i % _FOLDS != fold]
        background = learn_background(
            [views[i] for i in others], [covered[i] for i in others], steady
        )
        backgrounds.append((background, Place(background) if steady else None))
    lights = None if runs is None else _lights_before(views, runs)
    readings: list[Readings] = []
    for i, view in enumerate(views):
        background, place = backgrounds[i % _FOLDS]
        light = background.log_gray if lights is None else lights[i]
        before = some_rows(views[i - 1]) if i else None
        earlier = readings[i - KEPT] if runs is not None and i - KEPT >= runs[i] else None
        readings.append(read_frame(view, covered[i], background, place, before, light, earlier))
    return readings


def _lights_before(views: Sequence[View], runs: Sequence[int]) -> list[NDArray[np.float32] | None]:
    """Return the mean log light ``(h, w)`` of the frames before each; None where a run starts."""
    lights = [log_light(view.small) for view in views]
    return [
        np.mean(lights[max(begun, i - LIGHTS) : i], axis=0) if i > begun else None
        for i, begun in enumerate(runs)
    ]


def usual_loss(readings: Sequence[Readings], lasting: int) -> NDArray[np.float32]:
    """Return the loss of detail that each place often has while the lens is clean."""
    memory, losses = None, []
    for r in readings:
        memory = remember_patches(memory, r.patches, lasting)
        losses.append(lasting_loss(memory))
    return np.asarray(np.quantile(losses, 0.9, axis=0), np.float32)
