"""Packages that fell into a bin and came to rest there."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.sim.gl import mujoco
from januscl.sim.kinds import draw_packages
from januscl.sim.packages import Package
from januscl.sim.scene import BIN_HALF, GUARD, TIMESTEP, Look, world_xml

_REST_SPEED, _REST_SPIN = 0.02, 0.25  # m/s and rad/s below which a pile counts as settled
_CHUNK = 20  # steps between two looks at the speeds


class Pile:
    """A bin of packages, settled; picks change it.

    Args:
        packages: What lies in it; package ``k`` is body ``k + 1`` of the model.
        poses: ``(N, 7)``: position in metres and quaternion w, x, y, z of each.
        look: The cell it stands in.

    Attributes:
        packages: As given, less what was taken.
        model, data: MuJoCo's.
        look: As given.
    """

    def __init__(self, packages: Sequence[Package], poses: NDArray[np.float64], look: Look) -> None:
        self.look = look
        self._build(tuple(packages), poses)

    @classmethod
    def poured(
        cls, mix: Mapping[str, float], count: int, rng: np.random.Generator, look: Look
    ) -> "Pile":
        """Return a pile of ``count`` packages drawn from ``mix`` that were dropped and settled.

        Raises:
            InvalidInput: The mix names an unknown kind, or has no positive weight.
        """
        packages = draw_packages(mix, count, rng)
        pile = cls(packages, falling(packages, rng), look)
        pile.settle(seconds=1.6)
        return pile

    def _build(self, packages: tuple[Package, ...], poses: NDArray[np.float64]) -> None:
        self.packages = packages
        self.model: Any = mujoco.MjModel.from_xml_string(world_xml(self.look, packages))
        self.data: Any = mujoco.MjData(self.model)
        self.data.qpos[:] = poses.ravel()
        mujoco.mj_forward(self.model, self.data)

    @property
    def poses(self) -> NDArray[np.float64]:
        """``(N, 7)``: position in metres and quaternion w, x, y, z of each package."""
        rows: NDArray[np.float64] = self.data.qpos.reshape(-1, 7).copy()
        return rows

    def step(self, count: int = 1) -> None:
        """Let ``count`` time steps of `TIMESTEP` seconds pass."""
        mujoco.mj_step(self.model, self.data, count)

    def settle(self, seconds: float) -> None:
        """Let time pass until nothing moves, or ``seconds`` at most; then all speeds are zero."""
        for _ in range(int(seconds / TIMESTEP / _CHUNK)):
            self.step(_CHUNK)
            speeds = np.abs(self.data.qvel.reshape(-1, 6))
            slow = speeds[:, :3].max(initial=0.0) < _REST_SPEED
            if slow and speeds[:, 3:].max(initial=0.0) < _REST_SPIN:
                break
        self.data.qvel[:] = 0
        self.data.qacc_warmstart[:] = 0
        mujoco.mj_forward(self.model, self.data)

    def open_top(self) -> None:
        """Take away the unseen walls that held the packages in while they were poured."""
        for number in range(4):
            geom = self.model.geom(f"{GUARD}{number}")
            geom.contype[:] = 0
            geom.conaffinity[:] = 0

    def take_out(self, taken: Sequence[int]) -> None:
        """Take packages away, by index, along with any that lie outside the bin."""
        poses = self.poses
        inside = (np.abs(poses[:, :2]) < BIN_HALF + 0.02).all(axis=1) & (poses[:, 2] > -0.02)
        kept = [k for k in range(len(self.packages)) if inside[k] and k not in set(taken)]
        if len(kept) < len(self.packages):
            self._build(tuple(self.packages[k] for k in kept), poses[kept])


def falling(packages: Sequence[Package], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return starting poses: one above the other without touching, flat but for a small tilt."""
    poses = np.zeros((len(packages), 7))
    height = 0.03
    for row, package in zip(poses, packages, strict=True):
        room = max(BIN_HALF - 0.9 * package.reach, 0.05)
        # Flat things need less height than their reach; a little overlap of spheres is safe.
        gap = 0.42 * package.reach
        height += gap
        row[:3] = (*rng.uniform(-room, room, 2), height)
        height += gap
        row[3:] = _tilted(rng, package.flat)
    return poses


def _tilted(rng: np.random.Generator, flat: bool) -> NDArray[np.float64]:
    """Return a quaternion: any heading, leaning a little, now and then on its side or its head."""
    yaw, tilt, way = rng.uniform(0, 2 * np.pi), abs(rng.normal(0, 0.12)), rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.15:
        tilt += np.pi * (1 if flat else rng.choice((0.5, 1)))
    spin = np.asarray((np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)))
    lean = np.asarray(
        (np.cos(tilt / 2), *(np.sin(tilt / 2) * np.asarray((np.cos(way), np.sin(way), 0))))
    )
    both = np.zeros(4)
    mujoco.mju_mulQuat(both, lean, spin)
    return both
