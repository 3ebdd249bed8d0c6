"""A worker: it empties the inbox, and one of all workers leads the line.

The leader watches what robots sent, begins a workflow for each campaign, and goes on with all that
have not ended, its predecessor's as well. The others stand by, and drain; while one does, the
leader drains only when there is nothing to watch, so that two are faster than one. Whoever loses
the lead ends its process at once, for another has it.
"""

import logging
import os
import re
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from threading import Event
from typing import cast

from januscl.core import Executor, InvalidInput, JanusError, NoveltyState
from januscl.line.draining import drain
from januscl.line.durable.drained import Drained
from januscl.line.durable.engine import Workflows, engine_of
from januscl.line.durable.fed import Fed
from januscl.line.durable.floor import Floor
from januscl.line.durable.lead import MOVING, Lead
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
_AT_ONCE, _FEW, _BATCHES = 64, 16, 16
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
        InvalidInput: The name has other characters than letters, digits, ``.``, ``_`` and ``-``.
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
        self._workspace, self._place, self._name = workspace, place, name
        self._policy, self._executor, self._picks_a_day = policy, executor, picks_a_day
        self._pause, self._lasts = pause, lasts
        self._next = -inf
        self._said_no_cells = False

    def run(self, stop: Event, once: bool = False) -> None:
        """Work until told to stop.

        Args:
            stop: Tells it to; what is under way is taken up again by whoever leads next.
            once: Return as soon as there is nothing to do but to wait, or another worker leads.
        """
        engine = engine_of(self._place)
        self._teller = Teller(self._workspace.catalogue)
        try:
            lead = Lead(engine, self._name, self._lasts, _die)
            moving = Lead(engine, self._name, self._lasts, lambda: None, MOVING)
            if self._stand_by(lead, moving, stop, once):
                _log.info("worker %s leads", self._name)
                try:
                    self._lead(Fed(engine, self._workspace), moving, stop, once)
                finally:
                    lead.give_up()
            self._teller.tell(now=True)
        finally:
            engine.dispose()

    def _stand_by(self, lead: Lead, moving: Lead, stop: Event, once: bool) -> bool:
        """Drain until the lead is free; say whether this worker leads now."""
        moves, asked, stood_by = False, -inf, False
        try:
            while not stop.is_set():
                moved = self._drain()
                if time.monotonic() - asked >= self._lasts / 4:
                    asked = time.monotonic()
                    if lead.take():
                        return True
                    if not stood_by:
                        _log.info("another worker leads; %s stands by, and drains", self._name)
                        stood_by = True
                    if moved is not None:
                        moves = moves or moving.take()
                if moves and moved is None:  # only who can drain keeps the leader from it
                    moving.give_up()
                    moves = False
                self._teller.tell(now=once and not moved)
                if once and not moved:
                    return False
                if not moved or moved < _FEW:  # one commit serves those that come meanwhile
                    stop.wait(min(self._pause, self._lasts / 4))
            return False
        finally:
            if moves:
                moving.give_up()

    def _drain(self) -> int | None:
        """Move some messages and return how many; None where they could not be moved."""
        try:
            moved = drain(self._workspace, _AT_ONCE, _LEASE)
        except JanusError:
            _log.exception("the inbox could not be moved; it is tried again")
            return None
        self._teller.drained(moved)
        return moved.messages

    def _drain_much(self) -> int:
        """Drain until there is little left, but not for so long that nothing is watched."""
        total = 0
        if time.monotonic() < self._next:
            return total
        for _ in range(_BATCHES):
            moved = self._drain() or 0
            total += moved
            if moved < _FEW:  # one commit serves those that come meanwhile
                self._next = time.monotonic() + self._pause
                break
        return total

    def _lead(self, fed: Fed, moving: Lead, stop: Event, once: bool) -> None:
        """Lead the line until told to stop. The open releases are watched by this process."""
        with ExitStack() as held:
            held.enter_context(watched(self._workspace))
            if not has_history(self._workspace):
                _log.warning(
                    "there are no labelled frames of ordinary work yet, so novelties will wait: "
                    "give some by `janus remember`, meanwhile or later"
                )
            judge, shop = self._judge(), self._shop()
            way = Way(shop, self._pause)
            floor: Floor | None = None
            workflows: Workflows | None = None
            seen = 0
            while not stop.is_set():
                moved = 0 if seen and moving.held() else self._drain_much()
                if floor is None and (floor := self._floor(shop, judge, fed)):
                    held.callback(_close, floor)
                seen = 0 if floor is None else self._look(floor)
                if workflows is None and shop.ledger.knows:
                    workflows = held.enter_context(
                        Workflows(self._place, self._name, way, pause=self._pause)
                    )
                if workflows is not None:
                    self._begin(workflows, shop)
                self._teller.watched(seen)
                self._teller.tell(now=once and not seen)
                if seen or moved:
                    continue
                if once and (workflows is None or way.resting >= set(workflows.live())):
                    return
                stop.wait(self._pause)

    def _floor(self, shop: Shop, judge: Judge, fed: Fed) -> Floor | None:
        """Return the floor; None, which is said once, while nobody said which robots there are.

        Watched without cells, an observation would count as watched, and its camera never was.
        """
        if self._workspace.catalogue.cells.list():
            return Floor(shop, judge, fed)
        if not self._said_no_cells:
            self._said_no_cells = True
            _log.warning(
                "no cells are known, so what robots send waits and nothing is watched: name the "
                "robots and their cameras once, by `janus worker --cells cells.toml`"
            )
        return None

    def _look(self, floor: Floor) -> int:
        """Watch what was drained; return how many observations were taken in."""
        try:
            floor.follow()
            return floor.watch()
        except JanusError:
            _log.exception("what robots sent could not be watched; it is tried again")
            return 0

    def _begin(self, workflows: Workflows, shop: Shop) -> None:
        """Begin the workflow of every campaign, and of every recent ticket, that has none.

        The routine campaigns of one record are rounds of one workflow.
        """
        catalogue = self._workspace.catalogue
        for novelty in catalogue.novelties.list([NoveltyState.COLLECTING]):
            campaigns = catalogue.campaigns.list(novelty.id)
            if campaigns:
                at = 0 if shop.routine.has(novelty.id) else -1
                workflows.begin(novelty.id, campaigns[at].id)
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
        return Judge(self._workspace, shelf, self._policy.judging)

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


def _close(floor: Floor) -> None:
    try:
        floor.close()
    except JanusError:
        _log.exception("what was read of the cameras in the last minute could not be kept")


def _die() -> None:
    # Nothing may be done any more, not even to end in good order.
    _log.error("another worker may lead the line by now; this one ends")
    os._exit(LOST)
