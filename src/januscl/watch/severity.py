"""From readings to scores, severities in physical terms, and a line that a person reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from januscl.watch.dirt import LEAST_LOSS
from januscl.watch.readings import Readings, blur_of

_STEADY = 1.5  # px
_BLIND = 0.5  # share of the background newly at its ceiling


@dataclass(frozen=True)
class Reading:
    """What is known of one cause in one frame.

    Attributes:
        score: Higher is worse; what p-values and `main_cause` judge by.
        severity: In the unit that the evidence names.
        evidence: One line.
    """

    score: float
    severity: float
    evidence: str


@dataclass(frozen=True)
class Usual:
    """Medians of the healthy readings, which severities are relative to.

    `steady` says that the camera stands still, `closely` of one that moves that its frames follow
    each other closely. `change` is the smallest one instead, as a package need not move between
    two frames.
    """

    sharpness: float
    noise: float
    change: float
    gain: float
    cast: NDArray[np.float64]
    bands: float
    steady: bool
    closely: bool
    step: int
    reach: float


def usual_of(
    readings: Sequence[Readings], steady: bool, closely: bool, step: int, size: tuple[int, int]
) -> Usual:
    """Return the medians of healthy readings.

    Args:
        readings: Of one camera.
        steady: Whether it stands still.
        closely: Whether it moves, and its frames follow each other closely.
        step: `View.step`.
        size: Rows and columns of its pictures.
    """
    changes = [r.change for r in readings if r.change is not None]
    # What a moved camera looks at decides how sharp and how even it is, for many frames on end.
    worse = 0.5 if steady else 0.9
    return Usual(
        sharpness=float(np.quantile([r.sharpness for r in readings], 1 - worse)),
        noise=max(1.0, float(np.median([r.noise for r in readings]))),
        change=max(0.05, min(changes)),
        gain=float(np.median([r.gain for r in readings])),
        cast=np.median([r.cast for r in readings], axis=0),
        bands=float(np.quantile([r.bands[0] for r in readings], worse)),
        steady=steady,
        closely=closely,
        step=step,
        reach=float(np.hypot(*size)) / 4,
    )


def is_steady(readings: Sequence[Readings]) -> bool:
    """Say whether a camera stands still, from its healthy readings."""
    shifts = [np.hypot(r.moved[0], r.moved[1]) for r in readings]
    return bool(np.percentile(shifts, 90) < _STEADY)


def reading_of(
    cause: str, r: Readings, usual: Usual, swing: float, loss: NDArray[np.float32]
) -> Reading:
    """Return what the readings of a frame say of one cause.

    Args:
        cause: One of `CAUSES`.
        r: Of the frame.
        usual: Of the camera.
        swing: Of `swing_of` the last frames.
        loss: ``(rows, columns)``, of `lasting_loss`.
    """
    read = _READ.get(cause)
    if read is not None:
        return read(r, usual)
    if cause == "flicker":
        return _flicker(r, usual, swing)
    if cause == "dirty_lens":
        return _dirt(r, usual, loss)
    return Reading(0.0, 0.0, "of the reference's size")


def _frozen(r: Readings, usual: Usual) -> Reading:
    if r.change is None:
        return Reading(0.0, 0.0, "no frame before")
    if r.saturated >= _BLIND:
        return Reading(0.0, 0.0, "too much light to tell whether the picture changes")
    # In the dark, and where all is white, pictures change less without being frozen.
    light = min(1.0, float(np.exp(r.gain - usual.gain))) * (1 - r.saturated)
    still = 100 * max(0.0, 1 - r.change / (usual.change * max(light, 0.05)))
    return Reading(
        still,
        still,
        f"changed by {r.change:.2f} levels since the frame before; "
        f"a healthy picture by {usual.change:.2f} or more",
    )


def _turned(r: Readings, usual: Usual) -> Reading:
    degrees = 90.0 * (r.quarters if usual.steady else 0)
    told = f"the picture is turned by {degrees:.0f} degrees" if degrees else "not turned"
    return Reading(degrees, degrees, told if usual.steady else _UNTOLD)


def _knocked(r: Readings, usual: Usual) -> Reading:
    if not usual.steady:
        return Reading(0.0, 0.0, _UNTOLD)
    x, y, degrees = r.moved
    # A turn moves what lies halfway to the corners by so many px.
    px = float(np.hypot(np.hypot(x, y), np.radians(degrees) * usual.reach))
    evidence = f"background {np.hypot(x, y):.1f} px from its place in the reference"
    if degrees:
        evidence += f" and turned by {abs(degrees):.1f} degrees"
    return Reading(px, px, evidence)


def _dark(r: Readings, usual: Usual) -> Reading:
    gain = r.gain - usual.gain
    darker = 100 * max(0.0, 1 - float(np.exp(gain)))
    return Reading(darker, darker, f"background {darker:.0f}% darker than this camera's reference")


def _bright(r: Readings, usual: Usual) -> Reading:
    brighter = 100 * max(0.0, float(np.exp(r.gain - usual.gain)) - 1)
    worse = max(brighter, 100 * float(r.saturated))
    return Reading(
        worse,
        worse,
        f"background {brighter:.0f}% brighter than this camera's reference, "
        f"{100 * r.saturated:.0f}% newly saturated",
    )


def _noisy(r: Readings, usual: Usual) -> Reading:
    return Reading(
        r.noise / usual.noise,
        r.noise,
        f"sensor noise of {r.noise:.1f} levels of brightness, {usual.noise:.1f} in this camera's "
        "reference",
    )


def _defocus(r: Readings, usual: Usual) -> Reading:
    softer = 100 * max(0.0, 1 - r.sharpness / max(usual.sharpness, 1e-9))
    before, now = blur_of(usual.sharpness), blur_of(r.sharpness)
    px = usual.step * float(np.sqrt(max(0.0, now**2 - before**2)))
    return Reading(
        softer, px, f"blurred by {px:.1f} px, edges {softer:.0f}% softer than in this camera's "
        "reference",
    )  # fmt: skip


def _cast(r: Readings, usual: Usual) -> Reading:
    cast = np.expm1(np.asarray(r.cast) - usual.cast)
    most = 100 * float(np.abs(cast).max())
    gains = ", ".join(f"{c} {100 * v:+.0f}%" for c, v in zip(_COLOURS, cast, strict=True))
    warm = cast[0] - cast[2]
    way = "greener" if cast[1] > max(cast[0], cast[2]) else "warmer" if warm > 0 else "cooler"
    if cast[1] < min(cast[0], cast[2]) - 0.02:
        way = "more purple"
    return Reading(most, most, f"{gains} against the mean of the channels: {way}")


def _flicker(r: Readings, usual: Usual, swing: float) -> Reading:
    depth, number = r.bands
    banded = 100 * max(0.0, depth - usual.bands)
    if banded >= 100 * swing:
        told = f"{number} bands from top to bottom, {banded:.0f}% lighter and darker"
        return Reading(banded, banded, told)
    swung = 100 * swing
    return Reading(swung, swung, f"brightness swings by {swung:.0f}% from frame to frame")


def _dirt(r: Readings, usual: Usual, loss: NDArray[np.float32]) -> Reading:
    if not (usual.steady or usual.closely):
        return Reading(0.0, 0.0, _UNTOLD)
    row, column = np.unravel_index(int(loss.argmax()), loss.shape)
    worst = float(loss[row, column])
    told = max(int(np.count_nonzero(np.isfinite(r.patches))), loss.size // 4)
    share = 100 * int(np.count_nonzero(loss >= LEAST_LOSS)) / max(1, told)
    x, y = (int((place + 0.5) * r.stride) for place in (column, row))
    return Reading(
        100 * worst,
        float(share),
        f"{share:.0f}% of what can be told of the lens is covered; around ({x}, {y}) px "
        f"{100 * worst:.0f}% of the {'reference' if usual.steady else 'scene'}'s detail is missing",
    )


_UNTOLD = "this camera moves in its reference, so this cannot be told"
_COLOURS = ("red", "green", "blue")
_READ = {
    "frozen_frame": _frozen,
    "wrong_rotation": _turned,
    "camera_knocked": _knocked,
    "lamp_failed": _dark,
    "over_exposed": _bright,
    "noisy_sensor": _noisy,
    "defocus": _defocus,
    "colour_cast": _cast,
}
