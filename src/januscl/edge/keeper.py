"""The keeper: what moves observations from the journal, and pixels from the ring, to the spool."""

import json
import logging
import struct
from collections import Counter

from januscl.core import InvalidInput, Outcome, StorageFull
from januscl.edge.counters import Counters
from januscl.edge.journal import Entry, Journal
from januscl.edge.keep import CAMPAIGN, Keep, keep_of
from januscl.edge.packing import head_of
from januscl.edge.pixels import Encoder
from januscl.edge.ring import Held, Ring
from januscl.edge.spool import Row, Spool

_log = logging.getLogger("januscl.edge")

OBSERVATION = b"O"
PICK = b"P"
"""First byte of a journal's entry: a packed observation follows, or an id and a pick as JSON."""

_FRAMES_A_COMMIT = 16


class Keeper:
    """Folds the journal into the spool and encodes pixels; one thread calls it.

    Args:
        journal, ring: Where the robot's cycle puts things.
        spool: Where they end.
        counters: ``disk_full`` counts failed tries, ``unreadable`` what could not be read.
    """

    def __init__(self, journal: Journal, ring: Ring, spool: Spool, counters: Counters) -> None:
        self._journal, self._ring, self._spool, self._counters = journal, ring, spool, counters
        self._encode = Encoder()
        self._raised: dict[str, Keep] = {}

    def step(self) -> bool:
        """Keep what is waiting, in one commit; return whether more is.

        Raises:
            StorageFull, IntegrityError: Of the spool; nothing is lost, call again later.
        """
        entries = self._journal.pending()
        records, outcomes, taken = self._read(entries)
        self._note(records, outcomes)
        frames = self._ring.to_spool(_FRAMES_A_COMMIT)
        if not (entries or frames or self._raised):
            return False
        place = entries[-1].end if entries else None
        pixels: list[Row] = []
        try:
            pixels = self._encoded(frames)
            here = self._spool.take_in(place, records, outcomes, pixels, self._raised, taken)
        except StorageFull:
            self._counters.add("disk_full")
            self._ring.done(frames, spooled=False)
            self._spool.squeeze()
            raise
        except BaseException:
            self._ring.done(frames, spooled=False)
            raise
        if place is not None:
            self._journal.release(place)
        self._ring.done(frames, spooled=True)
        # Room may have been made by dropping pixels that only now turn out to matter.
        self._ring.unspool(self._raised.keys() - here)
        # The service may have asked for a frame while it was being encoded.
        stored = {row.id: row.keep for row in pixels}
        self._raised = {
            held.id: held.keep for held in frames if held.keep > stored.get(held.id, held.keep)
        }
        return len(frames) == _FRAMES_A_COMMIT or bool(self._raised)

    def _encoded(self, frames: list[Held]) -> list[Row]:
        rows = []
        for held in frames:
            try:
                rows.append(Row(held.id, held.keep, self._encode(held.image)))
            except InvalidInput as error:
                # It would fail for ever and hold everything else up.
                self._counters.add("unencodable_pixels")
                _log.error("pixels of %s are not kept: %s", held.id, error)
        return rows

    def _note(self, records: list[Row], outcomes: list[Row]) -> None:
        """Gather what the new rows raise: themselves, and the frames around them."""
        for rows, keep in ((records, Keep.EVENT), (outcomes, Keep.FAILED)):
            ids = [row.id for row in rows if row.keep is keep]
            for id in self._ring.mark(ids, keep):
                self._raised[id] = max(Keep.AROUND, self._raised.get(id, Keep.AROUND))
            if keep is Keep.FAILED:
                self._raised.update(dict.fromkeys(ids, keep))

    def _read(self, entries: list[Entry]) -> tuple[list[Row], list[Row], Counter[str]]:
        """Sort entries into observations and outcomes; count the frames that campaigns got."""
        records: list[Row] = []
        outcomes: list[Row] = []
        taken = Counter[str]()
        for entry in entries:
            kind, data = entry.payload[:1], entry.payload[1:]
            try:
                if kind == OBSERVATION:
                    head = head_of(data)
                    reasons = tuple(head["reasons"])
                    records.append(Row(head["id"], keep_of(reasons), data))
                    taken.update(r[len(CAMPAIGN) :] for r in reasons if r.startswith(CAMPAIGN))
                else:
                    told = json.loads(data)
                    failed = Outcome(told["pick"]["outcome"]).failed
                    keep = Keep.FAILED if failed else Keep.ORDINARY
                    outcomes.append(Row(told["observation"], keep, data))
            except (ValueError, KeyError, TypeError, struct.error):
                # Whole, by its checksum, so another version of the program wrote it.
                self._counters.add("unreadable")
                _log.exception("a journal entry of %d bytes cannot be read", len(entry.payload))
        return records, outcomes, taken
