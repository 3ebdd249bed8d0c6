"""Real and simulated cameras: what they are fitted on, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from health.faults import Rng, as_image
from januscl.core import Frame, Image, Instances, Observation, decode_mask, encode_mask, new_id
from januscl.watch import CameraHealth

VIDEOS = Path(__file__).parents[3] / "shared" / "data" / "desk_camera" / "videos"
WITHIN, BEFORE = 10, 6
LASTING = 5  # readings: no pile is seen twice here
REFERENCE = 60  # frames of a simulated cell that its watcher learns
GRAIN = 1.5  # levels of noise of the mounted camera's sensor
BURST = 24  # frames that follow each other, of each clip that a watcher of moved cameras learns


class Clock:
    """Numbers the frames, 50 ms apart."""

    def __init__(self) -> None:
        self._number = 0

    def pause(self) -> None:
        """Let a minute pass."""
        self._number += 1200

    def observed(self, image: Image, seen: Instances | None = None) -> Observation:
        """Return the next frame of the camera."""
        self._number += 1
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=50 * self._number)
        frame = Frame(np.ascontiguousarray(image), "camera", "robot of camera", at)
        entropy = self._number.to_bytes(10, "big")
        return Observation(new_id(at, entropy), frame, seen or Instances.empty(), "m")


CLOCK = Clock()


def clips() -> list[list[Image]]:
    found = []
    for number in range(1, 11):
        capture = cv2.VideoCapture(str(VIDEOS / f"a{number}.avi"))
        images = []
        while (read := capture.read())[0]:
            images.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
        found.append(images)
    return found


def mounted(video: Sequence[list[Image]], seed: int) -> list[Image]:
    """Return pictures of a camera that stands still: real textures around a window of live video.

    The window, a third of the picture each way, shows 60 pictures from all over one clip and then
    consecutive ones of another, as packages come and go before a bench that stays.
    """
    rng = np.random.default_rng((seed, 3))
    order = rng.permutation(len(video))
    cards = [cv2.resize(video[k][int(rng.integers(len(video[k])))], (200, 200)) for k in order[:4]]
    bench = np.vstack([np.hstack(cards[:2]), np.hstack(cards[2:])])
    known, live = video[order[4]], video[order[5]]
    at = int(rng.integers(len(live) - 2 * (BEFORE + WITHIN)))
    chosen = [*known[:: len(known) // 60][:60], *live[at : at + BEFORE + WITHIN]]
    images = []
    for shown in chosen:
        image = bench.copy()
        image[133:267, 133:267] = cv2.resize(shown, (134, 134), interpolation=cv2.INTER_AREA)
        images.append(image)
    return images


@dataclass(frozen=True)
class Start:
    """A place where a fault may begin: a fitted watcher, healthy frames, and those to spoil.

    `grain`, in levels, is the sensor's noise that comes after the light.
    """

    health: CameraHealth
    healthy: Sequence[Image]
    coming: Sequence[Image]
    grain: float = 0.0


def others(video: Sequence[list[Image]], left_out: int, seed: int) -> CameraHealth:
    """Return the watcher of the moved camera, fitted on a stretch of each other clip."""
    seen = []
    for k, clip in enumerate(video):
        if k != left_out:
            CLOCK.pause()
            at = int(np.random.default_rng((seed, k, 11)).integers(len(clip) - BURST))
            seen += [CLOCK.observed(image) for image in clip[at : at + BURST]]
    health = CameraHealth().fit(seen)
    CLOCK.pause()
    return health


def starts_of_moving(video: Sequence[list[Image]], number: int, seed: int) -> list[Start]:
    starts = []
    for clip, images in enumerate(video):
        if clip < number:
            health, rng = others(video, clip, seed), np.random.default_rng((seed, clip))
        for _ in range(clip, number, len(video)):
            at = int(rng.integers(BEFORE, len(images) - WITHIN))
            starts.append(Start(health, images[at - BEFORE : at], images[at : at + WITHIN]))
    return starts


@cache
def window(height: int, width: int) -> Instances:
    """Return the window of the mounted camera as the one instance that a model would find."""
    mask = np.zeros((height, width), bool)
    mask[height // 3 : 2 * height // 3 + 1, width // 3 : 2 * width // 3 + 1] = True
    return Instances.of_masks([encode_mask(mask)], [1])


def grainy(images: Sequence[Image], levels: float, rng: Rng) -> list[Image]:
    """Return the pictures with a sensor's noise; one that is repeated keeps its own."""
    made: dict[int, Image] = {}
    for image in images:
        if id(image) not in made:
            noise = levels * rng.standard_normal(image.shape, np.float32)
            made[id(image)] = as_image(image + noise) if levels else image
    return [made[id(image)] for image in images]


def starts_of_mounted(video: Sequence[list[Image]], number: int, seed: int) -> list[Start]:
    starts = []
    for k in range(1000 * seed, 1000 * seed + number):
        images = mounted(video, k)
        known = grainy(images[:60], GRAIN, np.random.default_rng(k))
        seen = window(*known[0].shape[:2])
        health = CameraHealth(lasting=LASTING).fit([CLOCK.observed(i, seen) for i in known])
        starts.append(Start(health, images[60 : 60 + BEFORE], images[60 + BEFORE :], GRAIN))
    return starts


Watched = tuple[CameraHealth, Sequence[Observation]]
"""A camera's watcher and healthy frames that it has not seen."""


def video_camera(video: Sequence[list[Image]], clip: int, seed: int) -> Watched:
    """Return the untouched video as one camera, fitted on the other clips."""
    return others(video, clip, seed), [CLOCK.observed(image) for image in video[clip]]


def simulated_camera(cell: int, frames: int, seed: int, folder: Path) -> Watched:
    """Return a simulated cell: its first 60 frames are its reference, the others are seen.

    Its pictures are kept in the folder, as they cost fifty times what is measured on them.
    """
    path = folder / f"simulated-{seed}-{cell}-{frames}.npz"
    if not path.exists():
        images, hidden = _simulated(cell, REFERENCE + frames, seed)
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, images=images, hidden=np.packbits(hidden, axis=-1))
        part.replace(path)
    with np.load(path) as kept:
        images, packed = kept["images"], kept["hidden"]
    masks = np.unpackbits(packed, axis=-1, count=images.shape[2]).astype(bool)
    seen = [
        CLOCK.observed(image, Instances.of_masks([encode_mask(mask)], [1]))
        for image, mask in zip(images, masks, strict=True)
    ]
    return CameraHealth().fit(seen[:REFERENCE]), seen[REFERENCE:]


def _simulated(cell: int, frames: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return pictures ``(n, H, W, 3)`` and where packages are in them ``(n, H, W)``."""
    from januscl.sim import BASE_MIX, BASE_TAXONOMY, Look, Pile, sensed
    from januscl.sim.camera import Camera
    from januscl.sim.eye import eye
    from januscl.sim.truth import truth_of

    rng = np.random.default_rng((seed, cell, 9))
    look = Look().varied(rng)
    camera, images, hidden = Camera.of_look(look), [], []
    while len(images) < frames:
        pile = Pile.poured(BASE_MIX, int(rng.integers(6, 11)), rng, look)
        for _ in range(5):
            shot = eye(192).shoot(pile, camera, 1.0)
            images.append(sensed(shot.image, {}, rng, cell))
            masks = truth_of(pile, camera, shot).instances(BASE_TAXONOMY).masks
            hidden.append(np.any([decode_mask(mask) for mask in masks], axis=0))
            pile.take_out([int(rng.integers(len(pile.packages)))])
    return np.stack(images[:frames]), np.stack(hidden[:frames])
