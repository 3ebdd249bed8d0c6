"""Whether a suction cup finds a seat where it is put down, by depth alone."""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Depth
from januscl.triage.surfaces import measured

_STROKE = 0.011  # metres that bellows give along the axis
_RAYS = 24
_LEAN = np.radians(62)  # from the vertical, at most
_CLOUD = 6  # places from which a plane can be told

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Places:
    """Where the surface under each pixel is.

    Attributes:
        at: ``(H, W, 3)`` metres from the camera: right, down, away; NaN at holes in depth.
        focal: Of the camera, px.
    """

    at: Vector
    focal: float

    @classmethod
    def of_depth(cls, depth: Depth, field_of_view: float) -> Self:
        """Return the places under a depth map ``(H, W)`` that is this many degrees wide."""
        height, width = depth.shape
        focal = width / 2 / np.tan(np.radians(field_of_view / 2))
        metres = np.where(measured(depth), depth, np.nan).astype(np.float64)
        down, right = np.mgrid[:height, :width] + 0.5
        across, along = (right - width / 2) / focal, (down - height / 2) / focal
        return cls(np.dstack((across * metres, along * metres, metres)), float(focal))

    def under(self, point: tuple[float, float]) -> Vector:
        """Return the place ``(3,)`` under a point ``(x, y)`` px."""
        height, width = self.at.shape[:2]
        column, row = np.clip(np.floor(point), 0, (width - 1, height - 1)).astype(int)
        return np.asarray(self.at[row, column])


@dataclass(frozen=True)
class Seat:
    """How a cup would sit.

    Attributes:
        sealed: Share of its rim that would seal.
        within: Share of its rim that lies on the mask.
        upright: Cosine of its lean from the camera's axis.
    """

    sealed: float
    within: float
    upright: float


def seat_at(
    places: Places, stands: BoolMask, mask: BoolMask, point: tuple[float, float], cup: float
) -> Seat:
    """Return how a cup sits that is put on the plane of what a mask covers around a point.

    The rim seals where the surface lies within the bellows' stroke of its highest place, and not
    on the bin. Where the point has no depth it does not seal at all.

    Args:
        places: Of the frame.
        stands: ``(H, W)``, where anything stands in the bin.
        mask: ``(H, W)``.
        point: ``(x, y)`` px.
        cup: Radius, metres.
    """
    centre = places.under(point)
    if np.isnan(centre).any():
        return Seat(0.0, 0.0, 1.0)
    axis = _axis(places, mask, point, cup)
    side = np.cross(axis, (0.0, 1.0, 0.0) if abs(axis[1]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    round_ = np.outer(np.cos(angles), side) + np.outer(np.sin(angles), np.cross(axis, side))
    rim = centre + cup * round_
    height, width = mask.shape
    columns = np.clip(rim[:, 0] / rim[:, 2] * places.focal + width / 2, 0, width - 1).astype(int)
    rows = np.clip(rim[:, 1] / rim[:, 2] * places.focal + height / 2, 0, height - 1).astype(int)
    above = np.nan_to_num((places.at[rows, columns] - centre) @ axis, nan=-np.inf)
    sealed = (above >= above.max() - _STROKE) & stands[rows, columns] & np.isfinite(above)
    return Seat(float(sealed.mean()), float(mask[rows, columns].mean()), float(-axis[2]))


def deepest(mask: BoolMask) -> tuple[tuple[float, float], float]:
    """Return the point ``(x, y)`` px of a mask that is farthest from its outline, and how far."""
    away = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(int(away.argmax()), away.shape)
    return (float(column) + 0.5, float(row) + 0.5), float(away.max())


def _axis(places: Places, mask: BoolMask, point: tuple[float, float], cup: float) -> Vector:
    """Return the unit vector from the surface to the cup, no further from upright than it leans."""
    up = np.asarray((0.0, 0.0, -1.0))
    reach = max(int(1.4 * cup / places.under(point)[2] * places.focal), 2)
    column, row = np.floor(point).astype(int)
    window = (
        slice(max(row - reach, 0), row + reach + 1),
        slice(max(column - reach, 0), column + reach + 1),
    )
    around = places.at[window][mask[window]]
    around = around[np.isfinite(around).all(axis=1)]
    if len(around) < _CLOUD:
        return up
    _, _, axes = np.linalg.svd(around - around.mean(axis=0), full_matrices=False)
    normal = -axes[2] * np.sign(axes[2, 2] or 1.0)
    if -normal[2] >= np.cos(_LEAN):
        return np.asarray(normal)
    flat = normal * (1, 1, 0)
    return np.asarray(up * np.cos(_LEAN) + flat / np.linalg.norm(flat) * np.sin(_LEAN))
