"""Camera health: one signal for each cause, against the camera's own reference."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from januscl.core import BoolMask, Conflict, Image, InvalidInput, Observation, Signal
from januscl.watch.background import learn_background
from januscl.watch.calibration import conformal_p
from januscl.watch.causes import CAUSES, LEAST_SCORE, main_cause
from januscl.watch.dirt import (
    LASTING_MOVED,
    LEAST_LOSS,
    is_darkened,
    lasting_loss,
    readings_since,
    remember_patches,
)
from januscl.watch.flicker import SWINGS, is_unsettled, swing_of, turn_of
from januscl.watch.folds import read_folds, usual_loss
from januscl.watch.lately import DELAY, Lately, follow_closely, runs_of
from januscl.watch.onset import Onsets
from januscl.watch.place import Place
from januscl.watch.readings import Readings, read_frame, some_rows
from januscl.watch.severity import (
    Reading,
    Usual,
    is_steady,
    reading_of,
    usual_of,
)
from januscl.watch.view import hidden_small, view_of

LEAST_REFERENCE = 20
"""Healthy observations of a camera without which nothing can be called out of the ordinary."""

_COMPARED = ("lamp_failed", "over_exposed", "noisy_sensor", "defocus", "colour_cast")
"""Of a camera that moves, what is told against the frames just before."""

_BEYOND = 1.5  # times what the worst healthy frame differs by, as a new scene may differ by more

_Scores = Mapping[str, float]
"""Of one frame, one for each cause."""

_LEAST_CONTRAST = 2.0  # levels


class CameraHealth:
    """Reads the health of ONE camera; each camera has a watcher of its own.

    Measured outside the instances, and place by place only where the reference holds still, so
    that packages of any look are no fault, even those that the model missed. Remembers the
    frame before, to tell a frozen picture, the brightness of eight frames, to tell a flicker, and
    `lasting` readings of each place, as dirt is told from a missed package by its staying; so a
    dirty lens is seen that many frames late, less a fifth, later where packages mostly lie, and
    never where the background has no detail. `began` tells when it was there first.

    Pictures over 240 px a side are averaged first. A camera that moves while it is healthy
    (hand-held, on an arm) can be judged for everything but a knock and a turn. Where its
    reference shows frames that follow each other closely, its light, colour, noise and sharpness
    are told against its last healthy frames, and against the worst of the reference. Dirt is told
    there alone: dark dirt that comes from one frame to the next, four frames late. Both are told
    for 25 frames, after which there is nothing healthy left to compare with.

    Args:
        lasting: Readings of a place over which dirt has to stay; more than the frames that one
            pile is seen in. Where `UnexplainedForeground` adds to the instances what the model
            missed, a third of it does.

    Attributes:
        ordinary: ``(m,)``, `strangeness` of the reference's observations, or of as many of them
            as were told against others just before.

    Raises:
        InvalidInput: `lasting` is below 1.
    """

    name = "camera"
    _last: tuple[str, NDArray[np.uint8]] | None
    _before_last: NDArray[np.uint8] | None
    _patches: NDArray[np.float32] | None
    _gains: deque[float]
    _remembered: str
    _lit: str
    _lately: Lately | None

    def __init__(self, lasting: int = 16) -> None:
        if lasting < 1:
            raise InvalidInput("lasting", "1 or more readings", f"{lasting}", "16 is usual.")
        self.lasting = lasting
        self.ordinary: NDArray[np.float64] = np.zeros(0)
        self._place: Place | None = None
        self._forget()

    def fit(self, reference: Sequence[Observation]) -> Self:
        """Learn what is ordinary for this camera.

        Args:
            reference: 20 or more healthy observations of one camera in order of time; with n
                of them the smallest p-value is 1 / (n + 1). Each is read against the background
                of the others (5 folds; Vovk, Cross-conformal predictors, 2015).

        Raises:
            InvalidInput: There are fewer than 20, or of several cameras or sizes, or one is blank.
        """
        _check_reference(reference)
        views = [view_of(o.frame.image) for o in reference]
        covered = [_hidden(o) for o in reference]
        readings = read_folds(views, covered, steady=True)
        steady = is_steady(readings)
        runs, pause = runs_of([o.frame.at for o in reference])
        closely = not steady and follow_closely([r.gain for r in readings], runs)
        if not steady:
            readings = read_folds(views, covered, steady=False, runs=runs if closely else None)
        self._size = views[0].image.shape[0], views[0].image.shape[1]
        self._usual = usual_of(readings, steady, closely, views[0].step, self._size)
        self._forget()
        self._turn = turn_of([r.gain for r in readings])
        self._lasts = self.lasting if steady else LASTING_MOVED
        self._tolerance = usual_loss(readings, self._lasts)
        self._lately = Lately(pause) if closely else None
        self._spread = {c: self._spread_of(c, readings) for c in _COMPARED}
        whole, lately = self._read_in_order(reference, readings, runs)
        enough = len(lately) >= LEAST_REFERENCE
        self._healthy = _by_cause(whole, CAUSES)
        self._healthy_lately = _by_cause(lately, _COMPARED) if enough else {}
        told = lately if enough else whole
        self._scales = {c: _scale(c, scores) for c, scores in _by_cause(told, CAUSES).items()}
        self.ordinary = np.asarray([self._strangeness(row) for row in told])
        self._background = learn_background(views, covered, steady)
        self._place = Place(self._background) if steady else None
        self._last = (reference[-1].id, some_rows(views[-1]).copy())
        self._before_last = some_rows(views[-2]).copy()
        return self

    def _read_in_order(
        self, reference: Sequence[Observation], readings: Sequence[Readings], runs: Sequence[int]
    ) -> tuple[list[_Scores], list[_Scores]]:
        """Return the scores of healthy frames, and of those that are told against frames before."""
        whole: list[_Scores] = []
        lately: list[_Scores] = []
        for k, (observation, r) in enumerate(zip(reference, readings, strict=True)):
            if self._lately is not None:
                self._lately.come(observation.id, observation.frame.at)
                self._lately.saw(r)
                if k - DELAY >= runs[k]:
                    self._lately.keep(readings[k - DELAY])
            self._newest(observation, r)
            self._remember(observation, r)
            whole.append({cause: self._read_whole(cause, r).score for cause in CAUSES})
            usual = self._lately.usual(self._usual) if self._lately else None
            if usual is not None:
                against = {cause: self._read_lately(cause, r, usual).score for cause in _COMPARED}
                lately.append({**whole[-1], **against})
        return whole, lately

    def _spread_of(self, cause: str, readings: Sequence[Readings]) -> float:
        """Return by how much the worst healthy frame exceeds the middle one."""
        scores = [reading_of(cause, r, self._usual, 0.0, self._loss).score for r in readings]
        return max(scores) - float(np.median(scores))

    def score(self, observation: Observation) -> list[Signal]:
        """Return one signal for each of `CAUSES`, in their order.

        A signal's `score` is what its p-value and `main_cause` judge by; its `severity` is in the
        unit that the evidence names. Of a frame of another size than the reference only
        ``camera.wrong_resolution`` or ``camera.wrong_rotation`` can be told.

        Raises:
            Conflict: It has not been fitted.
        """
        if self._last is None:
            raise Conflict("CameraHealth has no reference; call fit with healthy observations")
        if observation.frame.image.shape[:2] != self._size:
            signals = [self._wrong_size(observation.frame.image)]
        else:
            signals = self._signals_of(observation, self._last)
        cause = main_cause(signals)
        late = self._dirty_for if cause and cause.watcher == "camera.dirty_lens" else 0
        self._onsets.update(observation, cause, late)
        return signals

    def began(self, cause: str) -> datetime | None:
        """Return when a fault that goes on was there first; None where it does not go on.

        A dirty lens is told late, and began when the place was first seen to lack its detail.

        Args:
            cause: One of `CAUSES`.
        """
        return self._onsets.began(cause)

    def strangeness(self, signals: Sequence[Signal]) -> float:
        """Return how far a frame is from the reference in any of the causes, for `AlarmRate`.

        Args:
            signals: Of `score`.

        Returns:
            The highest of the scores, each less its healthy median, in units of how far the
            healthy scores spread above that.
        """
        return self._strangeness(
            {s.watcher.removeprefix(f"{self.name}."): s.score for s in signals}
        )

    def _strangeness(self, scores: Mapping[str, float]) -> float:
        return max((v - self._scales[c][0]) / self._scales[c][1] for c, v in scores.items())

    def _signals_of(
        self, observation: Observation, last: tuple[str, NDArray[np.uint8]]
    ) -> list[Signal]:
        view = view_of(observation.frame.image)
        if observation.id != last[0]:
            self._before_last = last[1]
            self._last = (observation.id, some_rows(view).copy())
        before = self._before_last
        light: NDArray[np.float32] | None = self._background.log_gray
        earlier = None
        if self._lately is not None:
            self._lately.come(observation.id, observation.frame.at)
            light, earlier = self._lately.light, self._lately.earlier
        hidden = _hidden(observation)
        r = read_frame(view, hidden, self._background, self._place, before, light, earlier)
        if self._lately is not None:
            self._lately.saw(r)
        self._newest(observation, r)
        signals = [self._told(cause, r) for cause in CAUSES[:-1]]
        if main_cause(signals) is None:
            # What another fault makes of a frame must not be taken for dirt once it is mended.
            self._remember(observation, r)
        signals.append(self._told(CAUSES[-1], r))
        if self._lately is not None and main_cause(signals) is None:
            self._lately.keep(r)
        return signals

    def _wrong_size(self, image: Image) -> Signal:
        found, ought = (image.shape[0], image.shape[1]), self._size
        if found == ought[::-1]:
            told = "picture turned by 90 degrees, one way or the other"
            return self._signal("wrong_rotation", Reading(90.0, 90.0, told))
        px = float(max(abs(f - o) for f, o in zip(found, ought, strict=True)))
        told = (
            f"picture of {found[1]} x {found[0]} px, {ought[1]} x {ought[0]} in this camera's "
            "reference; fit the camera again if that is meant"
        )
        return self._signal("wrong_resolution", Reading(px, px, told))

    def _read(self, cause: str, readings: Readings, usual: Usual) -> Reading:
        if self._unsettled and cause in ("lamp_failed", "over_exposed"):
            return Reading(0.0, 0.0, "the light goes up and down")
        if cause == "defocus" and self._lately is not None and self._lately.softens:
            return Reading(0.0, 0.0, "pictures grow softer step by step, as in motion")
        if cause == "defocus" and self._lately is not None and is_darkened(readings.patches):
            # The edges of dirt are soft, and it may cover what was sharp.
            return Reading(0.0, 0.0, "part of the picture has just grown dark")
        return reading_of(cause, readings, usual, self._swing, self._loss)

    def _read_whole(self, cause: str, readings: Readings) -> Reading:
        return self._read(cause, readings, self._usual)

    def _read_beyond(self, cause: str, readings: Readings) -> Reading:
        """Return what is told against the worst of the reference; no two scenes are alike."""
        whole = self._read_whole(cause, readings)
        if cause not in _COMPARED:
            return whole
        return replace(whole, score=max(0.0, whole.score - _BEYOND * self._spread[cause]))

    def _read_lately(self, cause: str, readings: Readings, usual: Usual) -> Reading:
        """Return what is told against the frames before, or against the worst of the reference."""
        lately, whole = self._read(cause, readings, usual), self._read_beyond(cause, readings)
        return lately if lately.score >= whole.score else whole

    def _told(self, cause: str, readings: Readings) -> Signal:
        if self._lately is None or not self._healthy_lately:
            return self._signal(cause, self._read_whole(cause, readings))
        usual = self._lately.usual(self._usual)
        if usual is None or cause not in self._healthy_lately:
            return self._signal(cause, self._read_beyond(cause, readings))
        read = self._read_lately(cause, readings, usual)
        return self._signal(cause, read, self._healthy_lately[cause])

    def _signal(
        self, cause: str, read: Reading, healthy: NDArray[np.float64] | None = None
    ) -> Signal:
        p_value = conformal_p(self._healthy[cause] if healthy is None else healthy, read.score)
        watcher = f"{self.name}.{cause}"
        return Signal(watcher, read.score, p_value, None, read.severity, read.evidence)

    def _newest(self, observation: Observation, readings: Readings) -> None:
        if observation.id != self._lit:
            self._gains.append(readings.gain)
            gains = list(self._gains)
            self._swing, self._unsettled = swing_of(gains), is_unsettled(gains, self._turn)
            self._lit = observation.id

    def _remember(self, observation: Observation, readings: Readings) -> None:
        if self._patches is None:
            self._loss = np.zeros(readings.patches.shape, np.float32)
        if observation.id == self._remembered:
            return
        self._remembered = observation.id
        patches = readings.patches - self._tolerance
        self._patches = remember_patches(self._patches, patches, self._lasts)
        self._loss = lasting_loss(self._patches)

    @property
    def _dirty_for(self) -> int:
        """The last readings, the newest included, in which the worst place lacked its detail."""
        if self._patches is None:
            return 0
        row, column = np.unravel_index(int(self._loss.argmax()), self._loss.shape)
        return readings_since(self._patches, (int(row), int(column)), LEAST_LOSS)

    def _forget(self) -> None:
        self._last = self._before_last = self._patches = None
        self._lately = None
        self._loss = np.zeros((1, 1), np.float32)
        self._gains = deque(maxlen=SWINGS)
        self._swing, self._unsettled = 0.0, False
        self._remembered = self._lit = ""
        self._onsets = Onsets(2 * self.lasting)


def is_blank(image: Image) -> bool:
    """Say whether a picture ``(H, W, 3) uint8`` shows nothing: a cap, no light, or only light.

    Sensor noise does not count, as cells of a sixteenth of each side are averaged first.
    """
    cells = cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32)
    return float(cells.std(axis=(0, 1)).max()) < _LEAST_CONTRAST


def _check_reference(reference: Sequence[Observation]) -> None:
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


def _by_cause(rows: Sequence[_Scores], causes: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    return {cause: np.asarray([row[cause] for row in rows]) for cause in causes}


def _scale(cause: str, scores: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median of healthy scores and how far they spread above it."""
    middle, high = np.quantile(scores, (0.5, 0.9))
    return float(middle), float(max(high - middle, 0.05 * LEAST_SCORE[cause]))


def _hidden(observation: Observation) -> BoolMask:
    frame = observation.frame
    return hidden_small(observation.instances, frame.height, frame.width)
