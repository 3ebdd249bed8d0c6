"""What goes wrong with a camera and its light.

``lamp_failed`` and ``camera_knocked`` happen in the scene (`januscl.sim.robot` sees to them), a
``frozen_frame`` in the camera's memory; the others change the picture and are made here, in the
order in which light meets them: lens, sensor, electronics. Severity is 0 (healthy) to 1.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import Image, InvalidInput

FAULTS = (
    "lamp_failed", "over_exposed", "defocus", "camera_knocked",
    "dirty_lens", "frozen_frame", "noisy_sensor", "colour_cast", "flicker",
)  # fmt: skip
_HEALTHY_NOISE = 1.6  # standard deviation in grey levels of 255
_CASTS = ((1.30, 0.95, 0.62), (0.65, 0.95, 1.35), (0.75, 1.25, 0.80), (1.25, 0.75, 1.2))
Light = NDArray[np.float32]


def check_fault(name: str, severity: float, thing: str = "fault") -> None:
    """Raise `InvalidInput` unless ``name`` is one of `FAULTS` and ``severity`` lies in 0..1."""
    if name not in FAULTS:
        raise InvalidInput(thing, f"one of {', '.join(FAULTS)}", repr(name), "Correct the name.")
    if not 0 <= severity <= 1:
        raise InvalidInput(
            f"{thing} {name}", "a severity in 0..1", f"{severity}", "0 is healthy, 1 the worst."
        )


def sensed(image: Image, faults: Mapping[str, float], rng: np.random.Generator,
           mark: int = 0) -> Image:  # fmt: skip
    """Return what a camera with these faults makes of a scene.

    Args:
        image: ``(H, W, 3) uint8`` RGB, the scene as rendered.
        faults: Name to severity.
        rng: Of the sensor's noise.
        mark: Seed of what stays the same while a fault lasts: where the dirt sits, which cast, how
            many bands.
    """
    lasting = np.random.default_rng((mark, 77))
    light = image.astype(np.float32)
    if severity := faults.get("dirty_lens", 0.0):
        light = _dirt(light, severity, lasting)
    if severity := faults.get("defocus", 0.0):
        light = _blurred(light, severity * 0.030 * image.shape[0])
    if severity := faults.get("over_exposed", 0.0):
        light = _over_exposed(light, severity)
    if severity := faults.get("colour_cast", 0.0):
        gain = np.asarray(_CASTS[mark % len(_CASTS)], np.float32)
        light = light * (1 + severity * (gain - 1))
    if severity := faults.get("flicker", 0.0):
        light = _banded(light, severity, int(lasting.integers(4, 9)), float(rng.random()))
    noise = _HEALTHY_NOISE + 34.0 * faults.get("noisy_sensor", 0.0)
    light = light + rng.standard_normal(light.shape, np.float32) * noise
    picture: Image = np.clip(light + 0.5, 0, 255).astype(np.uint8)
    return picture


def _blurred(light: Light, radius: float) -> Light:
    """Return the picture through a lens whose circle of confusion has this radius in px."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    blurred: Light = cv2.filter2D(light, -1, disc / disc.sum(), borderType=cv2.BORDER_REPLICATE)
    return blurred


def _over_exposed(light: Light, severity: float) -> Light:
    bright = np.minimum(light * (1 + 2.4 * severity), 400)
    halo = cv2.GaussianBlur(np.maximum(bright - 255, 0), (0, 0), 0.02 * light.shape[0])
    exposed: Light = bright + severity * halo
    return exposed


def _banded(light: Light, severity: float, bands: int, phase: float) -> Light:
    """Return the picture of a rolling shutter under a lamp that flickers; the bands wander."""
    rows = np.arange(light.shape[0], dtype=np.float32) / light.shape[0]
    wave = 1 + 0.4 * severity * np.sin(2 * np.pi * (bands * rows + phase))
    banded: Light = light * wave[:, None, None].astype(np.float32)
    return banded


def _dirt(light: Light, severity: float, rng: np.random.Generator) -> Light:
    """Return the picture behind smears that the lens cannot focus: soft, brownish, uneven."""
    height, width = light.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cover = np.zeros((height, width), np.float32)
    middle = rng.uniform(0.25, 0.75, 2) * (width, height)
    for _ in range(5):
        at = middle + rng.normal(0, 0.10, 2) * (width, height)
        radius = width * (0.07 + 0.11 * severity) * rng.uniform(0.7, 1.2)
        distance = np.hypot(x - at[0], y - at[1]) / radius
        cover = np.maximum(cover, np.clip(1.6 - 1.2 * distance, 0, 1))
    cover = cv2.GaussianBlur(cover, (0, 0), 0.02 * width) * min(1.0, 0.35 + 0.6 * severity)
    smear = cv2.GaussianBlur(light, (0, 0), 0.05 * width) * 0.35 + np.asarray(
        (52, 44, 34), np.float32
    )
    mixed: Light = light * (1 - cover[..., None]) + smear * cover[..., None]
    return mixed
