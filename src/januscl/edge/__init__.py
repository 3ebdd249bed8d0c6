"""The robot's side: the agent, its spool, its ring of raw frames, and its model slot.

Owns: what runs beside the robot's cycle. May call: `januscl.core`; httpx, OpenCV and sqlite3, the
first two only once an agent is made, so that importing this stays quick. Moves nothing by itself.
"""

from januscl.edge.agent import Agent
from januscl.edge.desired import Desired
from januscl.edge.download import Download
from januscl.edge.keep import DROP_ORDER, Keep
from januscl.edge.limits import Limits
from januscl.edge.selftest import predicts
from januscl.edge.slot import ModelSlot, Running

__all__ = [
    "DROP_ORDER", "Agent", "Desired", "Download", "Keep", "Limits", "ModelSlot", "Running",
    "predicts",
]  # fmt: skip
