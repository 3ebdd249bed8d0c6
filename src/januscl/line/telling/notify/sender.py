"""Sends what happens to every target, at least once, in order, whatever is killed or down.

Each target has a thread of its own, so that one which is down or slow holds up no other, and none
of them the line. A notice is tried again after 5 seconds at first, then after twice as long each
time, an hour at most, less up to half by chance; what came after it waits behind it. It is given up
after the target's ``hours``, or after ten attempts, about half an hour, where the target answers
that it does not want this very one. What is given up becomes a reject with its reason.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from random import Random
from uuid import uuid4

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from januscl.core import JanusError
from januscl.line.durable.lead import Lead
from januscl.line.telling.notify.notice import Notice
from januscl.line.telling.notify.outbox import Outbox, Unreadable, Waiting
from januscl.line.telling.notify.reading import notice_of
from januscl.line.telling.notify.reply import Reply
from januscl.line.telling.notify.targets import Mailbox, Target, send
from januscl.store import Catalogue

POST = "notices"
_AT_ONCE, _DIGEST = 200, 100
_FIRST_S, _MOST_S = 5.0, 3600.0
_STRICT_TRIES = 10
_HOUR = 3600.0
_ORPHANS_S = 24 * _HOUR
_IDLE_S, _ENDS_S = 60.0, 5.0
_SHOWN = 300
_log = logging.getLogger("januscl.notify")


class Sender:
    """Reads the audit log and sends notices. Of any number on a workspace, one is at work.

    What happened before a workspace had its first sender is not told.

    Args:
        catalogue: Has the audit log, and takes the rejects.
        engine: Of the workflows' database.
        targets: Whom to tell; no two have one name.
        pause: Seconds between two looks at the audit log.
        lasts: Seconds after which a sender that is not heard of is taken for dead.
        first: Seconds before the second attempt, at most.
        clock: Unix time.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        engine: Engine,
        targets: Sequence[Target],
        *,
        pause: float = 1.0,
        lasts: float = 15.0,
        first: float = _FIRST_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalogue, self._engine, self._targets = catalogue, engine, tuple(targets)
        self._pause, self._lasts, self._first, self._clock = pause, lasts, first, clock
        self._outbox, self._chance = Outbox(engine), Random()

    def run(self, stop: threading.Event, once: bool = False) -> None:
        """Send until told to stop.

        Args:
            stop: Tells it to; an attempt that is under way is given a few seconds.
            once: Return as soon as there is nothing to do but to wait, or another one is at work.
        """
        while not stop.is_set():
            lost = threading.Event()
            try:
                lead = Lead(self._engine, f"sender-{uuid4().hex}", self._lasts, lost.set, POST)
                if lead.take():
                    try:
                        self._work(stop, lost, once)
                    finally:
                        lead.give_up()
            except (JanusError, SQLAlchemyError):
                _log.exception("the workspace or the workflows' database could not be used")
            if once:
                return
            stop.wait(self._lasts / 4)

    def _work(self, stop: threading.Event, lost: threading.Event, once: bool) -> None:
        """Send as the only sender, until told to stop or another took over."""
        over, wakes = threading.Event(), {one.name: threading.Event() for one in self._targets}
        self._drop_orphans()
        if once:
            while self.read() is not None and not stop.is_set() and not lost.is_set():
                pass
        threads = [
            threading.Thread(
                target=self._serve, args=(one, wakes[one.name], over, once), daemon=True,
                name=f"notify {one.name}",
            )
            for one in self._targets
        ]  # fmt: skip
        for thread in threads:
            thread.start()
        try:
            while not once and not stop.is_set() and not lost.is_set():
                try:
                    told = self.read()
                except (JanusError, SQLAlchemyError):
                    _log.exception("the audit log could not be read; it is tried again")
                    told = None
                for name in told or ():
                    wakes[name].set()
                stop.wait(self._pause)
        finally:
            if not once:
                over.set()
            for name, thread in zip(wakes, threads, strict=True):
                wakes[name].set()
                thread.join(None if once else _ENDS_S)

    def read(self) -> set[str] | None:
        """Make notices of what the audit log gained.

        Returns:
            The names of those who get some; None where there was nothing to read.
        """
        mark, last = self._outbox.mark(), self._catalogue.audit.last()
        if mark is None or last < mark:  # the first time, or the catalogue is an older copy
            self._outbox.add(mark, last, {}, self._clock())
            return set()
        rows = self._catalogue.audit.after(mark, _AT_ONCE)
        if not rows:
            return None
        made = [notice_of(number, row, self._catalogue) for number, row in rows]
        notices = [notice for notice in made if notice is not None]
        wanted = {
            one.name: found
            for one in self._targets
            if (found := [notice for notice in notices if one.wants(notice.type)])
        }
        kept = self._outbox.add(mark, rows[-1][0], wanted, self._clock())
        return set(wanted) if kept else set()

    def _serve(
        self, target: Target, wake: threading.Event, over: threading.Event, once: bool
    ) -> None:
        while not over.is_set():
            try:
                rest = self._step(target)
            except (JanusError, SQLAlchemyError):
                _log.exception("what waits for %s could not be read", target.name)
                rest = self._pause
            except Exception as error:  # the target is served on, whatever it was
                # An error's text may hold what it was about: a password, a URL.
                _log.error("%s: %s; it is tried again", target.name, type(error).__name__)
                rest = self._pause
            if rest > 0 and once:
                return
            if rest > 0 and not over.is_set():
                wake.wait(rest)
                wake.clear()

    def _step(self, target: Target) -> float:
        """Make one attempt if one is due; return how long there is nothing to do, seconds."""
        size = (target.digest_from, _DIGEST) if isinstance(target, Mailbox) else (2, 1)
        waiting = self._next(target.name, *size)
        if waiting is None:
            return _IDLE_S
        rest = waiting.due - self._clock()
        if rest > 0:
            return min(rest, _IDLE_S)
        try:
            reply = send(target, waiting.notices)
        except Exception as error:  # whatever it was, it is given up in the end as all that fails
            reply = Reply(False, type(error).__name__)
        if reply.taken:
            self._outbox.drop(waiting)
            _log.info("%s took %s: %s", target.name, _named(waiting.notices), reply.text)
        else:
            self._failed(target, waiting, reply)
        return 0.0

    def _next(self, name: str, digest_from: int, most: int) -> Waiting | None:
        """Return what is sent next; what cannot be read becomes a reject, and holds up nothing."""
        while True:
            try:
                return self._outbox.next(name, digest_from, most)
            except Unreadable as row:
                reason = f"it cannot be read ({row.why}): {row.text[:_SHOWN]}"
                self._catalogue.rejects.add(f"notice in row {row.number} for {name}", reason)
                self._outbox.forget(row)
                _log.error("%s: %s; it is given up", name, row)

    def _failed(self, target: Target, waiting: Waiting, reply: Reply) -> None:
        now, tries = self._clock(), waiting.tries + 1
        late = now - waiting.queued >= target.hours * _HOUR
        if late or (reply.refused and tries >= _STRICT_TRIES):
            self._give_up(target.name, waiting, f"{reply.text}, after {tries} attempts")
            return
        bound = min(_MOST_S, self._first * 2.0 ** min(waiting.tries, 30))
        wait = max(reply.wait, self._chance.uniform(bound / 2, bound))
        self._outbox.put_off(waiting, now + wait)
        said = _named(waiting.notices)
        _log.warning("%s: %s: %s; again in %.0f s", target.name, said, reply.text, wait)

    def _give_up(self, name: str, waiting: Waiting, reason: str) -> None:
        # Rejected first: killed in between, it is rejected twice rather than dropped in silence.
        for notice in waiting.notices:
            self._catalogue.rejects.add(f"notice {notice.type} {notice.id} for {name}", reason)
        self._outbox.drop(waiting)
        _log.error("%s: %s is given up: %s", name, _named(waiting.notices), reason)

    def _drop_orphans(self) -> None:
        """Give up what waits for a target that was taken out of the settings a day ago."""
        known = {one.name for one in self._targets}
        for name in self._outbox.counts().keys() - known:
            while (waiting := self._next(name, _DIGEST, _DIGEST)) is not None:
                if self._clock() - waiting.queued < _ORPHANS_S:
                    break
                self._give_up(name, waiting, "there is no such target any more")


def _named(notices: Sequence[Notice]) -> str:
    first = f"{notices[0].type} ({notices[0].id})"
    return first if len(notices) == 1 else f"{first} and {len(notices) - 1} more"
