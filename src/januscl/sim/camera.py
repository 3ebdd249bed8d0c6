"""Where a camera stands, and how its pixels map to the world and back.

World frame as in `januscl.sim.scene`; points ``(x, y)`` in px as `januscl.core.Pick` counts them,
from the upper left corner of the picture, so that pixel (0, 0) has its centre at (0.5, 0.5).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.sim.scene import Look

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera with a square picture.

    Attributes:
        at: ``(3,)`` position in metres.
        axes: ``(3, 3)``, columns: the picture's right, its up, and backwards out of the scene.
        field_of_view: In degrees.
    """

    at: Vector
    axes: Vector
    field_of_view: float

    @classmethod
    def of_look(cls, look: Look) -> "Camera":
        """Return the camera of a cell as it was mounted, looking at the middle of the bin."""
        at = np.asarray((look.camera_side, -look.camera_back, look.camera_height))
        return cls(at, _facing(at, np.asarray((0.0, 0.0, 0.02))), look.field_of_view)

    def knocked(self, severity: float, rng: np.random.Generator) -> "Camera":
        """Return the camera after a knock: moved by up to 6 cm and turned by up to 7 degrees."""
        way = rng.normal(size=3) * (1, 1, 0.3)
        axis = rng.normal(size=3)
        angle = np.radians(7.0) * severity
        axis *= angle / np.linalg.norm(axis)
        moved = self.at + 0.06 * severity * way / np.linalg.norm(way)
        return Camera(moved, _turn(axis) @ self.axes, self.field_of_view)

    def _focal(self, size: int) -> float:
        return float(size / 2 / np.tan(np.radians(self.field_of_view) / 2))

    def to_world(self, x_y: Vector, depth: Vector, size: int) -> Vector:
        """Return the places ``(N, 3)`` seen at points ``(N, 2)`` with depths ``(N,)`` in metres."""
        plane = (x_y - size / 2) / self._focal(size) * (1, -1)
        local = np.column_stack((plane, -np.ones(len(plane)))) * depth[:, None]
        world: Vector = self.at + local @ self.axes.T
        return world

    def to_pixels(self, places: Vector, size: int) -> Vector:
        """Return the points ``(N, 2)`` at which places ``(N, 3)`` in front of it are seen."""
        local = (places - self.at) @ self.axes
        plane: Vector = local[:, :2] / -local[:, 2:] * (1, -1) * self._focal(size) + size / 2
        return plane


def _facing(at: Vector, target: Vector) -> Vector:
    back = (at - target) / np.linalg.norm(at - target)
    right = np.cross((0.0, 1.0, 0.0), back)
    right /= np.linalg.norm(right)
    return np.column_stack((right, np.cross(back, right), back))


def _turn(rotation: Vector) -> Vector:
    """Return the matrix of a rotation vector (Rodrigues)."""
    angle = float(np.linalg.norm(rotation))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = rotation / angle
    cross = np.asarray(((0, -z, y), (z, 0, -x), (-y, x, 0)))
    turned: Vector = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turned
