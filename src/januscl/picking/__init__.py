"""Which package next, and where to put the tool.

Owns: the choice of the next pick. May call: `januscl.core`. Moves nothing: the robot does.
"""
