"""Faults of a camera, laid over healthy pictures at three severities each."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import Image

Rng = np.random.Generator
Laid = Callable[[list[Image], Rng], list[Image]]


def as_image(values: NDArray[np.floating]) -> Image:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def each(change: Callable[[Image, Rng], Image]) -> Laid:
    return lambda images, rng: [change(image, rng) for image in images]


def lit(gain: float | tuple[float, float, float]) -> Laid:
    return each(lambda image, _: as_image(image * np.asarray(gain, np.float32)))


def defocused(radius: float) -> Laid:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return each(lambda image, _: cv2.filter2D(image, -1, disc / disc.sum()))


def moved(px: float, degrees: float) -> Laid:
    def laid(images: list[Image], rng: Rng) -> list[Image]:
        height, width = images[0].shape[:2]
        way, sign = rng.uniform(0, 2 * np.pi), rng.choice((-1, 1))
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(sign * degrees), 1.0)
        turn[:, 2] += px * np.asarray((np.cos(way), np.sin(way)))
        border = cv2.BORDER_REFLECT
        return [cv2.warpAffine(i, turn, (width, height), borderMode=border) for i in images]

    return laid


def dirty(radius: float, cover: float) -> Laid:
    """Smears that the lens cannot focus: ``radius`` is a share of the picture's width."""

    def laid(images: list[Image], rng: Rng) -> list[Image]:
        height, width = images[0].shape[:2]
        middle = rng.uniform(0.1, 0.9, 2) * (width, height)
        mask = np.zeros((height, width), np.float32)
        for _ in range(4):
            at = middle + rng.normal(0, 0.4 * radius, 2) * width
            cv2.circle(mask, tuple(at.astype(int).tolist()), int(radius * width), cover, -1)
        mask = cv2.GaussianBlur(mask, (0, 0), 0.25 * radius * width)[..., None]
        colour = np.asarray((52, 44, 34), np.float32)
        return [
            as_image(i * (1 - mask) + mask * (0.35 * cv2.blur(i, (41, 41)) + colour))
            for i in images
        ]

    return laid


def frozen(share: float) -> Laid:
    def laid(images: list[Image], rng: Rng) -> list[Image]:
        kept = images[:1]
        for image in images[1:]:
            kept.append(kept[-1] if rng.random() < share else image)
        return kept

    return laid


def noisy(levels: float) -> Laid:
    return each(
        lambda image, rng: as_image(image + levels * rng.standard_normal(image.shape, np.float32))
    )


def banded(depth: float, bands: float) -> Laid:
    """Light of the mains under a rolling shutter: bands that wander from frame to frame."""

    def change(image: Image, rng: Rng) -> Image:
        rows = np.arange(image.shape[0]) / image.shape[0]
        light = 1 + depth * np.sin(2 * np.pi * (bands * rows + rng.random()))
        return as_image(image * light[:, None, None])

    return each(change)


def flickering(depth: float) -> Laid:
    def laid(images: list[Image], rng: Rng) -> list[Image]:
        hertz, phase = rng.uniform(0.25, 0.42), rng.random()  # cycles a frame
        waves = np.sin(2 * np.pi * (hertz * np.arange(len(images)) + phase))
        return [as_image(i * (1 + depth * w)) for i, w in zip(images, waves, strict=True)]

    return laid


def resized(share: float) -> Laid:
    return each(lambda image, _: cv2.resize(image, None, fx=share, fy=share))


def turned(quarters: int) -> Laid:
    return each(lambda image, _: np.ascontiguousarray(np.rot90(image, quarters)))


FAULTS: dict[str, tuple[str, tuple[tuple[str, Laid], ...]]] = {
    "darkness": ("lamp_failed", (
        ("-0.5 stops", lit(0.71)), ("-1 stop", lit(0.5)), ("-2 stops", lit(0.25)))),
    "over-exposure": ("over_exposed", (
        ("+0.5 stops", lit(1.41)), ("+0.8 stops", lit(1.7)), ("+1.3 stops", lit(2.4)))),
    "defocus": ("defocus", (
        ("disc of 5 px", defocused(5)), ("8 px", defocused(8)), ("14 px", defocused(14)))),
    "moved camera": ("camera_knocked", (
        ("5 px, 1 deg", moved(5, 1)), ("15 px, 3 deg", moved(15, 3)),
        ("35 px, 7 deg", moved(35, 7)))),
    "dirty lens": ("dirty_lens", (
        ("8% wide, 0.6", dirty(0.08, 0.6)), ("12%, 0.8", dirty(0.12, 0.8)),
        ("18%, 0.95", dirty(0.18, 0.95)))),
    "frozen frame": ("frozen_frame", (
        ("80% repeated", frozen(0.8)), ("90%", frozen(0.9)), ("all", frozen(1.0)))),
    "noise": ("noisy_sensor", (
        ("4 levels", noisy(4)), ("8 levels", noisy(8)), ("16 levels", noisy(16)))),
    "colour cast": ("colour_cast", (
        ("x1.06 1 .90", lit((1.06, 1.0, 0.9))), ("x1.12 1 .78", lit((1.12, 1.0, 0.78))),
        ("x1.3 .95 .62", lit((1.3, 0.95, 0.62))))),
    "banding": ("flicker", (
        ("10%, 5 bands", banded(0.1, 5)), ("18%, 4 bands", banded(0.18, 4)),
        ("30%, 7 bands", banded(0.3, 7)))),
    "flicker": ("flicker", (
        ("15%", flickering(0.15)), ("25%", flickering(0.25)), ("40%", flickering(0.4)))),
    "resolution": ("wrong_resolution", (
        ("0.99 x", resized(0.99)), ("0.5 x", resized(0.5)), ("2 x", resized(2)))),
    "rotation": ("wrong_rotation", (
        ("90 deg", turned(1)), ("180 deg", turned(2)), ("270 deg", turned(3)))),
}  # fmt: skip
PLACELESS = {"moved camera", "rotation"}
"""What is no fault of a camera that is moved by hand."""
