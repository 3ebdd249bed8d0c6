"""Piles that belong to no fleet: known and odd packages in cells of every look.

Everything that a `Look` holds is drawn widely, and so are the sizes, tints and surfaces of the
packages (domain randomisation: Tobin et al., IROS 2017). What a model learns here holds elsewhere.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import numpy as np

from januscl.core import LabelledFrame, Taxonomy, new_id
from januscl.sim.camera import Camera
from januscl.sim.eye import eye
from januscl.sim.faults import sensed
from januscl.sim.kinds import BASE_MIX, draw_packages
from januscl.sim.packages import Package, Part, Triple
from januscl.sim.pile import Pile, falling
from januscl.sim.prints import draw_colour
from januscl.sim.scene import Look
from januscl.sim.textures import surfaces
from januscl.sim.truth import truth_of

ODD = "thing"
"""The kind of what has no kind."""
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_SHAPES = ("box", "cylinder", "ellipsoid", "capsule")
_NEVER = ("crumple", "holiday", "toy", "film", "behind")  # the late kinds' own surfaces


def make_wild(
    count: int, seed: int, taxonomy: Taxonomy, size: int = 192
) -> Iterator[LabelledFrame]:
    """Yield pictures of settled piles in wild cells with their truth, as `make_labelled` does.

    None of the late kinds is among them, nor any of their prints. The k-th frame depends on the
    arguments and k alone.

    Args:
        count: How many.
        seed: Of everything.
        taxonomy: Names the labels: the base kinds and `ODD`.
        size: Side of the square picture in px.

    Raises:
        InvalidInput: The taxonomy lacks a kind.
        MissingDependency: There is no GL to draw with.
    """
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        look = wild_look(rng)
        packages = _packages(rng)
        pile = Pile(packages, falling(packages, rng), look)
        pile.settle(seconds=1.2)
        camera = Camera.of_look(look)
        shot = eye(size).shoot(pile, camera)
        truth = truth_of(pile, camera, shot).instances(taxonomy)
        entropy = sha256(f"wild {seed} {number} {size}".encode()).digest()[:10]
        frame_id = new_id(_EPOCH + timedelta(seconds=number), entropy)
        yield LabelledFrame(frame_id, sensed(shot.image, {}, rng), truth)


def _colour(rng: np.random.Generator) -> Triple:
    r, g, b = draw_colour(rng)
    return float(r), float(g), float(b)


def wild_look(rng: np.random.Generator) -> Look:
    """Return a cell of any colours, lamp and place of the camera."""
    lamp = rng.uniform(-0.7, 0.7, 2)
    height = rng.uniform(0.6, 1.3)
    # The bin, 0.5 m wide, fills from half of the picture to a little more than all of it.
    field = 2 * np.degrees(np.arctan(rng.uniform(0.2, 0.45) / height))
    return Look(
        belt=_colour(rng), bin=_colour(rng), floor=_colour(rng),
        lamp=rng.uniform(0.35, 0.95), ambient=rng.uniform(0.12, 0.5),
        lamp_at=(float(lamp[0]), float(lamp[1]), rng.uniform(0.8, 1.8)),
        camera_height=height, camera_back=rng.uniform(-0.35, 0.35),
        camera_side=rng.uniform(-0.25, 0.25), field_of_view=float(field),
    )  # fmt: skip


def _packages(rng: np.random.Generator) -> tuple[Package, ...]:
    """Return 3 to 16 packages, some known, most odd, all of about one scale."""
    count = int(rng.integers(3, 17))
    known = int(rng.binomial(count, rng.choice((0.0, 0.3, 0.8))))
    scale = rng.uniform(0.45, 1.0) if count > 8 else rng.uniform(0.6, 1.25)
    prints = [s.name for s in surfaces() if not s.name.startswith(_NEVER)]
    drawn = list(draw_packages(BASE_MIX, known, rng)) if known else []
    drawn += [_odd(rng, prints) for _ in range(count - known)]
    return tuple(_scaled(package, scale * rng.uniform(0.8, 1.2)) for package in drawn)


def _odd(rng: np.random.Generator, prints: list[str]) -> Package:
    """Return one to five convex pieces stuck together, each with a tint and print of its own."""
    base, alike = _colour(rng), rng.random() < 0.5
    parts, at = [], np.zeros(3)
    for number in range(int(rng.choice((1, 1, 2, 2, 3, 4, 5)))):
        half = rng.uniform(0.02, 0.09, 3) * (1, rng.uniform(0.3, 1), rng.uniform(0.2, 0.8))
        shape = str(rng.choice(_SHAPES))
        if shape in ("cylinder", "capsule"):
            half = np.array((min(half[0], 0.06), max(half[1], 0.02), 0.0))
        turn = (90.0 * int(rng.integers(3)), rng.normal(0, 15), rng.uniform(0, 180))
        parts.append(
            Part(
                shape, (float(half[0]), float(half[1]), float(half[2])),
                base if alike or not number else _colour(rng), (at[0], at[1], at[2]), turn,
                str(rng.choice(prints)), mass=rng.uniform(0.05, 0.3),
            )
        )  # fmt: skip
        at = at + rng.normal(0, 0.03, 3) * (1, 1, 0.4)
    reach = max(float(np.linalg.norm(p.at) + np.linalg.norm(p.size)) for p in parts)
    return Package(ODD, tuple(parts), reach)


def _scaled(package: Package, scale: float) -> Package:
    """Return a package with all lengths times ``scale``, as heavy as before."""

    def times(values: Triple) -> Triple:
        return values[0] * scale, values[1] * scale, values[2] * scale

    parts = tuple(replace(p, size=times(p.size), at=times(p.at)) for p in package.parts)
    return replace(package, parts=parts, reach=package.reach * scale)
