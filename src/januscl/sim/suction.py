"""One suction cup: what it touches, and what it can lift.

The cup is a ring of rays. It seals where the surface lies within the bellows' stroke of the first
contact; a seal pulls with the vacuum's force on the sealed share of the ring, as a spring of
limited force and moment (the limits of a cup follow Mantriota, "Theoretical model of the grasp
with vacuum gripper", Mechanism and Machine Theory 42, 2007: holding force F, peeling moment about
F times half the radius, here with the stiffness of bellows).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.sim.gl import mujoco
from januscl.sim.pile import Pile
from januscl.sim.scene import TIMESTEP

CUP_RADIUS = 0.016  # metres
_STROKE = 0.011  # metres that the bellows give along the axis
_RAYS = 12
_ABOVE, _BELOW = 0.08, 0.03  # metres of travel before and beyond the expected surface
_LEAST_SEALED = 0.74  # share of the ring below which the vacuum does not build up
_FORCE = 26.0  # N at a whole seal
_MOMENT = 0.38  # Nm at a whole seal
_STIFF, _TURN_STIFF = 600.0, 0.45  # N/m and Nm/rad
_LIFT, _LIFT_SECONDS = 0.32, 0.65
_CAME_UP = 0.6  # share of the lift that a package must have risen
_UP = np.asarray((0.0, 0.0, 1.0))
_SEEN_GROUPS = np.asarray((1, 1, 1, 0, 0, 0), np.uint8)

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hold:
    """The part of a seal that is on one package.

    Attributes:
        package: Index in the pile.
        at: ``(3,)`` where it pulls, metres in the world.
        share: Of the ring, 0..1.
    """

    package: int
    at: Vector
    share: float


def touch(pile: Pile, target: Vector, axis: Vector) -> tuple[Hold, ...]:
    """Return what the cup holds when it comes down on ``target``; nothing when it does not seal.

    Args:
        pile: What lies in the bin.
        target: ``(3,)`` where the robot expects the surface, metres in the world.
        axis: ``(3,)`` unit vector from the surface to the cup.
    """
    side = np.cross(axis, (0.0, 1.0, 0.0) if abs(axis[1]) < 0.9 else (1.0, 0.0, 0.0))
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    angles = np.linspace(0, 2 * np.pi, _RAYS, endpoint=False)
    ring = CUP_RADIUS * (np.outer(np.cos(angles), side) + np.outer(np.sin(angles), other))
    starts = target + _ABOVE * axis + ring
    far = np.zeros(_RAYS)
    bodies = np.zeros(_RAYS, np.int64)
    geom = np.zeros(1, np.int32)
    for k, start in enumerate(starts):
        far[k] = mujoco.mj_ray(pile.model, pile.data, start, -axis, _SEEN_GROUPS, 1, -1, geom, None)
        bodies[k] = pile.model.geom_bodyid[geom[0]] if geom[0] >= 0 else 0
    far[far < 0] = np.inf
    if far.min() > _ABOVE + _BELOW:
        return ()
    sealed = far - far.min() <= _STROKE
    # A cup that sits on the bin as well leaks there: what it holds cannot move with it.
    sealed &= bodies > 0
    if sealed.mean() < _LEAST_SEALED:
        return ()
    places = starts - far[:, None].clip(max=1.0) * axis
    return tuple(
        Hold(int(body) - 1, places[here].mean(axis=0), float(here.mean()))
        for body in np.unique(bodies[sealed])
        if (here := sealed & (bodies == body)).sum() >= 2
    )


def lift(pile: Pile, holds: tuple[Hold, ...]) -> tuple[int, ...]:
    """Lift what the cup holds, in place, and return the packages that came up with it.

    A hold ends when the pull or the moment on it exceeds what its share of the seal can bear;
    what else lies on a lifted package comes up too, if it does not slide off.
    """
    if not holds:
        return ()
    start = pile.poses[:, 2]
    bound = [_Bond(pile, hold) for hold in holds]
    steps = int(_LIFT_SECONDS / TIMESTEP)
    for number in range(steps + 10):
        t = min((number + 1) / steps, 1.0)
        height = _LIFT * t * t * (3 - 2 * t)
        speed = _LIFT * 6 * t * (1 - t) / _LIFT_SECONDS
        bound = [bond for bond in bound if bond.pull(height, speed)]
        if not bound:
            break
        pile.step()
    pile.data.xfrc_applied[:] = 0
    risen = pile.poses[:, 2] - start > _CAME_UP * _LIFT
    return tuple(int(k) for k in np.flatnonzero(risen)) if bound else ()


class _Bond:
    """A spring between the cup and one package, with damping below critical."""

    def __init__(self, pile: Pile, hold: Hold) -> None:
        self._data = pile.data
        self._body = hold.package + 1
        self._share = hold.share
        self._anchor = hold.at
        self._rotation = pile.data.xmat[self._body].reshape(3, 3).copy()
        self._lever = self._rotation.T @ (hold.at - pile.data.xpos[self._body])
        self._mass = float(pile.model.body_mass[self._body])
        self._inertia = pile.model.body_inertia[self._body].copy()

    def pull(self, height: float, speed: float) -> bool:
        """Apply the force for the next step; False, and no force, once the seal has broken."""
        data, body = self._data, self._body
        rotation = data.xmat[body].reshape(3, 3)
        arm = rotation @ self._lever
        row = 6 * (body - 1)
        spin = rotation @ data.qvel[row + 3 : row + 6]
        velocity = data.qvel[row : row + 3] + _cross(spin, arm) - speed * _UP
        stretch = self._anchor + height * _UP - data.xpos[body] - arm
        force = _STIFF * stretch - 1.4 * np.sqrt(_STIFF * self._mass) * velocity
        turn = self._rotation @ rotation.T
        twist = np.asarray((turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0],
                            turn[1, 0] - turn[0, 1])) / 2  # fmt: skip
        principal = data.ximat[body].reshape(3, 3)
        damping = 1.4 * np.sqrt(_TURN_STIFF * self._inertia) * (principal.T @ spin)
        moment = _TURN_STIFF * twist - principal @ damping
        holds = bool(
            np.linalg.norm(force) <= _FORCE * self._share
            and np.linalg.norm(moment) <= _MOMENT * self._share
        )
        applied = data.xfrc_applied[body]
        applied[:3] = force if holds else 0
        # The force acts at the cup; MuJoCo wants it at the centre of mass.
        reach = data.xpos[body] + arm - data.xipos[body]
        applied[3:] = moment + _cross(reach, force) if holds else 0
        return holds


def _cross(a: Vector, b: Vector) -> Vector:
    """Return ``a x b`` of two ``(3,)``: as `numpy.cross`, which takes a tenth of a pick for it."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx))
