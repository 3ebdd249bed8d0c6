"""A worker: it empties the inbox, and one of all workers leads the line.

The leader watches what robots sent, begins a workflow for each campaign, and goes on with all that
have not ended, its predecessor's as well. The others stand by, and drain. Whoever loses the lead
ends its process at once, for another has it.
"""

import logging
import os
import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import cast

from januscl.core import Executor, InvalidInput, JanusError, NoveltyState
from januscl.line.draining import drain
from januscl.line.durable.drained import Drained
from januscl.line.durable.engine import Workflows, engine_of
from januscl.line.durable.fed import Fed
from januscl.line.durable.floor import Floor
from januscl.line.durable.lead import Lead
from januscl.line.durable.ledger import LastingLedger
from januscl.line.durable.shop import Shop
from januscl.line.durable.telling import Teller
from januscl.line.durable.way import Way
from januscl.line.ending import watched
from januscl.line.judging import Judge
from januscl.line.memory import has_history
from januscl.line.policy import Policy
from januscl.line.shelf import Shelf
from januscl.line.wanting import REACH
from januscl.store import Workspace
from januscl.train import factory_model

LOST = 75
"""Exit status of a worker that lost the lead; started again, it stands by."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LEASE = timedelta(minutes=2)
_AT_ONCE = 64
_log = logging.getLogger("januscl.worker")


class Worker:
    """One of any number of workers on a workspace.

    Args:
        workspace: Open, and stays so.
        place: Of the workflows' database; see `Workflows`.
        name: What it is called, after a restart as well; no other worker is called so.
        policy: All settings of the line.
        executor: Runs heavy jobs.
        picks_a_day: Attempts a day in the whole fleet, for the cost of a novelty.
        pause: Seconds between two looks where there is nothing to do.
        lasts: Seconds after which a leader that is not heard of is taken for dead.

    Raises:
        InvalidInput: The name has other characters than letters, digits, ``.``, ``_`` and ``-``, or
            the policy asks for routine campaigns.
    """

    def __init__(
        self,
        workspace: Workspace,
        place: Path | str,
        name: str,
        policy: Policy,
        executor: Executor,
        picks_a_day: float = 10_000.0,
        *,
        pause: float = 1.0,
        lasts: float = 15.0,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                "name of the worker", "letters, digits, '.', '_' and '-'", repr(name)[:80],
                "Name it after its machine.",
            )  # fmt: skip
        if policy.collecting.routine_every:
            raise InvalidInput(
                "collecting.routine_every", "0 for a worker", f"{policy.collecting.routine_every}",
                "Only a line in one process runs routine campaigns, as `janus replay` does.",
            )  # fmt: skip
        self._workspace, self._place, self._name = workspace, place, name
        self._policy, self._executor, self._picks_a_day = policy, executor, picks_a_day
        self._pause, self._lasts = pause, lasts

    def run(self, stop: Event, once: bool = False) -> None:
        """Work until told to stop.

        Args:
            stop: Tells it to; what is under way is taken up again by whoever leads next.
            once: Return as soon as there is nothing to do but to wait, or another worker leads.
        """
        engine = engine_of(self._place)
        self._teller, stood_by = Teller(self._workspace.catalogue), False
        try:
            lead = Lead(engine, self._name, self._lasts, _die)
            while not stop.is_set():
                self._drain()
                if lead.take():
                    _log.info("worker %s leads", self._name)
                    try:
                        self._lead(Fed(engine, self._workspace), stop, once)
                    finally:
                        lead.give_up()
                    return
                if once:
                    return
                if not stood_by:
                    _log.info("another worker leads; %s stands by, and drains", self._name)
                    stood_by = True
                stop.wait(max(self._pause, self._lasts / 4))
        finally:
            engine.dispose()

    def _drain(self) -> None:
        try:
            while (moved := drain(self._workspace, _AT_ONCE, _LEASE)).messages:
                self._teller.drained(moved)
        except JanusError:
            _log.exception("the inbox could not be moved; it is tried again")

    def _lead(self, fed: Fed, stop: Event, once: bool) -> None:
        """Lead the line until told to stop. The open releases are watched by this process."""
        with ExitStack() as held:
            held.enter_context(watched(self._workspace))
            if not has_history(self._workspace):
                _log.warning(
                    "there are no labelled frames of ordinary work yet, so novelties will wait: "
                    "give some by Line.remember, as docs/site.md shows"
                )
            judge, shop = self._judge(), self._shop()
            floor, way = Floor(shop, judge, fed), Way(shop, self._pause)
            workflows: Workflows | None = None
            while not stop.is_set():
                self._drain()
                seen = self._look(floor)
                if workflows is None and shop.ledger.knows:
                    workflows = held.enter_context(
                        Workflows(self._place, self._name, way, pause=self._pause)
                    )
                if workflows is not None:
                    self._begin(workflows)
                self._teller.watched(seen)
                self._teller.tell(now=once and not seen)
                if seen:
                    continue
                if once and (workflows is None or way.resting >= set(workflows.live())):
                    return
                stop.wait(self._pause)

    def _look(self, floor: Floor) -> int:
        """Watch what was drained; return how many observations were taken in."""
        try:
            floor.follow()
            return floor.watch()
        except JanusError:
            _log.exception("what robots sent could not be watched; it is tried again")
            return 0

    def _begin(self, workflows: Workflows) -> None:
        """Begin the workflow of every campaign, and of every recent ticket, that has none."""
        catalogue = self._workspace.catalogue
        for novelty in catalogue.novelties.list([NoveltyState.COLLECTING]):
            for campaign in catalogue.campaigns.list(novelty.id)[-1:]:
                workflows.begin(novelty.id, campaign.id)
        for ticket in catalogue.tickets.list(open_only=True):
            if ticket.opened > _now() - REACH:
                workflows.begin_ticket(ticket.id)

    def _judge(self) -> Judge:
        """Return what scores models; the shipped model becomes champion where there is none."""
        shelf, aliases = Shelf(self._workspace), self._workspace.catalogue.aliases
        if "champion" not in aliases.list():
            card = {"name": "factory"}
            first = shelf.add(factory_model(), _now(), parent=None, deck=None, card=card)
            aliases.set("champion", first.id)
        return Judge(self._workspace, shelf)

    def _shop(self) -> Shop:
        shelf = Shelf(self._workspace)
        ledger = LastingLedger(
            cast(Workspace, Drained(self._workspace)),
            self._policy.collecting,
            self._picks_a_day,
            self._policy.learning.seed,
            lambda model, image: shelf.load(model).predict([image])[0],
        )
        return Shop(self._workspace, ledger, self._executor, self._policy, _now)


def _now() -> datetime:
    return datetime.now(UTC)


def _die() -> None:
    # Nothing may be done any more, not even to end in good order.
    _log.error("another worker may lead the line by now; this one ends")
    os._exit(LOST)
