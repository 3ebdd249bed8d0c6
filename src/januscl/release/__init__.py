"""Releasing: the stages a model goes through, who runs what, and when to turn back.

Owns: the state machine station, beta, fleet, done; the guardrails on failed picks. May call:
`januscl.core` and numpy. Moves nothing: it says which model each robot should run, and the
caller makes it so.
"""

from januscl.release.guardrail import Tally, guardrail, shows_harm
from januscl.release.stages import (
    advance,
    contenders,
    controls,
    open_release,
    roll_back,
    who_runs,
)
from januscl.release.station import station_guardrail

__all__ = [
    "Tally", "advance", "contenders", "controls", "guardrail", "open_release", "roll_back",
    "shows_harm", "station_guardrail", "who_runs",
]  # fmt: skip
