"""Whether the world has changed: where, and since when."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from januscl.core import Cell, Observation, Signal, Ticket
from januscl.line.moments import Moments
from januscl.store import Workspace
from januscl.watch import Change, ChangeWatch, RollingCalibration

RUN_LENGTH = 10_000
"""Moments of a healthy scope before a change is told of it, on average, at least."""

_SIGNALS = {"camera": 1.0, "novelty": 1.0, "uncertainty": 1.0}
_WINDOW = 500  # moments
_LEAST = 300  # looks, some 30 moments
_GOES_ON = timedelta(days=1)


@dataclass
class _Moment:
    """The looks of one camera and model at one pile: signal to a score for each look."""

    number: int
    model: str
    at: datetime
    scores: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


class Changes:
    """Tells a strange frame from a changed world: in a camera, a line, a site or the fleet.

    Looks at one pile are no independent witnesses, so what is judged is a moment: up to ten looks
    of a robot. Three scores of each look count: how far the camera is from its reference, its
    strangest instance, and the model's doubt. They are calibrated against a rolling window of the
    same camera and model version, into which moments come at random, and none that lies under a
    ticket. While that window fills, nothing is said, and the audit log says so: as of the first
    frames of a model on a camera, and after a restart.

    A change is told once while it goes on: an alarm within a day of the last one of the same scope
    is no news. It decides nothing: campaigns open by what a novelty costs. Observers of one fleet
    may share one of these.

    Args:
        workspace: Whose audit log tells of changes and of windows that fill.
        cells: The fleet; the test station does not count.
        seed: Of ties and of what enters a window.
    """

    def __init__(self, workspace: Workspace, cells: Sequence[Cell], seed: int) -> None:
        self._workspace = workspace
        self._cells = {cell.camera: cell for cell in cells if not cell.station}
        self._calibration = RollingCalibration(_WINDOW, _LEAST, seed=seed)
        # The healthy window is finite, and each bet pays for that; see `ChangeWatch`.
        self._watch = ChangeWatch(_SIGNALS, RUN_LENGTH, toll=30 / _WINDOW)
        self._numbers: dict[str, Moments] = defaultdict(Moments)
        self._moments: dict[str, _Moment] = {}
        self._warm: dict[tuple[str, str], bool] = {}
        self._alarmed: dict[tuple[str, str], datetime] = {}
        self._under: dict[str, set[str]] = defaultdict(set)
        for ticket in workspace.catalogue.tickets.list(open_only=True):
            self._under[ticket.camera].add(ticket.id)

    def take(
        self, observation: Observation, strangeness: float | None, signals: Sequence[Signal]
    ) -> None:
        """Take the next frame of a camera; one under an open ticket changes nothing.

        Args:
            observation: The frame.
            strangeness: Of its camera; see `CameraHealth.strangeness`. None where it is not known.
            signals: The readings of the model's watchers.
        """
        camera, model, at = observation.frame.camera, observation.model, observation.frame.at
        if camera not in self._cells or self._under[camera]:
            return
        number = self._numbers[camera].of(at)
        moment = self._moments.get(camera)
        if moment is None or (moment.number, moment.model) != (number, model):
            if moment is not None:
                self._close(camera, moment, model)
            moment = self._moments[camera] = _Moment(number, model, at)
        for name, score in _scores(strangeness, signals).items():
            moment.scores[name].append(score)

    def quarantine(self, ticket: Ticket) -> None:
        """Take a ticket that opened or closed.

        What was learned of its camera since the fault began is forgotten, and what that was
        evidence of.
        """
        under = self._under[ticket.camera]
        if ticket.closed is None:
            under.add(ticket.id)
        else:
            under.discard(ticket.id)
        self._moments.pop(ticket.camera, None)
        self._calibration.drop_since(ticket.camera, ticket.began)
        self._watch.restart(ticket.camera)

    def _close(self, camera: str, moment: _Moment, model: str) -> None:
        """Judge a moment that is over, then offer it to its window."""
        if not moment.scores:
            return
        read = self._calibration.read(camera, moment.model, moment.scores)
        self._calibration.learn(camera, moment.model, moment.at, moment.scores)
        self._tell_warmth(camera, moment, not read.warming, read.told)
        if read.p_values:
            for change in self._watch.update(self._cells[camera], moment.at, read.p_values):
                self._tell(change)
        if model != moment.model:
            self._watch.restart(camera)

    def _tell_warmth(self, camera: str, moment: _Moment, warm: bool, told: str) -> None:
        key = (camera, moment.model)
        if self._warm.get(key) != warm:
            self._warm[key] = warm
            self._record(
                "calibration.ready" if warm else "calibration.warming",
                camera,
                {"model": moment.model, "told": told},
                moment.at,
            )

    def _tell(self, change: Change) -> None:
        key = (str(change.scope), change.name)
        last = self._alarmed.get(key)
        self._alarmed[key] = change.noticed
        if last is not None and change.noticed - last <= _GOES_ON:
            return
        detail = {
            "scope": str(change.scope),
            "began": change.began.isoformat(),
            "signals": list(change.signals),
            "moments": change.frames,
            "run_length": RUN_LENGTH,
        }
        self._record("change.told", change.name or str(change.scope), detail, change.noticed)

    def _record(
        self, action: str, subject: str, detail: Mapping[str, object], at: datetime
    ) -> None:
        self._workspace.catalogue.audit.record("watch", action, subject, dict(detail), at)


def _scores(strangeness: float | None, signals: Sequence[Signal]) -> dict[str, float]:
    """Return the scores of one look, by their signals."""
    found = {} if strangeness is None else {"camera": strangeness}
    novel = [s.score for s in signals if s.watcher.startswith("novelty.")]
    if novel:
        found["novelty"] = max(novel)
    doubt = [s.score for s in signals if s.watcher == "uncertainty.frame"]
    return found | ({"uncertainty": doubt[0]} if doubt else {})
