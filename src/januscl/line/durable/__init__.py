"""The assembly line as durable workflows: whatever is killed, it goes on where it was.

Owns: the workflow of a novelty, from its campaign to the fleet, with its waits, its steps, its
release over robots that are far away; and who of several workers leads. May call: what
`januscl.line` may, and DBOS. Moves robots only by which model a release says they run.
"""

from januscl.line.durable.engine import Workflows
from januscl.line.durable.ledger import LastingLedger
from januscl.line.durable.rollout import Rollout
from januscl.line.durable.shop import Shop
from januscl.line.durable.way import Way

__all__ = ["LastingLedger", "Rollout", "Shop", "Way", "Workflows"]
