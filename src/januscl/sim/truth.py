"""What is really in a picture, as the renderer knows it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from januscl.core import (
    Depth,
    IdMap,
    Instances,
    InvalidInput,
    LabelledFrame,
    Taxonomy,
    encode_mask,
    new_id,
)
from januscl.sim.camera import Camera
from januscl.sim.eye import Shot, eye
from januscl.sim.faults import sensed
from januscl.sim.kinds import BASE_TAXONOMY, check_mix
from januscl.sim.packages import LEAST_PIXELS, LEAST_SHARE, Package
from januscl.sim.pile import Pile
from januscl.sim.scene import Look

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Truth:
    """The N packages of a pile as one picture shows them.

    Attributes:
        ids: ``(H, W) int32``: 0 background, ``k + 1`` the k-th package.
        depth: ``(H, W) float32`` metres from the camera plane.
        kinds: Name of each package's kind.
        pixels: ``(N,) int64``, how many of its pixels are seen.
        share: ``(N,) float64``, that number over what would be seen of it alone; 0..1.
    """

    ids: IdMap
    depth: Depth
    kinds: tuple[str, ...]
    pixels: NDArray[np.int64]
    share: NDArray[np.float64]

    @property
    def shown(self) -> tuple[int, ...]:
        """Packages that count: `LEAST_PIXELS` and `LEAST_SHARE` or more of them are seen."""
        enough = (self.pixels >= LEAST_PIXELS) & (self.share >= LEAST_SHARE)
        return tuple(int(k) for k in np.flatnonzero(enough))

    def instances(self, taxonomy: Taxonomy) -> Instances:
        """Return the packages that count, named by ``taxonomy``, in the order of `shown`.

        Raises:
            InvalidInput: One of them is of a kind that the taxonomy does not have.
        """
        unknown = sorted({self.kinds[k] for k in self.shown if not taxonomy.has(self.kinds[k])})
        if unknown:
            raise InvalidInput(
                "taxonomy",
                f"all kinds in the picture, {unknown} among them",
                f"{[kind.name for kind in taxonomy]}",
                "Add the kinds with Taxonomy.with_kind.",
            )
        masks = [encode_mask(self.ids == k + 1) for k in self.shown]
        return Instances.of_masks(masks, [taxonomy.named(self.kinds[k]).id for k in self.shown])


def truth_of(pile: Pile, camera: Camera, shot: Shot) -> Truth:
    """Return the truth of a shot that ``camera`` took of ``pile`` as it still lies."""
    size = shot.ids.shape[0]
    count = len(pile.packages)
    pixels = np.bincount(shot.ids.ravel(), minlength=count + 1)[1:]
    alone = eye(size).pixels_alone(pile, camera)
    kinds = tuple(package.kind for package in pile.packages)
    return Truth(shot.ids, shot.depth, kinds, pixels, pixels / np.maximum(alone, 1))


@dataclass(frozen=True, eq=False)
class Scene:
    """A bin as one frame shows it, light enough to keep: the truth is drawn when it is asked for.

    Attributes:
        packages: What lies in it.
        poses: ``(N, 7)``: position in metres and quaternion w, x, y, z.
        look: The cell.
        camera: Where the camera really was.
        size: Side of the picture in px.
    """

    packages: tuple[Package, ...]
    poses: NDArray[np.float64]
    look: Look
    camera: Camera
    size: int

    def truth(self) -> Truth:
        """Return what is really in the picture."""
        pile = Pile(self.packages, self.poses, self.look)
        return truth_of(pile, self.camera, eye(self.size).shoot(pile, self.camera))


def make_labelled(
    count: int,
    seed: int,
    mix: Mapping[str, float],
    taxonomy: Taxonomy = BASE_TAXONOMY,
    size: int = 192,
    look: Look | None = None,
    packages: tuple[int, int] = (6, 10),
) -> Iterator[LabelledFrame]:
    """Yield pictures of settled piles with their truth, each in a cell of its own.

    Packages of which fewer than `LEAST_PIXELS` pixels or less than `LEAST_SHARE` are seen are
    left out of the truth. The k-th frame depends on the arguments and k alone.

    Args:
        count: How many.
        seed: Of everything.
        mix: Kind name to weight.
        taxonomy: Names the labels.
        size: Side of the square picture in px.
        look: The cell, varied a little from frame to frame; the usual one when omitted.
        packages: Fewest and most in a pile.

    Raises:
        InvalidInput: A kind is unknown here or to the taxonomy, or a weight is negative.
    """
    check_mix(mix)
    missing = sorted(name for name, weight in mix.items() if weight and not taxonomy.has(name))
    if missing:
        raise InvalidInput(
            "mix",
            f"kinds of the taxonomy {[kind.name for kind in taxonomy]}",
            f"{missing}",
            "Add the kinds with Taxonomy.with_kind, or leave them out of the mix.",
        )
    return _frames(count, seed, mix, taxonomy, size, look or Look(), packages)


def _frames(
    count: int, seed: int, mix: Mapping[str, float], taxonomy: Taxonomy, size: int,
    look: Look, packages: tuple[int, int],
) -> Iterator[LabelledFrame]:  # fmt: skip
    name = repr((seed, sorted(mix.items()), size, look, packages)).encode()
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        varied = look.varied(rng)
        pile = Pile.poured(mix, int(rng.integers(packages[0], packages[1] + 1)), rng, varied)
        camera = Camera.of_look(varied)
        shot = eye(size).shoot(pile, camera)
        truth = truth_of(pile, camera, shot).instances(taxonomy)
        entropy = sha256(name + number.to_bytes(8, "big")).digest()[:10]
        frame_id = new_id(_EPOCH + timedelta(seconds=number), entropy)
        yield LabelledFrame(frame_id, sensed(shot.image, {}, rng), truth)
