"""What was read of each camera's health, gathered to the minute and kept."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite

from januscl.core import Frame, InvalidInput, JanusError, Signal
from januscl.store import Catalogue, CauseReading, HealthMinute

_ROOM = "camera."


@dataclass
class _Minute:
    """The readings of one camera in the minute that goes on."""

    at: datetime
    frames: int = 0
    faulty: int = 0
    signals: dict[str, list[Signal]] = field(default_factory=lambda: defaultdict(list))
    alarms: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Minutes:
    """Keeps what watchers read of cameras, a row for each camera and minute of the frames' time.

    A minute is written when the camera's first frame of another one comes, so that no frame waits
    for it, or by `flush`. Where the catalogue is busy or full it is kept in memory and tried again;
    until then frames of the camera's later minutes are refused. What a process gathered of a minute
    before it was killed is lost.

    Args:
        catalogue: Where the minutes are kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._open: dict[str, _Minute] = {}

    def take(self, frame: Frame, signals: Sequence[Signal], cause: Signal | None) -> None:
        """Take the readings of a frame.

        Args:
            frame: Of any camera.
            signals: Those of `januscl.watch.CameraHealth`, all or some; others are ignored.
            cause: The one that explains them, where the camera is not well.

        Raises:
            JanusError: The catalogue cannot take the camera's minute before: it is busy or full.
        """
        read = [
            s
            for s in signals
            if s.watcher.startswith(_ROOM) and isfinite(s.score) and isfinite(s.severity)
        ]
        at = frame.at.replace(second=0, microsecond=0)
        minute = self._open.get(frame.camera)
        if minute is None or minute.at != at:
            self._keep(frame.camera)
            minute = self._open[frame.camera] = _Minute(at)
        minute.frames += 1
        for signal in read:
            minute.signals[signal.watcher.removeprefix(_ROOM)].append(signal)
        if cause is not None:
            minute.faulty += 1
            minute.alarms[cause.watcher.removeprefix(_ROOM)] += 1

    def flush(self) -> None:
        """Write what was gathered of the minutes that go on; more may be added to them later.

        Raises:
            JanusError: The catalogue could not take the minute of a camera, which may be flushed
                again; those of the others were written all the same.
        """
        failed: JanusError | None = None
        for camera in list(self._open):
            try:
                self._keep(camera)
            except JanusError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _keep(self, camera: str) -> None:
        minute = self._open.get(camera)
        if minute is not None:
            causes = {
                name: _summed(signals, minute.alarms[name])
                for name, signals in minute.signals.items()
            }
            row = HealthMinute(camera, minute.at, minute.frames, minute.faulty, causes)
            try:
                self._catalogue.camera_health.add([row])
            except InvalidInput:  # tried again it would be refused for ever
                del self._open[camera]
                raise
            del self._open[camera]


def _summed(signals: Sequence[Signal], alarms: int) -> CauseReading:
    severities = [signal.severity for signal in signals]
    mean, worst = sum(severities) / len(severities), max(severities)
    return CauseReading(len(signals), alarms, mean, worst, max(s.score for s in signals))
