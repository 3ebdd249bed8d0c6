"""The assembly line as durable workflows: whatever is killed, it goes on where it was.

Owns: the workflow of a novelty, from its campaign to the fleet, with its waits, its steps, its
release over robots that are far away; and who of several workers leads. May call: what
`januscl.line` may, and DBOS. Moves robots only by which model a release says they run. Names are
loaded on first use, because DBOS and the judge's libraries take seconds to import, and who only
looks at what waits needs neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from januscl.line.durable.engine import Workflows
    from januscl.line.durable.ledger import LastingLedger
    from januscl.line.durable.rollout import Rollout
    from januscl.line.durable.shop import Shop
    from januscl.line.durable.way import Way

__all__ = ["LastingLedger", "Rollout", "Shop", "Way", "Workflows"]

_HOME = {
    "LastingLedger": "ledger", "Rollout": "rollout", "Shop": "shop", "Way": "way",
    "Workflows": "engine",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
