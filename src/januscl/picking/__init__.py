"""Choosing: which package to pick next, and where the cup goes.

Owns: the choice from what the model saw. May call: `januscl.core`, numpy, OpenCV. Moves nothing:
the robot moves to the point that is returned.
"""

from januscl.picking.choice import choose_pick

__all__ = ["choose_pick"]
