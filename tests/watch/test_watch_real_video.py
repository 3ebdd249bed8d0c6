"""Camera health on a real webcam: moved by hand in the clips, and held still on a bench of them."""

from copy import deepcopy

import cv2
import numpy as np
import pytest
from watch_scenes import VIDEOS, clip, observed

from januscl.triage import FaultDesk
from januscl.watch import CameraHealth, EProcess, main_cause

pytestmark = pytest.mark.skipif(not VIDEOS.is_dir(), reason=f"no videos in {VIDEOS}")
RNG = np.random.default_rng(0)


def as_image(values):
    return np.clip(values, 0, 255).astype(np.uint8)


def darkened(image):
    return as_image(image * 0.55)


def over_exposed(image):
    return as_image(image * 1.7)


def blurred(image):
    return cv2.GaussianBlur(image, (0, 0), 5)


def noisy(image):
    return as_image(image + RNG.normal(0, 8, image.shape))


def tinted(image):
    return as_image(image * np.array([1.12, 1.0, 0.78]))


def shifted(image):
    move = np.array([[1, 0, 5], [0, 1, -4]], dtype=np.float64)
    size = image.shape[1], image.shape[0]
    return cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE)


def smeared(image):
    cover = np.zeros(image.shape[:2], np.float32)
    cv2.circle(cover, (330, 90), 60, 0.9, -1)
    cover = cv2.GaussianBlur(cover, (0, 0), 8)[..., None]
    return as_image(image * (1 - cover) + cover * (40 + 0.5 * cv2.GaussianBlur(image, (0, 0), 15)))


def tickets_of(health, images):
    desk = FaultDesk(EProcess)
    health = deepcopy(health)
    for image in images:
        o = observed(image)
        desk.update("desk", "robot", o.frame.at, main_cause(health.score(o)))
    return [ticket.cause for ticket in desk.tickets]


@pytest.fixture(scope="module")
def moved():
    """A watcher of the hand-held webcam, and clips of other objects than it was fitted on."""
    names = ("a1", "a2", "a3", "a4", "a5", "a6")
    reference = [image for name in names for image in clip(name, 57)]
    health = CameraHealth().fit([observed(image) for image in reference])
    return health, [image for name in ("a7", "a8", "a9", "a10") for image in clip(name, 10)]


@pytest.fixture(scope="module")
def still():
    """The webcam as if mounted: a bench of real textures around a place where objects change."""
    cards = [cv2.resize(clip(name, 1, 1)[0], (200, 200)) for name in ("a2", "a10", "a9", "a6")]
    bench = np.vstack([np.hstack(cards[:2]), np.hstack(cards[2:])])
    objects = [image for name in ("a1", "a4", "a7", "a8") for image in clip(name, 16)]
    images = []
    for thing in objects:
        image = bench.copy()
        image[130:270, 130:270] = cv2.resize(thing, (140, 140))
        images.append(as_image(image + RNG.normal(0, 1.5, image.shape)))
    RNG.shuffle(images)
    return CameraHealth().fit([observed(i) for i in images[:40]]), images[40:]


def test_an_ordinary_hand_held_camera_gets_no_ticket(moved):
    health, images = moved
    assert tickets_of(health, images) == []


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (darkened, "lamp_failed"),
        (over_exposed, "over_exposed"),
        (blurred, "defocus"),
        (noisy, "noisy_sensor"),
        (tinted, "colour_cast"),
    ],
)
def test_a_fault_laid_on_the_video_is_ticketed_with_the_right_cause(moved, fault, cause):
    health, images = moved
    assert tickets_of(health, [fault(image) for image in images[::8]]) == [cause]


def test_a_frozen_video_is_ticketed(moved):
    health, images = moved
    assert tickets_of(health, [*images[:5], *[images[5]] * 12]) == ["frozen_frame"]


def test_a_camera_that_moves_while_healthy_is_not_judged_for_knocks_and_dirt(moved):
    health, images = moved
    signals = {s.watcher: s for s in deepcopy(health).score(observed(images[0]))}
    for watcher in ("camera.camera_knocked", "camera.dirty_lens"):
        assert signals[watcher].p_value == 1
        assert "cannot be told" in signals[watcher].evidence


def test_a_still_camera_gets_no_ticket_while_objects_change(still):
    health, images = still
    assert tickets_of(health, images) == []


@pytest.mark.parametrize(
    ("fault", "cause"),
    [(shifted, "camera_knocked"), (smeared, "dirty_lens"), (noisy, "noisy_sensor")],
)
def test_a_fault_of_a_still_camera_is_ticketed_with_the_right_cause(still, fault, cause):
    health, images = still
    assert tickets_of(health, [fault(image) for image in images[:40]]) == [cause]
