"""Camera health: one signal for each cause, against the camera's own reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Conflict, Image, InvalidInput, Observation, Signal
from januscl.watch.background import Background, hidden_by, learn_background
from januscl.watch.calibration import conformal_p
from januscl.watch.causes import CAUSES, main_cause
from januscl.watch.readings import Readings, lasting_patch, read_frame, remember_patches

LEAST_REFERENCE = 20
"""Healthy observations of a camera without which nothing can be called out of the ordinary."""

_FOLDS = 5
_LARGEST = 640
_STEADY = 1.5
_LEAST_CONTRAST = 2.0  # levels


@dataclass(frozen=True)
class _Typical:
    """Medians of the healthy readings, which severities are relative to.

    `change` is the smallest one instead, as a package need not move between two frames.
    """

    sharpness: float
    noise: float
    change: float
    gain: float
    cast: NDArray[np.float64]
    steady: bool


class CameraHealth:
    """Reads the health of ONE camera; each camera has a watcher of its own.

    Measured outside the instances, and pixel by pixel only where the reference holds still, so
    that packages of any look are no fault, even those that the model missed. Remembers the
    frame before, to tell a frozen picture, and `lasting` readings of each place, as dirt is told
    from a missed package by its staying; so a dirty lens is seen that many frames late, less a
    fifth, later where packages mostly lie, and never where the background has no detail.

    Pictures over 640 px a side are decimated by a whole number first; how far a camera was knocked
    is told in px of what is left. A camera that moves while
    it is healthy (hand-held, on an arm) can be judged for everything but a knock
    and dirt.

    Args:
        lasting: Readings of a place over which dirt has to stay; more than the frames that one
            pile is seen in. Where `UnexplainedForeground` adds to the instances what the model
            missed, a third of it does.

    Raises:
        InvalidInput: `lasting` is below 1.
    """

    name = "camera"

    def __init__(self, lasting: int = 16) -> None:
        if lasting < 1:
            raise InvalidInput("lasting", "1 or more readings", f"{lasting}", "16 is usual.")
        self.lasting = lasting
        self._background: Background | None = None
        self._last: tuple[str, Image] | None = None
        self._before_last: Image | None = None
        self._patches: NDArray[np.float32] | None = None
        self._patch = (0.0, (0, 0))
        self._remembered = ""

    def fit(self, reference: Sequence[Observation]) -> Self:
        """Learn what is ordinary for this camera.

        Args:
            reference: 20 or more healthy observations of one camera in order of time; with n
                of them the smallest p-value is 1 / (n + 1). Each is read against the background
                of the others (5 folds; Vovk, Cross-conformal predictors, 2015).

        Raises:
            InvalidInput: There are fewer than 20, or of several cameras or sizes, or one is blank.
        """
        shapes = {(o.frame.camera, o.frame.image.shape) for o in reference}
        if len(reference) < LEAST_REFERENCE or len(shapes) != 1:
            raise InvalidInput(
                "camera reference",
                f"{LEAST_REFERENCE} or more healthy observations of one camera at one size",
                f"{len(reference)} observations of {sorted(shapes)}",
                "Fit one CameraHealth for each camera.",
            )
        blank = sum(is_blank(o.frame.image) for o in reference)
        if blank:
            raise InvalidInput(
                "camera reference", "pictures that show something", f"{blank} blank ones",
                "Leave them out, and look at the camera.",
            )  # fmt: skip
        images = [_decimate(o.frame.image) for o in reference]
        covered = [_hidden(o) for o in reference]
        readings = _read_folds(images, covered, steady=True)
        steady = bool(np.percentile([r.shift for r in readings], 90) < _STEADY)
        if not steady:
            readings = _read_folds(images, covered, steady=False)
        self._typical = _typical(readings, steady)
        self._patches, self._patch, self._remembered = None, (0.0, (0, 0)), ""
        healthy = []
        for observation, r in zip(reference, readings, strict=True):
            self._remember(observation.id, r)
            healthy.append(self._severities(r))
        self._healthy = {c: np.asarray([h[c] for h in healthy]) for c in CAUSES}
        self._background = learn_background(images, covered, steady)
        self._size = reference[0].frame.image.shape[:2]
        self._last = (reference[-1].id, images[-1])
        self._before_last = images[-2]
        return self

    def score(self, observation: Observation) -> list[Signal]:
        """Return one signal for each of `CAUSES`, in their order.

        Of a frame of another size than the reference only ``camera.wrong_resolution`` can be told.

        Raises:
            Conflict: It has not been fitted.
        """
        if self._background is None or self._last is None:
            raise Conflict("CameraHealth has no reference; call fit with healthy observations")
        if observation.frame.image.shape[:2] != self._size:
            return [self._wrong_resolution(observation.frame.image)]
        image = _decimate(observation.frame.image)
        if observation.id != self._last[0]:
            self._before_last = self._last[1]
            self._last = (observation.id, image.copy())
        readings = read_frame(image, _hidden(observation), self._background, self._before_last)
        signals = self._signals(readings)
        if main_cause([s for s in signals if s.watcher != "camera.dirty_lens"]) is None:
            # What another fault makes of a frame must not be taken for dirt once it is mended.
            self._remember(observation.id, readings)
            signals = self._signals(readings)
        return signals

    def _wrong_resolution(self, image: Image) -> Signal:
        found, ought = image.shape[:2], self._size
        severity = float(max(abs(f - o) for f, o in zip(found, ought, strict=True)))
        return self._signal(
            "wrong_resolution",
            severity,
            f"picture of {found[1]} x {found[0]} px, {ought[1]} x {ought[0]} in this camera's "
            "reference; fit the camera again if that is meant",
        )

    def _signals(self, readings: Readings) -> list[Signal]:
        severities = self._severities(readings)
        evidence = self._evidence(readings, severities)
        return [self._signal(cause, severities[cause], evidence[cause]) for cause in CAUSES]

    def _signal(self, cause: str, severity: float, evidence: str) -> Signal:
        p_value = conformal_p(self._healthy[cause], severity)
        return Signal(f"{self.name}.{cause}", severity, p_value, None, severity, evidence)

    def _remember(self, observation: str, readings: Readings) -> None:
        if observation != self._remembered:
            self._patches = remember_patches(self._patches, readings.patches, self.lasting)
            self._patch = lasting_patch(self._patches)
            self._remembered = observation

    def _severities(self, r: Readings) -> dict[str, float]:
        usual = self._typical
        gain = r.gain - usual.gain
        cast = np.asarray(r.cast) - usual.cast
        still = 0.0 if r.change is None else max(0.0, 1 - r.change / usual.change)
        return {
            "wrong_resolution": 0.0,  # or there were no readings
            "frozen_frame": 100 * still,
            "lamp_failed": 100 * max(0.0, 1 - float(np.exp(gain))),
            "over_exposed": 100 * max(0.0, float(np.exp(gain)) - 1, r.saturated),
            "camera_knocked": r.shift if usual.steady else 0.0,
            "noisy_sensor": r.noise / usual.noise,
            "defocus": 100 * max(0.0, 1 - r.sharpness / max(usual.sharpness, 1e-9)),
            "colour_cast": 100 * float(np.abs(np.expm1(cast)).max()),
            "dirty_lens": 100 * self._patch[0] if usual.steady else 0.0,
        }

    def _evidence(self, r: Readings, s: Mapping[str, float]) -> dict[str, str]:
        cast = np.expm1(np.asarray(r.cast) - self._typical.cast)
        channel = int(np.abs(cast).argmax())
        colour = ("red", "green", "blue")[channel]
        change = "no frame before" if r.change is None else f"{r.change:.2f} levels"
        x, y = (_step(self._size) * r.stride * place for place in self._patch[1])
        dirt = (
            f"a patch at ({x}, {y}) px shows {s['dirty_lens']:.0f}% less detail than the reference"
        )
        knocked = f"background {s['camera_knocked']:.1f} px from its place in the reference"
        if not self._typical.steady:
            knocked = dirt = "this camera moves in its reference, so this cannot be told"
        return {
            "wrong_resolution": "of the reference's size",
            "frozen_frame": f"changed by {change} since the frame before; "
            f"a healthy picture by {self._typical.change:.2f} or more",
            "lamp_failed": f"background {s['lamp_failed']:.0f}% darker than this "
            "camera's reference",
            "over_exposed": f"background {s['over_exposed']:.0f}% brighter than this "
            f"camera's reference, {100 * r.saturated:.0f}% newly saturated",
            "camera_knocked": knocked,
            "noisy_sensor": f"sensor noise {s['noisy_sensor']:.1f} times its reference "
            f"of {self._typical.noise:.1f} levels",
            "defocus": f"edges {s['defocus']:.0f}% softer than in this camera's reference",
            "colour_cast": f"{colour} {100 * cast[channel]:+.0f}% against the other channels",
            "dirty_lens": dirt,
        }


def is_blank(image: Image) -> bool:
    """Say whether a picture ``(H, W, 3) uint8`` shows nothing: a cap, no light, or only light.

    Sensor noise does not count, as cells of a sixteenth of each side are averaged first.
    """
    cells = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32)
    return float(cells.std(axis=(0, 1)).max()) < _LEAST_CONTRAST


def _read_folds(
    images: Sequence[Image], covered: Sequence[BoolMask], steady: bool
) -> list[Readings]:
    backgrounds = []
    for fold in range(_FOLDS):
        others = [i for i in range(len(images)) if i % _FOLDS != fold]
        chosen = [images[i] for i in others], [covered[i] for i in others]
        backgrounds.append(learn_background(*chosen, steady))
    return [
        read_frame(images[i], covered[i], backgrounds[i % _FOLDS], images[i - 1] if i else None)
        for i in range(len(images))
    ]


def _typical(readings: Sequence[Readings], steady: bool) -> _Typical:
    changes = [r.change for r in readings if r.change is not None]
    return _Typical(
        sharpness=float(np.median([r.sharpness for r in readings])),
        noise=max(1.0, float(np.median([r.noise for r in readings]))),
        change=max(0.05, min(changes)),
        gain=float(np.median([r.gain for r in readings])),
        cast=np.median([r.cast for r in readings], axis=0),
        steady=steady,
    )


def _step(shape: tuple[int, ...]) -> int:
    return -(-max(shape[:2]) // _LARGEST)


def _decimate(image: Image) -> Image:
    # Taking every k-th pixel keeps the sensor's noise, which averaging would hide.
    step = _step(image.shape)
    return np.ascontiguousarray(image[::step, ::step]) if step > 1 else image


def _hidden(observation: Observation) -> BoolMask:
    shape = observation.frame.image.shape
    hidden = hidden_by(observation.instances, shape[0], shape[1], margin=3 * _step(shape))
    return hidden[:: _step(shape), :: _step(shape)]
