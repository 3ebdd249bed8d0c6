"""What one camera sees where nothing moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Instances
from januscl.watch.view import View

_SAMPLE = 1200
_BELOW_CEILING = 170
# The offset keeps sensor noise in black pixels from looking like large relative changes.
LOG = np.log(np.arange(256, dtype=np.float32) + 8)


@dataclass(frozen=True, eq=False)
class Background:
    """What one camera usually shows outside the instances, and where it can be relied on.

    All but `sample` and `colours` is of the size of `View.small`.

    Attributes:
        gray: ``(h, w) uint8``, the median of what was seen outside the instances.
        stable: ``(h, w) bool``, seen in most of the reference and hardly changing.
        edges: ``(h, w) float32``, gradient of the smoothed grey picture, levels to a px of
            `View.work`.
        energy: ``(h, w) float32``, the square gradient to expect: that of `edges`, or its mean
            over the single pictures where the camera moves.
        sample: ``(S, 2) int64``, rows and columns in `gray` of some stable places, spread evenly.
        colours: ``(S, 3) uint8`` RGB, the median colours there of single pixels of the picture.
    """

    gray: NDArray[np.uint8]
    stable: BoolMask
    edges: NDArray[np.float32]
    energy: NDArray[np.float32]
    sample: NDArray[np.int64]
    colours: NDArray[np.uint8]

    @cached_property
    def log_gray(self) -> NDArray[np.float32]:
        """Logarithm ``(h, w)`` of `gray`."""
        return np.asarray(LOG[self.gray])

    @cached_property
    def log_colours(self) -> NDArray[np.float32]:
        """Logarithm ``(S, 3)`` of `colours`."""
        return np.asarray(LOG[self.colours])

    @cached_property
    def sharp(self) -> BoolMask:
        """Where ``(h, w)`` the strongest tenth of the stable edges is."""
        return np.asarray(self.stable & (self.edges >= np.quantile(self.edges[self.stable], 0.9)))

    @cached_property
    def below_ceiling(self) -> BoolMask:
        """Where in the sample ``(S,)`` a brighter light would show in every channel."""
        return np.asarray(self.colours.max(axis=1) < _BELOW_CEILING)


def hidden_by(instances: Instances, height: int, width: int, margin: int = 3) -> BoolMask:
    """Return ``(H, W) bool``: the pixels of the instances that count, and a margin around them.

    Args:
        instances: Those scored under `HALFWAY_SURE` are left out, as they are often no package;
            but not what is unexplained, which stands there whatever it is.
        height: Rows of the frame.
        width: Its columns.
        margin: Pixels by which the union is dilated, for soft shadows and loose masks.
    """
    steps = np.zeros(height * width + 1, dtype=np.int32)
    for row in instances.counted().tolist():
        bounds = np.cumsum(instances.masks[row].counts)
        np.add.at(steps, bounds[0::2][: bounds[1::2].size], 1)
        np.add.at(steps, bounds[1::2], -1)
    union = (np.cumsum(steps[:-1]) > 0).reshape((height, width), order="F")
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), dtype=np.uint8)
    return np.asarray(cv2.dilate(union.astype(np.uint8), kernel), dtype=np.bool_)


def smooth_edges(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the gradient ``(h, w) float32`` of `View.small` smoothed by 2 px of `View.work`."""
    return gradient(cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.0))


def gradient(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the magnitude ``(h, w) float32`` of the gradient, in levels a px of `View.work`."""
    across = cv2.Sobel(small, cv2.CV_32F, 1, 0, scale=0.0625)
    down = cv2.Sobel(small, cv2.CV_32F, 0, 1, scale=0.0625)
    return np.asarray(cv2.magnitude(across, down))


def pixels_at(view: View, sample: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the colours ``(S, 3)`` of the pixels in the middle of places of `View.small`."""
    apart, width = 2 * view.step, view.image.shape[1]
    flat = (sample[:, 0] * apart + view.step) * width + sample[:, 1] * apart + view.step
    return np.asarray(view.image.reshape(-1, 3).take(flat, axis=0, mode="clip"))


def learn_background(
    views: Sequence[View], hidden: Sequence[BoolMask], steady: bool = True
) -> Background:
    """Learn the background from healthy pictures of one camera.

    Args:
        views: n pictures of one size.
        hidden: n masks ``(h, w)``, true where an instance is.
        steady: False for a camera that moves: nothing is stable then, and all that is usually
            visible is taken.
    """
    covered = np.stack(hidden)
    seen = (~covered).sum(axis=0)
    low, middle, high = _ranks(np.stack([v.small for v in views]), covered, (0.25, 0.5, 0.75))
    plain = np.median([v.small for v in views[:: max(1, len(views) // 9)]], axis=0)
    gray = np.where(seen > 0, middle, plain).astype(np.uint8)
    stable = (seen >= 0.4 * len(views)) & (high - low <= 5 + 0.06 * gray)
    # Beside a place that is not known, the smoothed gradients mean nothing.
    stable = cv2.erode(stable.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(np.bool_)
    if not steady or stable.mean() < 0.02:
        stable = seen >= 0.5 * seen.max()
    where = np.argwhere(stable)
    sample = where[np.linspace(0, len(where) - 1, min(_SAMPLE, len(where))).astype(np.int64)]
    at = covered[:, sample[:, 0], sample[:, 1]][:, :, None]
    colours = np.stack([pixels_at(view, sample) for view in views])
    (median,) = _ranks(colours, np.broadcast_to(at, colours.shape), (0.5,))
    edges = smooth_edges(gray)
    energy = edges**2 if steady else _energy(views, covered)
    return Background(gray, stable, edges, energy, sample, median.astype(np.uint8))


def _ranks(
    values: NDArray[np.uint8], covered: NDArray[np.bool_], shares: Sequence[float]
) -> list[NDArray[np.float32]]:
    """Return quantiles over the first axis of what is not covered; of all where all is."""
    nowhere = covered.all(axis=0)
    ordered = np.where(covered & ~nowhere, 65535, values.astype(np.uint16))
    ordered.sort(axis=0)
    last = np.where(nowhere, len(values), (~covered).sum(axis=0)) - 1
    return [
        np.take_along_axis(ordered, (last * q).astype(np.int64)[None], axis=0)[0].astype(np.float32)
        for q in shares
    ]


def _energy(views: Sequence[View], covered: NDArray[np.bool_]) -> NDArray[np.float32]:
    total = np.zeros(covered.shape[1:], dtype=np.float32)
    for view, hidden in zip(views, covered, strict=True):
        total += np.where(hidden, 0, smooth_edges(view.small) ** 2)
    mean: NDArray[np.float32] = total / np.maximum((~covered).sum(axis=0), 1).astype(np.float32)
    return mean
