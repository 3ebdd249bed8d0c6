"""The uplink: what sends the spool's content to the service, at least once, metadata first."""

import json
import logging
import time
from collections.abc import Callable

from januscl.core import InvalidInput
from januscl.core.message import encode_batch
from januscl.core.wire import Json
from januscl.edge.backoff import Backoff
from januscl.edge.counters import Counters
from januscl.edge.packing import unpack
from januscl.edge.peer import Barred, Later, Never, Peer, Settled
from januscl.edge.spool import Row, Spool

_log = logging.getLogger("januscl.edge")

_RECORDS = 64
_RECORDS_BYTES = 2**20
_OUTCOMES = 200
_PICTURES = 8


class Uplink:
    """Sends; one thread calls it.

    Args:
        spool: What there is to send.
        peer: Where to.
        check_in: Called every ``check_in_s`` seconds; raises `Later` where it did not succeed.
        check_in_s, idle_s: Pause between check-ins; between looks when nothing was there.
        backoff: How long to wait after a failure.
        counters: ``failed_calls``, and ``refused_token``, those of them that no patience helps.
        clock: Seconds that never jump.
    """

    def __init__(
        self,
        spool: Spool,
        peer: Peer,
        check_in: Callable[[], None],
        check_in_s: float,
        idle_s: float,
        backoff: Backoff,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool, self._peer, self._check_in = spool, peer, check_in
        self._check_in_s, self._idle_s = check_in_s, idle_s
        self._backoff, self._counters, self._clock = backoff, counters, clock
        self._next_check_in = float("-inf")
        self._trouble = ""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be sent now; None while nothing keeps it."""
        return self._trouble or None

    def step(self) -> float:
        """Send one batch of the most urgent kind; return how long to wait for the next, seconds.

        Raises:
            IntegrityError, StorageFull: Of the spool.
        """
        try:
            if self._clock() >= self._next_check_in:
                self._check_in()
                self._next_check_in = self._clock() + self._check_in_s
            more = self._records() or self._outcomes() or self._pictures()
        except Later as error:
            self._counters.add("failed_calls")
            barred = isinstance(error, Barred)
            self._counters.add("refused_token", int(barred))
            if str(error) != self._trouble:
                told = "nothing is sent: %s" if barred else "cannot send now: %s"
                _log.log(logging.ERROR if barred else logging.WARNING, told, error)
            self._trouble = str(error)
            # Added, so that robots told to wait equally long do not come back at once.
            return error.wait + self._backoff.wait()
        self._backoff.reset()
        self._trouble = ""
        return 0.0 if more else self._idle_s

    def _records(self) -> bool:
        rows = self._spool.records(_RECORDS, _RECORDS_BYTES)
        self._send("records", rows, self._batch)
        return bool(rows)

    def _outcomes(self) -> bool:
        rows = self._spool.outcomes(_OUTCOMES)
        self._send("outcomes", rows, self._picks)
        return bool(rows)

    def _batch(self, rows: list[Row]) -> Settled:
        records: list[Json] = []
        blobs: dict[str, bytes] = {}
        unreadable: dict[str, str] = {}
        for row in rows:
            try:
                record, own = unpack(row.data)
            except InvalidInput as error:
                unreadable[row.id] = str(error)
                continue
            records.append(record)
            blobs.update(own)
            # Making the masks' text is work in Python: let the robot's cycle in between.
            time.sleep(0)
        if not records:
            return set(), unreadable
        accepted, rejected = self._peer.observations(encode_batch(records, blobs))
        return accepted, rejected | unreadable

    def _picks(self, rows: list[Row]) -> Settled:
        picks: list[Json] = []
        unreadable: dict[str, str] = {}
        for row in rows:
            try:
                picks.append(json.loads(row.data))
            except ValueError as error:
                unreadable[row.id] = f"spooled pick: {error}"
        if not picks:
            return set(), unreadable
        accepted, rejected = self._peer.outcomes(picks)
        return accepted, rejected | unreadable

    def _send(self, table: str, rows: list[Row], call: Callable[[list[Row]], Settled]) -> None:
        """Send rows and settle each; a refused batch is halved until the culprit is found."""
        if not rows:
            return
        try:
            accepted, rejected = call(rows)
        except Never as error:
            if len(rows) == 1:
                self._spool.reject(table, rows[0], str(error))
                return
            self._send(table, rows[: len(rows) // 2], call)
            self._send(table, rows[len(rows) // 2 :], call)
            return
        done = [row for row in rows if row.id in accepted]
        self._spool.sent(table, done)
        refused = [row for row in rows if row.id in rejected and row.id not in accepted]
        for row in refused:
            self._spool.reject(table, row, rejected[row.id])
        if not done and not refused:
            raise Later("the service said nothing of what it was sent")

    def _pictures(self) -> bool:
        rows = self._spool.pixels(_PICTURES)
        for row in rows:
            try:
                self._peer.image(row.id, row.data)
            except Never as error:
                self._spool.reject("pixels", row, str(error))
            else:
                self._spool.sent("pixels", [row])
        return bool(rows)
