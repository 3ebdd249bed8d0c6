"""Heavy work elsewhere: a function by its name, JSON in, JSON out, under a key.

Owns: the processes of jobs and the folder that holds their state. May call: core alone; what a
job calls is the caller's affair. A job outlives the process that submitted it. Moves nothing.
"""

from januscl.compute.inline import InlineExecutor
from januscl.compute.local import LocalExecutor
from januscl.compute.progress import report_progress

__all__ = ["InlineExecutor", "LocalExecutor", "report_progress"]
