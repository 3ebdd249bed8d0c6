"""The robot's side: the agent, its spool, its ring buffer and its model slot.

Owns: what runs beside the robot's cycle. May call: `januscl.core`. Moves nothing by itself.
"""
