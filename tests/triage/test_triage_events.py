from datetime import UTC, datetime

import numpy as np
import pytest

from januscl.core import (
    EventKind,
    Frame,
    Instances,
    Observation,
    Outcome,
    Pick,
    Signal,
    encode_mask,
    new_id,
)
from januscl.triage import classify

AT = datetime(2026, 1, 1, tzinfo=UTC)
LAMP = Signal("camera.lamp_failed", 40.0, 0.02, None, 40.0, "background 40% darker")
STRANGE = Signal("novelty.distance", 9.0, 0.002, 1)
UNUSUAL = Signal("novelty.distance", 2.0, 0.06, 1)
DOUBTFUL = Signal("uncertainty.instance", 0.9, 0.04, 1)
ORDINARY = Signal("novelty.distance", 1.0, 0.5, 0)


def observation(outcome=None, instance=1):
    mask = encode_mask(np.ones((4, 4), bool))
    frame = Frame(np.zeros((4, 4, 3), np.uint8), "cam", "rob", AT)
    pick = None
    if outcome is Outcome.INFEASIBLE:
        pick = Pick(None, None, outcome, AT)
    elif outcome is not None:
        pick = Pick(instance, (1.0, 1.0), outcome, AT)
    seen = Instances.of_masks([mask] * 2, [1, 1])
    return Observation(new_id(AT, bytes(10)), frame, seen, "m", pick)


@pytest.mark.parametrize(
    ("fault", "signals", "outcome", "kind", "cause", "rows"),
    [
        (LAMP, [LAMP, ORDINARY], None, EventKind.FAULT, "lamp_failed", ()),
        (LAMP, [LAMP, STRANGE], None, EventKind.FAULT, "lamp_failed", (1,)),
        (LAMP, [LAMP, UNUSUAL], Outcome.DROPPED, EventKind.FAULT, "lamp_failed", ()),
        (None, [STRANGE, ORDINARY], None, EventKind.NOVELTY, "novel", (1,)),
        (None, [STRANGE], Outcome.PICKED, EventKind.NOVELTY, "novel", (1,)),
        (None, [UNUSUAL], Outcome.DROPPED, EventKind.NOVELTY, "failed_pick", (1,)),
        (None, [DOUBTFUL], Outcome.MISSED, EventKind.AMBIGUOUS, "failed_pick", (1,)),
        (None, [DOUBTFUL], Outcome.INFEASIBLE, EventKind.AMBIGUOUS, "failed_pick", (1,)),
        (None, [UNUSUAL], Outcome.INFEASIBLE, EventKind.NOVELTY, "failed_pick", (1,)),
    ],
)
def test_signals_and_outcome_say_what_an_event_is(fault, signals, outcome, kind, cause, rows):
    event = classify(observation(outcome), signals, fault)
    assert event is not None
    assert (event.kind, event.cause, event.instances) == (kind, cause, rows)
    assert (event.camera, event.robot, event.at, event.outcome) == ("cam", "rob", AT, outcome)
    assert all(s in signals and s is not ORDINARY for s in event.signals)


@pytest.mark.parametrize(
    ("signals", "outcome"),
    [
        ([ORDINARY], None),
        ([ORDINARY], Outcome.MISSED),
        ([UNUSUAL, DOUBTFUL], None),
        ([UNUSUAL, DOUBTFUL], Outcome.PICKED),
    ],
)
def test_the_ordinary_is_no_event(signals, outcome):
    assert classify(observation(outcome), signals, None) is None


def test_a_failed_pick_says_nothing_about_another_instance():
    assert classify(observation(Outcome.MISSED, instance=0), [UNUSUAL, DOUBTFUL], None) is None


def test_the_same_observation_gives_the_same_event():
    assert classify(observation(), [STRANGE], None) == classify(observation(), [STRANGE], None)
