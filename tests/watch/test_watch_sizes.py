"""Frames that cannot be compared with the camera's reference, and references that show nothing."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from watch_scenes import observed

from januscl.core import InvalidInput, encode_mask
from januscl.watch import CAUSES, CameraHealth, is_blank, main_cause

BIN = np.kron(np.random.default_rng(1).integers(40, 200, (12, 16, 3)), np.ones((8, 8, 1)))

GRAIN = np.random.default_rng(9).normal(0, 25, (64, 64, 1))


def bench(number, size=(96, 128)):
    """A still, textured bench with a card that lies elsewhere in each picture."""
    rng = np.random.default_rng(number)
    image = BIN.copy()
    top, left = rng.integers(20, 60, 2)
    image[top : top + 20, left : left + 20] = rng.integers(30, 220, 3)
    image += rng.normal(0, 1.6, image.shape)
    rows, columns = (np.arange(n) * m // n for n, m in zip(size, image.shape, strict=False))
    return np.clip(image, 0, 255).astype(np.uint8)[rows][:, columns]


@pytest.fixture(scope="module")
def health():
    return CameraHealth().fit([observed(bench(k)) for k in range(24)])


@pytest.mark.parametrize("size", [(48, 64), (97, 128), (192, 256), (128, 90), (1, 1)])
def test_a_picture_of_another_size_is_a_fault_and_nothing_else_is_told_of_it(health, size):
    health = deepcopy(health)
    (signal,) = health.score(observed(bench(30, size)))
    assert main_cause([signal]) == signal
    assert signal.watcher == "camera.wrong_resolution"
    assert signal.evidence.startswith(
        f"picture of {size[1]} x {size[0]} px, 128 x 96 in this camera's reference"
    )


def test_a_picture_of_the_right_size_is_judged_as_ever_after_one_of_another(health):
    one, other = deepcopy(health), deepcopy(health)
    other.score(observed(bench(30, (48, 64))))
    seen = observed(bench(31))
    assert one.score(seen) == other.score(seen)
    assert [s.watcher for s in one.score(seen)] == [f"camera.{cause}" for cause in CAUSES]
    assert main_cause(one.score(seen)) is None


def test_large_pictures_that_are_decimated_to_one_size_are_told_apart():
    large = CameraHealth().fit([observed(bench(k, (480, 1280))) for k in range(20)])
    (signal,) = large.score(observed(bench(30, (479, 1280))))
    assert (signal.watcher, signal.severity) == ("camera.wrong_resolution", 1.0)


def test_a_grey_camera_is_watched_like_any_other():
    def grey(number):
        return np.repeat(bench(number).mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)

    health = CameraHealth().fit([observed(grey(k)) for k in range(24)])
    assert main_cause(health.score(observed(grey(30)))) is None
    dark = (grey(31) * 0.5).astype(np.uint8)
    assert main_cause(health.score(observed(dark))).watcher == "camera.lamp_failed"


@pytest.mark.parametrize("level", [0, 255])
def test_a_picture_that_shows_nothing_is_a_fault_but_no_reference(health, level):
    blank = np.full((96, 128, 3), level, np.uint8)
    assert main_cause(deepcopy(health).score(observed(blank))) is not None
    reference = [observed(bench(k)) for k in range(24)]
    with pytest.raises(InvalidInput, match="pictures that show something, found 1 blank"):
        CameraHealth().fit([*reference[:5], observed(blank), *reference[5:]])


def test_noise_does_not_make_a_blank_picture_show_something():
    noise = np.random.default_rng(0).normal(0, 6, (96, 128, 3))
    assert is_blank(np.clip(noise, 0, 255).astype(np.uint8))
    assert not is_blank(bench(0))
    assert not is_blank(np.tile(np.arange(16, dtype=np.uint8), (4, 1))[..., None].repeat(3, 2))


def test_a_large_package_that_the_model_missed_is_no_knock_in_a_very_small_picture():
    """Of 64 px, with a package that has far stronger edges than the bin."""

    def seen(number, missed=False, known=False):
        rng = np.random.default_rng(number)
        image = np.tile(GRAIN, (1, 1, 3)) + rng.normal(90, 4, (64, 64, 3))
        top, left = rng.integers(36, 42, 2)
        region = np.zeros((64, 64), bool)
        if missed:
            region[top : top + 20, left : left + 20] = True
            blocks = np.kron(rng.integers(0, 2, (10, 10)), np.ones((2, 2)))
            image[region] = 5 + 245 * blocks.reshape(-1, 1)
        o = observed(np.clip(image, 0, 255).astype(np.uint8))
        if not known:
            return o
        return replace(
            o, instances=o.instances.with_unexplained([encode_mask(region)], np.zeros((1, 0)))
        )

    health = CameraHealth().fit([seen(k) for k in range(20)])

    def knocks(**how):
        readings = [
            s.severity
            for k in range(30, 50)
            for s in deepcopy(health).score(seen(k, missed=True, **how))
            if s.watcher == "camera.camera_knocked"
        ]
        return sum(px >= 1.5 for px in readings)

    assert knocks(known=True) == 0, "an unexplained region is no background"
    assert knocks() <= 2, "nor does it stand in for the bin"
