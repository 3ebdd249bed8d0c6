"""Where a lens is dirty: detail that is missing at a place, and goes on missing."""

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask
from januscl.watch.background import Background
from januscl.watch.view import View

LEAST_LOSS = 0.2
"""Share of the detail of a place that is missing where a lens counts as dirty."""

LASTING_MOVED = 5
"""Readings over which dirt has to stay before a camera that moves, whose scene does not."""

_DETAIL = 1.0  # mean square gradient of the background below which no detail can be missed
_SUSPECT = 0.15  # share of a lens
_VEIL = 2.0  # times the light it takes: the share of a lens that dark dirt covers
_HAZE = 3.0  # the same before a camera that moves, of dirt that may be thin
_SHADE = 0.3  # share of the places; where more are dim, it is the light and no dirt
_DIM = 0.1
_BESIDE = 5  # px of `View.small` by which what was seen before may have moved besides
_UNSEEN = -9.0  # log light, less than any


def patches_of(
    view: View, soft: NDArray[np.float32], valid: BoolMask, background: Background
) -> tuple[NDArray[np.float32], int]:
    """Return the share of the edges' strength that is missing at each place, and their distance.

    What dirt covers is out of focus however near it lies. Packages add edges of their own, and a
    shadow that dims what is there is divided out. Where the background is plain, the light that is
    missing tells how much of the lens is covered, unless much of the picture is dim.

    Args:
        view: The frame.
        soft: ``(h, w)``, its `smooth_edges`.
        valid: ``(h, w)``, where the background shows.
        background: What the camera should see.

    Returns:
        ``(rows, columns) float32`` up to 1, infinite where nothing can be said; and the px of
        the picture between two places.
    """
    apart = _apart(view)
    seen = valid.astype(np.float32)
    ought = seen * background.energy
    planes = cv2.merge((seen, seen * soft * soft, ought, ought * view.small))
    weight, now, energy, light = cv2.split(_around(planes, apart))
    planes = cv2.merge((ought * background.gray, seen * view.small, seen * background.gray))
    usual, level, level_usual = cv2.split(_around(planes, apart))
    # The light is taken at the edges themselves, as a shadow may lie on them alone.
    dimmed = (light + 8 * energy + 1e-3) / (usual + 8 * energy + 1e-3)
    clear = np.sqrt((now + 1e-3) / (energy + 1e-3)) / dimmed
    shown = weight >= 0.6
    detailed = shown & (energy >= _DETAIL * weight)
    clear /= _middle_of(clear[detailed])
    dim = (level + 8 * weight + 1e-3) / (level_usual + 8 * weight + 1e-3)
    dim = 1 - dim / _middle_of(dim[shown])
    # Where there is no detail to miss, dirt shows by the light that it takes.
    if np.count_nonzero(dim[shown] >= _DIM) > _SHADE * np.count_nonzero(shown):
        dim.fill(0)
    loss = np.where(detailed, 1 - clear, np.minimum(_VEIL * dim, 1))
    return np.where(shown, loss, np.inf).astype(np.float32), 2 * view.step * apart


def darkened(
    view: View, light: NDArray[np.float32], valid: BoolMask, earlier: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], int]:
    """Return the share of the lens that dark dirt covers anew at each place, as `patches_of` does.

    For a camera that moves, whose scene has no place: dirt makes a place darker than all that was
    around it some frames before, and a scene that moves on does not. Bright dirt is not told.

    Args:
        view: The frame.
        light: ``(h, w)``, its `log_light`.
        valid: ``(h, w)``, where the background shows.
        earlier: ``(h, w)``, of `darkest_before` in an earlier frame; None where there is none, and
            so nothing is missing.
    """
    apart = _apart(view)
    if earlier is None:
        shape = [max(1, n // apart) for n in light.shape]
        return np.zeros(shape, np.float32), 2 * view.step * apart
    known = valid & np.isfinite(earlier)
    around = np.ones((2 * _BESIDE + 1, 2 * _BESIDE + 1), np.uint8)
    # What comes in from beyond the picture may be as dark as it likes.
    darkest = cv2.erode(
        np.where(known, earlier, _UNSEEN).astype(np.float32), around,
        borderType=cv2.BORDER_CONSTANT, borderValue=_UNSEEN,
    )  # fmt: skip
    told = darkest > _UNSEEN
    fell = float(np.log(_middle_of(np.exp((light - earlier)[known]))))
    dark = np.where(told, np.maximum(darkest + fell - light, 0), 0).astype(np.float32)
    fallen, weight = cv2.split(_around(cv2.merge((dark, told.astype(np.float32))), apart))
    loss = np.minimum(_HAZE * (1 - np.exp(-fallen / np.maximum(weight, 0.1))), 1)
    return np.where(weight >= 0.6, loss, np.inf).astype(np.float32), 2 * view.step * apart


def is_darkened(patches: NDArray[np.float32]) -> bool:
    """Say whether a place lacks so much in one frame that dirt may have come."""
    return bool((np.isfinite(patches) & (patches >= _SUSPECT)).any())


def _apart(view: View) -> int:
    return max(3, int(min(view.small.shape)) // 24)


def _middle_of(values: NDArray[np.float32]) -> float:
    """Return the median, faster than `np.median`; 1 of nothing."""
    middle = values.size // 2
    return max(float(np.partition(values, middle)[middle]), 1e-3) if values.size else 1.0


def _around(planes: NDArray[np.float32], apart: int) -> NDArray[np.float32]:
    rows, columns = (max(1, n // apart) for n in planes.shape[:2])
    whole = planes[: rows * apart, : columns * apart]
    cells = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(cells, (3, 3)))


def remember_patches(
    memory: NDArray[np.float32] | None, patches: NDArray[np.float32], lasting: int
) -> NDArray[np.float32]:
    """Return the last readings of each place that could be told, ``(lasting, rows, columns)``.

    Args:
        memory: What this returned before; None at first.
        patches: Of `patches_of` of the new frame.
        lasting: Readings of a place over which dirt has to stay.
    """
    if memory is None:
        memory = np.full((lasting, *patches.shape), np.inf, dtype=np.float32)
    pushed = np.concatenate([patches[None], memory[:-1]])
    return np.where(np.isfinite(patches), pushed, memory)


def lasting_loss(memory: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the loss of detail that stays at each place, ``(rows, columns)`` in 0..1.

    A package that the model missed, or a shadow, hides detail as dirt does, but goes with its
    pile. Of the last readings of each place the 20th percentile counts; 0 where too little was
    told.

    Args:
        memory: Of `remember_patches`.
    """
    rank = int(0.2 * len(memory))
    ranked = np.partition(memory, rank, axis=0)[rank]
    # The last place fills last.
    return np.maximum(np.where(np.isfinite(memory[-1]), ranked, 0), 0)


def readings_since(memory: NDArray[np.float32], place: tuple[int, int], loss: float) -> int:
    """Return how many of a place's last readings lost at least so much, one in five forgiven.

    Args:
        memory: Of `remember_patches`.
        place: Row and column.
        loss: In 0..1.
    """
    lost = memory[:, place[0], place[1]] >= loss
    lost &= np.isfinite(memory[:, place[0], place[1]])
    shares = np.cumsum(lost) / np.arange(1, len(lost) + 1)
    enough = np.flatnonzero(lost & (shares >= 0.8))
    return int(enough[-1]) + 1 if enough.size else 0
