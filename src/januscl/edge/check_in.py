"""The check-in: how the robot is, and what the service wants of it."""

import logging
from typing import Any

from januscl.edge.bringer import Bringer
from januscl.edge.campaigns import Campaigns
from januscl.edge.counters import Counters
from januscl.edge.keep import Keep
from januscl.edge.peer import Never, Peer
from januscl.edge.ring import Ring
from januscl.edge.spool import Spool

_log = logging.getLogger("januscl.edge")

_LONGEST_ERROR = 1000


class CheckIn:
    """Asks the service and does what it says.

    Args:
        peer: The service.
        spool, ring: Where pixels that it wants may be.
        campaigns: Hears which are open.
        bringer: Hears which model should run; None where something else sees to the model.
        counters: What is told; ``wanted_missing`` are the pixels wanted last that are not here.
    """

    def __init__(
        self,
        peer: Peer,
        spool: Spool,
        ring: Ring,
        campaigns: Campaigns,
        bringer: Bringer | None,
        counters: Counters,
    ) -> None:
        self._peer, self._spool, self._ring = peer, spool, ring
        self._campaigns, self._bringer, self._counters = campaigns, bringer, counters

    def __call__(self) -> None:
        """Check in once.

        Raises:
            Later: It did not succeed now.
        """
        for name, count in self._spool.waiting().items():
            self._counters.set(f"waiting_{name}", count)
        self._counters.set("clock_ahead_ms", round(1000 * self._peer.skew))
        own = self._bringer
        running, error = (own.running, own.error) if own else (None, None)
        error = None if error is None else error[:_LONGEST_ERROR]
        report = {"running": running, "counters": self._counters.all(), "error": error}
        try:
            answer = self._peer.check_in(report)
        except Never as refused:
            self._counters.add("refused_check_ins")
            _log.warning("the service refused the check-in: %s", refused)
            return
        self._heed(answer)

    def _heed(self, answer: dict[str, Any]) -> None:
        """Carry out each part by itself: one that cannot be read leaves the others."""
        parts = (
            ("campaigns", self._campaigns.renew),
            ("wanted", self._want),
            ("model", self._bringer.want if self._bringer else None),
        )
        for name, heed in parts:
            try:
                if heed is not None and name in answer:
                    heed(answer[name])
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                self._counters.add("unreadable_answers")
                _log.warning("%s in the service's answer cannot be read: %r", name, error)

    def _want(self, ids: list[str]) -> None:
        wanted = dict.fromkeys((str(id) for id in ids), Keep.WANTED)
        self._ring.mark(wanted, Keep.WANTED)
        absent = wanted.keys() - self._spool.promote(wanted)
        self._ring.unspool(absent)
        self._counters.set("wanted_missing", sum(id not in self._ring for id in absent))
