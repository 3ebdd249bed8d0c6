"""What the steps of all workflows share in one process."""

from collections.abc import Callable
from datetime import datetime
from threading import RLock

from januscl.core import Executor, Taxonomy
from januscl.line.building import Builder
from januscl.line.durable.ledger import LastingLedger
from januscl.line.labelling import Labeller
from januscl.line.policy import Policy
from januscl.line.waiting import Waiting
from januscl.store import Workspace


class Shop:
    """The workspace, the novelties and the tools of one process.

    Args:
        workspace: Where every step is kept.
        ledger: The novelties; `LastingLedger.know` has to be called before a workflow can go on.
        taxonomy: The kinds that labels may name.
        executor: Runs the heavy steps.
        policy: What a novelty may cost, and how a challenger is made and released.
        clock: The time, UTC.

    Attributes:
        lock: Held by whoever reads or changes the novelties: they are in memory as well.
        labeller, builder: As in a `januscl.line.Cycle`.
    """

    def __init__(
        self,
        workspace: Workspace,
        ledger: LastingLedger,
        taxonomy: Taxonomy,
        executor: Executor,
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self.workspace, self.catalogue = workspace, workspace.catalogue
        self.ledger, self.taxonomy = ledger, taxonomy
        self.executor, self.policy, self.clock = executor, policy, clock
        self.lock = RLock()
        self.labeller = Labeller(workspace, ledger, Waiting(), taxonomy, clock)
        self.builder = Builder(workspace, taxonomy, policy.learning, clock)
