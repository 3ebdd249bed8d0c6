"""From the signals and the outcome of one observation to an event, or none."""

from collections.abc import Sequence
from hashlib import sha256

from januscl.core import Event, EventKind, Observation, Outcome, Signal, new_id


def classify(
    observation: Observation,
    signals: Sequence[Signal],
    fault: Signal | None,
    novel_level: float = 0.02,
    loose_level: float = 0.1,
) -> Event | None:
    """Say whether an observation is out of the ordinary, and what it is taken for.

    ======================  =======================  =================================
    camera                  instances                event
    ======================  =======================  =================================
    faulty                  any                      fault, caused by the fault
    healthy                 strange                  novelty, ``novel``
    healthy                 unusual, and its pick    novelty, ``failed_pick``
                            failed
    healthy                 doubtful, and the pick   ambiguous, ``failed_pick``
                            failed
    healthy                 ordinary                 none, whatever the pick did
    ======================  =======================  =================================

    A fault explains strange instances: what is known looks strange in the dark or out of focus. Its
    event names them all the same. The frame teaches nothing in either case, and what is new where
    cameras are at fault is told by those that are well, or once they are mended.

    Args:
        observation: With its pick, once that is known. Infeasible counts as failed for every
            instance of the frame, as none of them was worth a try.
        signals: All watchers' readings of it.
        fault: The camera's main cause, or None for a healthy camera.
        novel_level: An instance is strange at this p-value or below.
        loose_level: It is unusual or doubtful at this p-value or below, which tells only
            together with a failed pick.
    """
    strange = _rows(signals, "novelty", novel_level)
    pick = observation.pick
    failed = pick is not None and pick.outcome.failed
    unusual, doubtful = (
        _rows(signals, watcher, loose_level) for watcher in ("novelty", "uncertainty")
    )
    if pick is not None and pick.outcome is not Outcome.INFEASIBLE:
        unusual, doubtful = unusual & {pick.instance}, doubtful & {pick.instance}
    if fault is not None:
        cause = fault.watcher.split(".")[-1]
        return _event(observation, EventKind.FAULT, cause, signals, strange, fault)
    if failed and unusual:
        return _event(observation, EventKind.NOVELTY, "failed_pick", signals, strange | unusual)
    if strange:
        return _event(observation, EventKind.NOVELTY, "novel", signals, strange)
    if failed and doubtful:
        return _event(observation, EventKind.AMBIGUOUS, "failed_pick", signals, doubtful)
    return None


def _rows(signals: Sequence[Signal], watcher: str, level: float) -> set[int]:
    return {
        s.instance
        for s in signals
        if s.instance is not None and s.watcher.split(".")[0] == watcher and s.p_value <= level
    }


def _event(
    observation: Observation,
    kind: EventKind,
    cause: str,
    signals: Sequence[Signal],
    rows: set[int],
    fault: Signal | None = None,
) -> Event:
    frame = observation.frame
    reasons = [s for s in signals if s == fault or s.instance in rows]
    # The same observation gives the same event id, so that a repeated delivery is one event.
    entropy = sha256(f"event {observation.id}".encode()).digest()[:10]
    return Event(
        id=new_id(frame.at, entropy),
        observation=observation.id,
        camera=frame.camera,
        robot=frame.robot,
        at=frame.at,
        kind=kind,
        cause=cause,
        signals=tuple(reasons),
        instances=tuple(sorted(rows)),
        outcome=observation.pick.outcome if observation.pick else None,
    )
