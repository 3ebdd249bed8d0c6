"""What camera health says of each fault: its cause, how bad in physical terms, since when."""

from copy import deepcopy

import cv2
import numpy as np
import pytest
from watch_scenes import observed

from januscl.core import Instances, encode_mask
from januscl.watch import CameraHealth, main_cause
from januscl.watch.background import hidden_by
from januscl.watch.flicker import swing_of
from januscl.watch.view import hidden_small, step_of

SIDE = 192
BENCH = cv2.GaussianBlur(
    np.kron(np.random.default_rng(1).integers(60, 170, (12, 12, 3)), np.ones((16, 16, 1))),
    (0, 0), 0.8,
)  # fmt: skip
ROWS = np.arange(SIDE)[:, None, None] / SIDE


def bench(number):
    """A still bench of blocks with a card that lies elsewhere in each picture; no noise yet."""
    rng = np.random.default_rng(number)
    image = BENCH.copy()
    top, left = rng.integers(40, 120, 2)
    image[top : top + 30, left : left + 30] = rng.integers(30, 220, 3)
    return image


def seen(image, number=0):
    noise = np.random.default_rng((number, 5)).normal(0, 1.6, image.shape)
    return observed(np.clip(image + noise + 0.5, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def fitted():
    return CameraHealth(lasting=5).fit([seen(bench(k), k) for k in range(40)])


def causes_of(health, images):
    found = []
    for number, image in enumerate(images):
        cause = main_cause(health.score(seen(image, 100 + number)))
        found.append("" if cause is None else cause.watcher.removeprefix("camera."))
    return found


def banded(image, depth, bands, phase=0.0):
    return image * (1 + depth * np.sin(2 * np.pi * (bands * ROWS + phase)))


def moved(image, x, y, degrees):
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, 1.0)
    turn[:, 2] += (x, y)
    return cv2.warpAffine(image, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)


def told(health, image, cause):
    signals = {s.watcher: s for s in deepcopy(health).score(seen(image, 99))}
    return signals[f"camera.{cause}"]


def test_a_healthy_camera_has_no_cause(fitted):
    health = deepcopy(fitted)
    assert causes_of(health, [bench(60 + k) for k in range(12)]) == [""] * 12
    assert all(health.began(cause) is None for cause in ("flicker", "dirty_lens"))


@pytest.mark.parametrize(("depth", "bands"), [(0.08, 5), (0.15, 4), (0.3, 9)])
def test_bands_of_light_are_a_flicker_told_by_their_number_and_depth(fitted, depth, bands):
    pictures = [banded(bench(k), depth, bands, 0.37 * k) for k in range(5)]
    assert causes_of(deepcopy(fitted), pictures) == ["flicker"] * 5
    signal = told(fitted, pictures[1], "flicker")
    assert signal.severity == pytest.approx(100 * depth, rel=0.25)
    assert signal.evidence.startswith(f"{bands} bands from top to bottom")


def test_light_that_swings_from_frame_to_frame_is_a_flicker(fitted):
    light = [1 + 0.2 * np.sin(2.6 * k) for k in range(10)]
    pictures = [bench(k) * gain for k, gain in enumerate(light)]
    assert causes_of(deepcopy(fitted), pictures)[-5:] == ["flicker"] * 5


def test_a_lamp_that_fails_once_is_no_flicker(fitted):
    pictures = [bench(0), bench(1), *(0.6 * bench(k) for k in range(2, 12))]
    assert causes_of(deepcopy(fitted), pictures) == ["", "", *["lamp_failed"] * 10]
    assert swing_of([0.0, 0.0, 0.0, -0.5, -0.5, -0.5, -0.5, -0.5]) == 0


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_picture_turned_as_a_whole_is_told_by_its_degrees(fitted, quarters):
    picture = np.rot90(bench(3), quarters)
    assert causes_of(deepcopy(fitted), [picture]) == ["wrong_rotation"]
    assert told(fitted, picture, "wrong_rotation").severity == 90 * quarters


def test_a_picture_whose_sides_are_swapped_is_turned_and_not_of_another_resolution():
    upright = [observed(seen(bench(k), k).frame.image[:144].copy()) for k in range(20)]
    health = CameraHealth().fit(upright)
    on_its_side = np.ascontiguousarray(np.rot90(upright[0].frame.image))
    (signal,) = health.score(observed(on_its_side))
    assert main_cause([signal]) == signal
    assert signal.watcher == "camera.wrong_rotation"
    assert health.score(upright[-1])[0].watcher == "camera.wrong_resolution"


@pytest.mark.parametrize(("x", "y", "degrees"), [(4, 0, 0), (6, -5, 3), (-14, 9, -6)])
def test_a_knock_is_told_in_pixels_and_degrees(fitted, x, y, degrees):
    picture = moved(bench(4), x, y, degrees)
    assert causes_of(deepcopy(fitted), [picture]) == ["camera_knocked"]
    words = told(fitted, picture, "camera_knocked").evidence
    assert float(words.split()[1]) == pytest.approx(np.hypot(x, y), abs=1.0)
    turned = float(words.split()[-2]) if "turned" in words else 0.0
    assert turned == pytest.approx(abs(degrees), abs=0.8)


def test_blur_is_told_in_pixels(fitted):
    for px in (1.5, 3.0):
        signal = told(fitted, cv2.GaussianBlur(bench(5), (0, 0), px), "defocus")
        assert signal.severity == pytest.approx(px, rel=0.35)


def test_a_cast_is_told_by_channel_and_direction(fitted):
    signal = told(fitted, bench(6) * (1.15, 1.0, 0.8), "colour_cast")
    assert signal.evidence.endswith("warmer")
    assert main_cause([signal]) == signal


def smeared(image):
    cover = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(cover, (48, 140), 22, 0.9, -1)
    cover = cv2.GaussianBlur(cover, (0, 0), 4)[..., None]
    return image * (1 - cover) + cover * (40 + 0.4 * cv2.GaussianBlur(image, (0, 0), 12))


def test_dirt_is_told_late_but_began_with_its_first_frame_and_says_where(fitted):
    health = deepcopy(fitted)
    frames = [seen(bench(k), k) for k in range(3)]
    frames += [seen(smeared(bench(k)), k) for k in range(3, 9)]
    found = [main_cause(health.score(o)) for o in frames]
    assert [f is not None for f in found] == [False] * 6 + [True] * 3
    assert health.began("dirty_lens") == frames[3].frame.at
    x, y = (int(v) for v in found[-1].evidence.split("(")[1].split(")")[0].split(", "))
    assert np.hypot(x - 48, y - 140) < 25


def test_a_fault_began_with_its_first_frame_and_is_forgotten_when_it_is_over(fitted):
    health = deepcopy(fitted)
    frames = [seen(0.6 * bench(k) if 2 <= k < 6 else bench(k), k) for k in range(14)]
    began = []
    for frame in frames:
        health.score(frame)
        began.append(health.began("lamp_failed"))
    assert began[:2] == [None, None]
    assert set(began[2:10]) == {frames[2].frame.at}
    assert began[10:] == [None] * 4


@pytest.mark.parametrize(("height", "width"), [(96, 128), (480, 640), (333, 701), (1080, 1920)])
def test_masks_are_sampled_as_if_they_had_been_drawn_whole(height, width):
    rng = np.random.default_rng(height)
    masks = [rng.random((height, width)) < 0.3, np.zeros((height, width), bool)]
    masks[1][height // 3 :, : width // 2] = True
    instances = Instances.of_masks([encode_mask(m) for m in masks], [1, 1])
    apart = 2 * step_of(height, width)
    rows, columns = height // apart, width // apart
    drawn = hidden_by(instances, height, width, margin=0)[apart // 2 :: apart, apart // 2 :: apart]
    drawn = cv2.dilate(drawn[:rows, :columns].astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert np.array_equal(hidden_small(instances, height, width), drawn)
