"""A pick cell in MuJoCo: piles, package kinds, faults, robots, a fleet and its scripted day.

Owns: what packages and cells look like and how they behave, and the truth about every picture.
May call: core, numpy, OpenCV, PyYAML, and MuJoCo with a GL that needs no screen; MuJoCo is loaded
when the first name that needs it is used. Moves: simulated hardware alone (`CellRobot.attempt`).

Everything is reproducible from its seed on the same machine and GL.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from januscl.sim.day import Arrival, Day, ScriptedFault, day_from_text, demo_day, read_day
from januscl.sim.drawn import make_drawn
from januscl.sim.faults import FAULTS, check_fault, sensed
from januscl.sim.kinds import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, check_mix
from januscl.sim.packages import LEAST_PIXELS, LEAST_SHARE
from januscl.sim.scene import Look

if TYPE_CHECKING:
    from januscl.sim.fleet import SimFleet
    from januscl.sim.pile import Pile
    from januscl.sim.robot import Attempt, CellRobot
    from januscl.sim.truth import Scene, Truth, make_labelled
    from januscl.sim.wild import ODD, make_wild

_NEED_MUJOCO = {
    "Attempt": "robot", "CellRobot": "robot", "Pile": "pile", "Scene": "truth",
    "SimFleet": "fleet", "Truth": "truth", "make_labelled": "truth", "make_wild": "wild",
    "ODD": "wild",
}  # fmt: skip

__all__ = [
    "Arrival", "Attempt", "BASE_MIX", "BASE_TAXONOMY", "CellRobot", "Day", "FAULTS", "LATE_KINDS",
    "LEAST_PIXELS", "LEAST_SHARE", "Look", "ODD", "Pile", "Scene", "ScriptedFault", "SimFleet",
    "Truth", "check_fault", "check_mix", "day_from_text", "demo_day", "make_drawn",
    "make_labelled", "make_wild", "read_day", "sensed",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _NEED_MUJOCO:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEED_MUJOCO[name]}"), name)
