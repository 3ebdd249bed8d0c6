"""The assembly line: the one place where the stations are joined.

Owns: the order of the loop and its state in the catalogue. May call: every station, `store` and
`compute`. Moves robots only through the `Fleet` it is handed. Names are loaded on first use,
because the model's libraries take seconds to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from januscl.line.cycle import Cycle, CycleReport, World
    from januscl.line.fleet import Crew, Fleet, Recorder, Tried, attempt
    from januscl.line.line import Line
    from januscl.line.policy import Collecting, Judging, Learning, Policy, Releasing, Watching
    from januscl.line.rollout import Rollout

__all__ = [
    "Collecting", "Crew", "Cycle", "CycleReport", "Fleet", "Judging", "Learning", "Line",
    "Policy", "Recorder", "Releasing", "Rollout", "Tried", "Watching", "World", "attempt",
]  # fmt: skip

_HOME = {
    "Collecting": "policy", "Cycle": "cycle", "Fleet": "fleet", "Learning": "policy",
    "Judging": "policy", "Line": "line", "CycleReport": "cycle", "Policy": "policy",
    "Recorder": "fleet",
    "Releasing": "policy", "Rollout": "rollout", "Watching": "policy", "World": "cycle",
    "Crew": "fleet", "Tried": "fleet", "attempt": "fleet",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
