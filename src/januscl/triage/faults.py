"""Faults become tickets: one for each fault, from its first bad frame to its last."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from typing import Protocol

from januscl.core import InvalidInput, Signal, Ticket, new_id, utc

_STRANGE = 0.02  # p-value
_REMARKABLE = 0.1
"""Share of strange instances that is beyond what known ones show: five times their chance."""
_RUN = 50
"""Frames of a camera, bad or not, that a run may span: long beyond what a lasting fault takes."""


class Evidence(Protocol):
    """What gathers p-values until they are enough; `januscl.watch.EProcess` is one."""

    def update(self, p_value: float) -> bool:
        """Take the next p-value and say whether the evidence is enough by now."""

    def reset(self) -> None:
        """Forget what was seen."""


@dataclass(frozen=True)
class _Bad:
    """A frame at fault.

    Attributes:
        number: Of the frame, among its camera's.
        began: When its cause was there first: the frame's time, or before.
        strange, judged: Instances that are strange to the model's watchers, of how many.
    """

    number: int
    at: datetime
    signal: Signal
    began: datetime
    strange: int
    judged: int


@dataclass
class _Camera:
    """What is known of one camera: the run of bad frames that no open ticket explains.

    Its closed tickets are `past`, those that closed last at the end.
    """

    evidence: Evidence
    frames: int = 0
    last: datetime | None = None
    run: list[_Bad] = field(default_factory=list)
    healthy: int = 0
    mended_at: datetime | None = None
    closed: datetime | None = None
    open: dict[str, Ticket] = field(default_factory=dict)
    past: list[Ticket] = field(default_factory=list)


class FaultDesk:
    """Opens a ticket when bad frames persist and closes it when healthy ones do.

    One evidence process runs for each camera over the p-value of its main cause, 1 for a
    healthy frame. The main cause is the first of several readings that pass a level and a physical
    threshold, so the process's guarantee on false alarms is approximate. A ticket's cause is the
    commonest in the run. It `began` with the first frame of the run, or before it, where the
    camera's watcher knows by hindsight, but not before the ticket before it closed. It `closed`
    with the first of the healthy frames that closed it, so that no frame known to be bad lies
    outside. A camera that is bad now and then, but never often enough for a ticket, has a run that
    goes back 50 of its frames and no further. A ticket's evidence is that of the worst frame, with
    the time and with what the model saw meanwhile.

    Args:
        new_evidence: Makes the process of one camera, such as `januscl.watch.EProcess`.
        healthy_frames: How many in a row end a run of bad frames and close tickets.
        tickets: Those of before, open or closed, after a restart.
    """

    def __init__(
        self,
        new_evidence: Callable[[], Evidence],
        healthy_frames: int = 5,
        tickets: Iterable[Ticket] = (),
    ) -> None:
        if healthy_frames < 1:
            raise InvalidInput("healthy_frames", "1 or more", f"{healthy_frames}", "5 is usual.")
        self._new_evidence = new_evidence
        self._healthy_frames = healthy_frames
        self._cameras: dict[str, _Camera] = {}
        self._tickets = {ticket.id: ticket for ticket in tickets}
        for ticket in self._tickets.values():
            if ticket.closed is None:
                self._camera(ticket.camera).open[ticket.cause] = ticket
            else:
                insort(self._camera(ticket.camera).past, ticket, key=attrgetter("closed"))

    @property
    def tickets(self) -> tuple[Ticket, ...]:
        """All tickets, in the order in which they were opened."""
        return tuple(self._tickets.values())

    def update(
        self,
        camera: str,
        robot: str,
        at: datetime,
        cause: Signal | None,
        began: datetime | None = None,
        beside: Sequence[Signal] = (),
    ) -> tuple[Ticket, ...]:
        """Take the next frame of a camera and return the tickets that opened or closed by it.

        Args:
            camera: Name of the camera.
            robot: Name of its robot.
            at: When the frame was taken; frames of one camera come in order of time.
            cause: The camera's main cause, or None when the frame is healthy.
            began: When the cause was there first, where that is known to be before this frame.
            beside: The model's watchers' readings of the same frame.

        Raises:
            InvalidInput: The frame is older than one that came before.
        """
        at = utc(at)
        state = self._camera(camera)
        if state.last is not None and at < state.last:
            raise InvalidInput(
                f"frame of camera {camera}",
                f"a time from {state.last.isoformat()} on",
                at.isoformat(),
                "Sort the frames of a camera by time before they reach the desk.",
            )
        state.last = at
        state.frames += 1
        while state.run and state.run[0].number <= state.frames - _RUN:
            del state.run[0]
        if cause is None:
            return self._healthy(state, at)
        since = min(at, utc(began or at))
        if state.closed is not None:
            since = max(since, state.closed)
        bad = _Bad(state.frames, at, cause, since, *_strange(beside))
        return self._bad(state, camera, robot, bad)

    def quarantines(self, camera: str, at: datetime) -> bool:
        """Say whether a frame must be kept out of training.

        True under a ticket, and from the beginning of a run of bad frames on while it is not
        known yet whether that becomes a ticket.
        """
        state, at = self._cameras.get(camera), utc(at)
        if state is None:
            return False
        # Tickets that closed before the frame was taken do not cover it.
        since = bisect_left(state.past, at, key=attrgetter("closed"))
        tickets = (*state.open.values(), *state.past[since:])
        return any(at >= bad.began for bad in state.run) or any(
            ticket.covers(camera, at) for ticket in tickets
        )

    def _camera(self, name: str) -> _Camera:
        return self._cameras.setdefault(name, _Camera(self._new_evidence()))

    def _healthy(self, state: _Camera, at: datetime) -> tuple[Ticket, ...]:
        state.evidence.update(1.0)
        state.healthy += 1
        mended = at if state.healthy == 1 else (state.mended_at or at)
        state.mended_at = mended
        if state.healthy < self._healthy_frames:
            return ()
        # After a restart a clock may go back behind the ticket, which none can be closed before.
        closed = tuple(replace(t, closed=max(t.opened, mended)) for t in state.open.values())
        self._tickets.update({ticket.id: ticket for ticket in closed})
        state.open.clear()
        for ticket in closed:
            insort(state.past, ticket, key=attrgetter("closed"))
        if closed:
            state.closed = mended
        _forget_run(state)
        return closed

    def _bad(self, state: _Camera, camera: str, robot: str, bad: _Bad) -> tuple[Ticket, ...]:
        state.healthy, signal = 0, bad.signal
        known = state.open.get(_cause(signal))
        if known is not None:
            # What an open ticket explains is no evidence of a second fault.
            _forget_run(state)
            if signal.severity > known.severity:
                told = _told(signal, known.began, bad.at, bad.strange, bad.judged)
                known = replace(known, severity=signal.severity, evidence=told)
                state.open[known.cause] = self._tickets[known.id] = known
            return ()
        state.run.append(bad)
        if not state.evidence.update(signal.p_value):
            return ()
        ticket = _ticket(camera, robot, state.run)
        state.open[ticket.cause] = self._tickets[ticket.id] = ticket
        _forget_run(state)
        return (ticket,)


def _cause(signal: Signal) -> str:
    return signal.watcher.split(".")[-1]


def _forget_run(state: _Camera) -> None:
    state.run.clear()
    state.evidence.reset()


def _ticket(camera: str, robot: str, run: list[_Bad]) -> Ticket:
    cause = Counter(_cause(bad.signal) for bad in run).most_common(1)[0][0]
    named = [bad for bad in run if _cause(bad.signal) == cause]
    worst = max((bad.signal for bad in named), key=lambda s: s.severity)
    began, opened = min(run[0].at, *(bad.began for bad in named)), run[-1].at
    strange, judged = sum(bad.strange for bad in run), sum(bad.judged for bad in run)
    entropy = sha256(f"ticket {camera} {cause} {began.isoformat()}".encode()).digest()[:10]
    return Ticket(
        id=new_id(opened, entropy),
        camera=camera,
        robot=robot,
        cause=cause,
        began=began,
        opened=opened,
        severity=worst.severity,
        evidence=_told(worst, began, opened, strange, judged),
    )


def _strange(beside: Iterable[Signal]) -> tuple[int, int]:
    """Return how many instances are strange to the model's watchers, and how many they judged."""
    novel = {s.instance: s.p_value for s in beside if s.watcher.split(".")[0] == "novelty"}
    return sum(p_value <= _STRANGE for p_value in novel.values()), len(novel)


def _told(signal: Signal, began: datetime, at: datetime, strange: int, judged: int) -> str:
    """Return the sentence of a ticket: what is wrong, since when, and what the model saw."""
    what, colon, rest = signal.evidence.partition(";")
    day = "" if began.date() == at.date() else f"{began:%d %b} "
    since = f"{what}{', all' if 'since' in what else ''} since {day}{began:%H:%M}{colon}{rest}"
    if not judged:
        return since
    if strange < _REMARKABLE * judged:
        return f"{since}; instances unremarkable"
    return f"{since}; {strange} of {judged} instances strange"
