"""What a package is made of: rigid parts, seen by the camera, felt by the physics, or both."""

from collections.abc import Sequence
from dataclasses import dataclass

Triple = tuple[float, float, float]

LEAST_PIXELS = 25
"""Seen pixels of a thing from which it counts."""
LEAST_SHARE = 0.15
"""Share of what is seen of a thing alone from which it counts."""


@dataclass(frozen=True)
class Part:
    """One convex piece of a package, in the package's own frame.

    Attributes:
        shape: ``box``, ``cylinder``, ``ellipsoid`` or ``capsule``, as MuJoCo has them.
        size: Half sizes in metres, as MuJoCo orders them for the shape.
        rgb: Tint in 0..1; multiplies the surface's print.
        at: Centre in metres.
        turn: Euler angles x, y, z in degrees.
        surface: Name of a surface of `januscl.sim.textures`.
        alpha: 1 opaque, 0 clear.
        mass: Kilograms; a part without mass is seen but not felt by other packages.
    """

    shape: str
    size: Triple
    rgb: Triple
    at: Triple = (0.0, 0.0, 0.0)
    turn: Triple = (0.0, 0.0, 0.0)
    surface: str = "plain"
    alpha: float = 1.0
    mass: float = 0.0


@dataclass(frozen=True)
class Package:
    """One package.

    Attributes:
        kind: Name of its kind.
        parts: At least one of them has mass.
        reach: Radius in metres of a sphere around its origin that holds all parts.
        flat: Falls on a face; people lay such things down and seldom stand them on edge.
    """

    kind: str
    parts: tuple[Part, ...]
    reach: float
    flat: bool = False


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.5g}" for value in values)


def part_xml(part: Part) -> str:
    """Return the part as one MJCF ``geom``."""
    felt = f'mass="{part.mass:.5g}"' if part.mass else 'mass="0" contype="0" conaffinity="0"'
    return (
        f'<geom type="{part.shape}" size="{_numbers(part.size)}" pos="{_numbers(part.at)}" '
        f'euler="{_numbers(part.turn)}" material="{part.surface}" '
        f'rgba="{_numbers((*part.rgb, part.alpha))}" {felt}/>'
    )
