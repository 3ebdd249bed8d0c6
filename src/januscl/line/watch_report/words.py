"""What the readings of a camera are called, and in which unit they are."""

from dataclasses import dataclass
from math import inf

from januscl.watch.causes import LEAST_SCORE


@dataclass(frozen=True)
class Named:
    """A cause as a person reads of it.

    Attributes:
        name: Of the reading, which 0 is best for.
        unit: Of its severity.
        least: The severity from which a technician would act; None where another measure decides.
        scale: The axis reaches at least so far, that a trifle does not look like a mountain.
    """

    name: str
    unit: str
    least: float | None
    scale: float


_OTHERWISE = frozenset({"noisy_sensor", "defocus", "dirty_lens"})
"""Causes whose severity has another unit than the score that an alarm is judged by."""

_NAMES = {
    "wrong_resolution": ("Other resolution", "px", 16.0),
    "frozen_frame": ("Frozen picture", "%", 100.0),
    "wrong_rotation": ("Turned picture", "°", 90.0),
    "flicker": ("Flicker", "%", 10.0),
    "camera_knocked": ("Moved from its place", "px", 3.0),
    "lamp_failed": ("Darker", "%", 30.0),
    "over_exposed": ("Brighter", "%", 30.0),
    "noisy_sensor": ("Sensor noise", "levels", 6.0),
    "defocus": ("Blur", "px", 2.0),
    "colour_cast": ("Colour cast", "%", 12.0),
    "dirty_lens": ("Dirt on the lens", "%", 25.0),
}


def named(cause: str) -> Named:
    """Return what a cause is called; one that is not known by its own name, without a unit."""
    name, unit, scale = _NAMES.get(cause, (cause.replace("_", " ").capitalize(), "", 1.0))
    least = LEAST_SCORE.get(cause, inf)
    return Named(name, unit, None if cause in _OTHERWISE or least == inf else least, scale)


def figure(value: float) -> str:
    """Return a reading with as many decimals as it is worth."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{round(value, 1):g}"


def measured(value: float, unit: str) -> str:
    """Return a reading with its unit."""
    return f"{figure(value)}{'' if unit in ('%', '°', '') else ' '}{unit}"
