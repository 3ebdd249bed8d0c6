"""The robot's side: the agent, its spool, its ring of raw frames, and its model slot.

Owns: what runs beside the robot's cycle. May call: `januscl.core`; httpx, OpenCV and sqlite3, the
first two only once an agent is made, so that importing this stays quick. Moves nothing by itself.
"""

from januscl.edge.agent import Agent
from januscl.edge.keep import DROP_ORDER, Keep
from januscl.edge.limits import Limits

__all__ = ["DROP_ORDER", "Agent", "Keep", "Limits"]
