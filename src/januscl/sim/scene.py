"""The pick cell as it is built: belt, bin, lamp, and the packages in it, as one MJCF text.

World frame: metres, z up, origin at the middle of the bin's floor; x to the right of the picture,
y to its upper edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from januscl.sim.packages import Package, Triple, part_xml
from januscl.sim.textures import surfaces

BIN_HALF = 0.235  # inner half width of the square bin, m
BIN_HEIGHT = 0.10
_WALL = 0.008
NEAR, FAR = 0.05, 4.0  # metres from the camera between which things are drawn
TIMESTEP = 0.005  # seconds; the stiffest contact needs two steps within 0.02 s
GUARD = "guard"  # name prefix of the unseen walls that hold packages in while they are poured


@dataclass(frozen=True)
class Look:
    """How a cell looks to its camera. Colours in 0..1, lengths in metres.

    Attributes:
        belt, bin, floor: Tints of the belt, the bin's walls and the bin's floor.
        lamp: Brightness of the one lamp.
        ambient: Brightness of the light that comes from everywhere.
        lamp_at: Where the lamp hangs.
        camera_height: Above the bin's floor.
        camera_back: How far the camera stands towards the picture's lower edge.
        camera_side: How far it stands to the right.
        field_of_view: Of the picture, in degrees.
    """

    belt: Triple = (0.42, 0.45, 0.48)
    bin: Triple = (0.20, 0.33, 0.52)
    floor: Triple = (0.46, 0.50, 0.55)
    lamp: float = 0.72
    ambient: float = 0.30
    lamp_at: Triple = (0.25, 0.35, 1.3)
    camera_height: float = 0.95
    camera_back: float = 0.10
    camera_side: float = 0.0
    field_of_view: float = 40.0

    def varied(self, rng: np.random.Generator) -> "Look":
        """Return this look with the small differences that one cell has from the next."""

        def tinted(rgb: Triple) -> Triple:
            r, g, b = np.clip(np.asarray(rgb) * rng.normal(1, 0.05) + rng.normal(0, 0.015, 3), 0, 1)
            return float(r), float(g), float(b)

        x, y, z = np.asarray(self.lamp_at) + rng.normal(0, 0.06, 3)
        return replace(
            self,
            belt=tinted(self.belt),
            bin=tinted(self.bin),
            floor=tinted(self.floor),
            lamp=self.lamp * float(rng.normal(1, 0.04)),
            ambient=self.ambient * float(rng.normal(1, 0.04)),
            lamp_at=(float(x), float(y), float(z)),
            camera_height=self.camera_height + float(rng.normal(0, 0.008)),
            camera_back=self.camera_back + float(rng.normal(0, 0.012)),
            camera_side=self.camera_side + float(rng.normal(0, 0.012)),
        )


@lru_cache(maxsize=1)
def _materials() -> str:
    # The order must be that of `surfaces`: the GL context knows prints by the material's number.
    return "".join(
        f'<material name="{s.name}" specular="{s.specular}" shininess="{s.shininess}" '
        f'emission="{s.emission}"/>'
        for s in surfaces()
    )


def _box(size: Triple, at: Triple, look: str) -> str:
    return (
        f'<geom type="box" size="{size[0]} {size[1]} {size[2]}" pos="{at[0]} {at[1]} {at[2]}" '
        f"{look}/>"
    )


def _rgb(rgb: Triple) -> str:
    return f'rgba="{rgb[0]:.4f} {rgb[1]:.4f} {rgb[2]:.4f} 1"'


def _cell(look: Look) -> str:
    outer, half = BIN_HALF + 2 * _WALL, BIN_HEIGHT / 2
    middle = BIN_HALF + _WALL
    wall = f'material="plain" {_rgb(look.bin)}'
    rim = f'material="metal" {_rgb(tuple(min(1.0, c * 1.5) for c in look.bin))}'  # type: ignore[arg-type]
    dark = f'material="plain" {_rgb((0.13, 0.13, 0.14))}'
    unseen = f'group="3" name="{GUARD}%d" friction="0.05 0.005 0.0001"'
    parts = [
        '<geom type="box" size="0.62 0.75 0.05" pos="0 0 -0.06" material="belt" '
        f"{_rgb(look.belt)}/>",
        f'<geom type="box" size="{BIN_HALF} {BIN_HALF} 0.05" pos="0 0 -0.05" material="mesh" '
        f"{_rgb(look.floor)}/>",
    ]
    for k, (x, y) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1))):
        size = (_WALL, outer, half) if x else (outer, _WALL, half)
        at = (x * middle, y * middle, half)
        parts.append(_box(size, at, wall))
        lip = (size[0] + 0.004 * abs(x), size[1] + 0.004 * abs(y), 0.004)
        parts.append(_box(lip, (at[0], at[1], BIN_HEIGHT), rim))
        tall = (0.05 if x else outer, 0.05 if y else outer, 0.5)
        stand = BIN_HALF + 0.05
        parts.append(_box(tall, (x * stand, y * stand, 0.6), unseen % k))
    # The belt's side rails: part of the surround that a healthy camera always sees.
    parts += [_box((0.02, 0.75, 0.03), (side * 0.335, 0, 0.0), dark) for side in (-1, 1)]
    return "".join(parts)


def world_xml(look: Look, packages: Sequence[Package]) -> str:
    """Return the MJCF of the cell with these packages, body ``k + 1`` being package ``k``."""
    x, y, z = look.lamp_at
    bodies = "".join(
        f'<body><joint type="free" damping="0.002"/>{"".join(map(part_xml, package.parts))}</body>'
        for package in packages
    )
    return (
        f'<mujoco><option timestep="{TIMESTEP}" iterations="8" ls_iterations="8" '
        'cone="pyramidal"/><compiler angle="degree" boundmass="0.01" boundinertia="0.00002"/>'
        '<statistic extent="1" meansize="0.1"/>'
        f'<visual><headlight ambient="{look.ambient} {look.ambient} {look.ambient}" '
        f'diffuse="0.08 0.08 0.08" specular="0 0 0"/><map znear="{NEAR:g}" zfar="{FAR:g}"/>'
        "</visual>"
        f"<asset>{_materials()}</asset>"
        '<default><geom condim="4" friction="0.6 0.01 0.0002"/></default>'
        f'<worldbody><light pos="{x} {y} {z}" dir="{-x} {-y} {-z}" cutoff="60" exponent="4" '
        f'diffuse="{look.lamp} {look.lamp} {look.lamp}" specular="0.35 0.35 0.35" '
        'castshadow="true"/>'
        f'<camera name="eye" fovy="{look.field_of_view}"/>{_cell(look)}{bodies}'
        "</worldbody></mujoco>"
    )
