"""Camera health of a camera that moves: dirt stays in the picture, a scene moves through it."""

from copy import deepcopy

import cv2
import numpy as np
import pytest
from watch_scenes import observed

from januscl.watch import CameraHealth, main_cause

SIDE, WORLD = 160, 520
ROWS, COLUMNS = np.mgrid[:WORLD, :WORLD]
TABLE = (
    cv2.resize(
        np.random.default_rng(2).normal(0, 14, (90, 90, 3)), (WORLD, WORLD),
        interpolation=cv2.INTER_CUBIC,
    )
    + (90 + 0.14 * ROWS + 0.07 * COLUMNS)[..., None]
)  # fmt: skip


def looked_at(number, table=TABLE):
    """A picture of the table by a camera that is moved over it, some px from frame to frame."""
    x, y = (175 + 165 * np.sin((number + at) / 35) for at in (0, 45))
    return table[int(y) : int(y) + SIDE, int(x) : int(x) + SIDE]


def seen(image, number):
    noise = np.random.default_rng((number, 5)).normal(0, 1.2, image.shape)
    return observed(np.clip(image + noise + 0.5, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def fitted():
    return CameraHealth().fit([seen(looked_at(k), k) for k in range(240)])


def causes_of(health, images):
    health, found = deepcopy(health), []
    for number, image in enumerate(images):
        cause = main_cause(health.score(seen(image, 1000 + number)))
        found.append("" if cause is None else cause.watcher.removeprefix("camera."))
    return found


def smeared(image):
    cover = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(cover, (50, 110), 16, 0.7, -1)
    cover = cv2.GaussianBlur(cover, (0, 0), 4)[..., None]
    return image * (1 - cover) + cover * (40 + 0.35 * cv2.blur(image, (19, 19)))


def softened(image, px):
    return cv2.GaussianBlur(image, (0, 0), px)


def test_a_healthy_camera_that_moves_has_no_cause(fitted):
    assert causes_of(fitted, [looked_at(k) for k in range(240, 300)]) == [""] * 60


def test_dirt_before_a_camera_that_moves_is_told_with_its_place(fitted):
    pictures = [looked_at(k) for k in range(240, 260)]
    pictures[10:] = [smeared(image) for image in pictures[10:]]
    assert causes_of(fitted, pictures) == [""] * 13 + ["dirty_lens"] * 7
    health = deepcopy(fitted)
    for number, image in enumerate(pictures):
        told = health.score(seen(image, 1000 + number))[-1]
    x, y = (int(v) for v in told.evidence.split("(")[1].split(")")[0].split(", "))
    assert np.hypot(x - 50, y - 110) < 20


def test_a_dark_thing_that_the_camera_moves_past_is_no_dirt(fitted):
    table = TABLE.copy()
    x, y = (255 + 165 * np.sin((255 + at) / 35) for at in (0, 45))
    cv2.circle(table, (int(x), int(y)), 25, (20, 20, 20), -1)
    assert "dirty_lens" not in causes_of(fitted, [looked_at(k, table) for k in range(225, 285)])


def test_softness_that_comes_step_by_step_is_motion_and_at_once_is_defocus(fitted):
    pictures = [looked_at(k) for k in range(240, 260)]
    step_by_step = [0.5, 0.7, 0.85, 1.0, 1.1, *[1.2] * 7]
    softening = [*pictures[:8], *map(softened, pictures[8:], step_by_step)]
    at_once = [*pictures[:8], *map(softened, pictures[8:], [1.2] * 12)]
    assert causes_of(fitted, at_once)[8:] == ["defocus"] * 12
    assert causes_of(fitted, softening) == [""] * 20
