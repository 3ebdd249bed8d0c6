"""From a pixel to a place: where a robot believes a surface to be, and which way it faces."""

import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Depth
from januscl.sim.camera import Camera
from januscl.sim.scene import BIN_HALF
from januscl.sim.suction import CUP_RADIUS

_RIM = 0.02  # metres beyond the wall at which the arm still goes, for what leans over it
_STEEPEST = np.cos(np.radians(62))  # the arm leans no further from the vertical

Vector = NDArray[np.float64]
Goal = tuple[Vector, Vector]


def pixel_of(point: tuple[float, float], size: int) -> tuple[int, int]:
    """Return the column and row of the pixel that covers a point, within a picture of this side."""
    column, row = np.clip(np.floor(point), 0, size - 1).astype(int)
    return int(column), int(row)


def aim(camera: Camera, depth: Depth, mask: BoolMask, point: tuple[float, float]) -> Goal | None:
    """Return the place ``(3,)`` and upward normal ``(3,)`` of the surface; None off the bin.

    Args:
        camera: Where the robot believes its camera to be.
        depth: ``(H, W) float32`` metres from the camera plane.
        mask: ``(H, W) bool``, what the robot takes for the package.
        point: ``(x, y)`` px, as `januscl.core.Pick` counts them.
    """
    size = depth.shape[0]
    column, row = pixel_of(point, size)
    far = float(depth[row, column])
    place = camera.to_world(np.asarray((point,), np.float64), np.asarray((far,)), size)[0]
    if np.abs(place[:2]).max() > BIN_HALF + _RIM:
        return None
    reach = max(int(CUP_RADIUS / far * size * 1.4), 2)
    rows, columns = np.mgrid[row - reach : row + reach + 1, column - reach : column + reach + 1]
    fits = (np.minimum(rows, columns) >= 0) & (np.maximum(rows, columns) < size)
    rows, columns = rows[fits], columns[fits]
    rows, columns = rows[mask[rows, columns]], columns[mask[rows, columns]]
    centres = np.column_stack((columns, rows)) + 0.5
    places = camera.to_world(centres, depth[rows, columns].astype(np.float64), size)
    return place, _normal(places)


def _normal(places: Vector) -> Vector:
    """Return the upward normal of the plane through places ``(N, 3)``, no steeper than the arm."""
    up = np.asarray((0.0, 0.0, 1.0))
    if len(places) < 6:
        return up
    _, _, axes = np.linalg.svd(places - places.mean(axis=0), full_matrices=False)
    normal = axes[2] * np.sign(axes[2, 2] or 1.0)
    if normal[2] < _STEEPEST:
        flat = normal * (1, 1, 0)
        normal = up * _STEEPEST + flat / np.linalg.norm(flat) * np.sqrt(1 - _STEEPEST**2)
    return np.asarray(normal)
