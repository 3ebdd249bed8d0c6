"""What the steps of all workflows share in one process."""

from collections.abc import Callable
from datetime import datetime
from threading import RLock
from typing import cast

from januscl.core import Executor, Taxonomy
from januscl.line.building import Builder
from januscl.line.durable.drained import Drained
from januscl.line.durable.ledger import LastingLedger
from januscl.line.durable.routine import LastingRoutine
from januscl.line.kinds import kinds_of
from januscl.line.labelling import Labeller
from januscl.line.policy import Policy
from januscl.line.waiting import Waiting
from januscl.store import Workspace


class Shop:
    """The workspace, the novelties and the tools of one process.

    Args:
        workspace: Where every step is kept.
        ledger: The novelties; `LastingLedger.know` has to be called before a workflow can go on.
        executor: Runs the heavy steps.
        policy: What a novelty may cost, and how a challenger is made and released.
        clock: The time, UTC.

    Attributes:
        routine: What the champion is in doubt of while nothing is novel.
        lock: Held by whoever reads or changes the novelties: they are in memory as well.
    """

    def __init__(
        self,
        workspace: Workspace,
        ledger: LastingLedger,
        executor: Executor,
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self.workspace, self.catalogue = workspace, workspace.catalogue
        self.ledger, self.executor = ledger, executor
        self.policy, self.clock = policy, clock
        kept = cast(Workspace, Drained(workspace))  # what robots sent is there already
        self.routine = LastingRoutine(kept, policy.collecting, ledger, policy.learning.seed)
        self.lock = RLock()

    @property
    def taxonomy(self) -> Taxonomy:
        """The kinds that labels may name; people name new ones meanwhile."""
        return kinds_of(self.catalogue)

    def ledger_of(self, novelty: str) -> LastingLedger | LastingRoutine:
        """Return who keeps a novelty, or the record of a routine campaign."""
        return self.routine if self.routine.has(novelty) else self.ledger

    def labeller(self, novelty: str) -> Labeller:
        """Return what a `januscl.line.Cycle` of a novelty has, for the kinds of now."""
        ledger = self.ledger_of(novelty)
        return Labeller(self.workspace, ledger, Waiting(), self.taxonomy, self.clock)

    @property
    def builder(self) -> Builder:
        """As in a `januscl.line.Cycle`, for the kinds of now."""
        return Builder(self.workspace, self.taxonomy, self.policy.learning, self.clock)
