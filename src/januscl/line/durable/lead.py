"""Which of several workers leads the line: the one whose heart was heard last.

One row for each post names who holds it and until when. The leader puts that time off again and
again; when it is past, the leader is taken for dead, and the next worker that asks leads. Times are
the database's, so that clocks need not agree.
"""

import threading
import time
from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import (
    Column,
    Engine,
    Float,
    MetaData,
    String,
    Table,
    insert,
    inspect,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.sql.expression import ColumnElement, literal_column

_metadata = MetaData()
_leads = Table(
    "januscl_lead",
    _metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(300), nullable=False),
    Column("until", Float, nullable=False),
)
LINE, MOVING = "line", "moving"
"""The posts: the line is led by its holder alone; the inbox is moved by any, but its holder tells
the leader that it need not."""
_NOW = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "extract(epoch from clock_timestamp())",
}
_BEATS = 4
"""In the time that a lead lasts."""


class Lead:
    """One worker's claim to lead.

    Args:
        engine: Of the workflows' database.
        worker: Its name, which no other worker has; the same after a restart.
        lasts: Seconds after which a leader that is not heard of leads no more.
        lost: Called, from another thread, when the lead was lost: another worker may have it by
            then, so nothing may be done any more.
        post: What is led.
    """

    def __init__(
        self,
        engine: Engine,
        worker: str,
        lasts: float,
        lost: Callable[[], None],
        post: str = LINE,
    ) -> None:
        self._engine, self._lasts, self._lost, self._post = engine, lasts, lost, post
        self._worker, self._holder = worker, f"{worker} {uuid4().hex}"
        self._stop = threading.Event()
        self._beating: threading.Thread | None = None
        _metadata.create_all(engine)
        with engine.begin() as connection:
            known = connection.scalar(select(_leads.c.name).where(_leads.c.name == self._post))
        if known is None:
            try:
                with engine.begin() as connection:
                    connection.execute(insert(_leads).values(name=self._post, holder="", until=0.0))
            except IntegrityError:
                pass  # another worker was first

    def take(self) -> bool:
        """Lead from now on if nobody else does, and say whether.

        A worker's own earlier process is dead, so its lead is taken over at once.
        """
        table = _leads.c
        free = or_(
            table.until <= self._now(), table.holder.startswith(f"{self._worker} ", autoescape=True)
        )
        if not self._hold(free):
            return False
        self._stop.clear()
        self._beating = threading.Thread(target=self._beat, name="lead", daemon=True)
        self._beating.start()
        return True

    def give_up(self) -> None:
        """Lead no more, so that another worker may at once."""
        self._stop.set()
        if self._beating is not None:
            self._beating.join()
        mine = update(_leads).where(_leads.c.name == self._post, _leads.c.holder == self._holder)
        with self._engine.begin() as connection:
            connection.execute(mine.values(until=0.0))

    def held(self) -> bool:
        """Say whether any worker holds the post."""
        return is_held(self._engine, self._post)

    def _hold(self, if_: ColumnElement[bool]) -> bool:
        until = self._now() + self._lasts
        change = update(_leads).where(_leads.c.name == self._post, if_)
        with self._engine.begin() as connection:
            done = connection.execute(change.values(holder=self._holder, until=until))
        return done.rowcount > 0

    def _beat(self) -> None:
        heard = time.monotonic()
        while not self._stop.wait(self._lasts / _BEATS):
            asked = time.monotonic()
            try:
                if not self._hold(_leads.c.holder == self._holder):
                    break
                heard = asked
            except SQLAlchemyError:
                # The database may be back before the time is up; after it, another may lead.
                if time.monotonic() - heard > self._lasts * (1 - 1 / _BEATS):
                    break
        else:
            return
        self._lost()

    def _now(self) -> ColumnElement[float]:
        return _now(self._engine)


def is_held(engine: Engine, post: str = LINE) -> bool:
    """Say whether any worker holds a post, without making a table.

    Args:
        engine: Of the workflows' database.
        post: What is led.
    """
    if not inspect(engine).has_table(_leads.name):
        return False
    query = select(_leads.c.name).where(_leads.c.name == post, _leads.c.until > _now(engine))
    with engine.begin() as connection:
        return connection.scalar(query) is not None


def _now(engine: Engine) -> ColumnElement[float]:
    return literal_column(_NOW[engine.dialect.name], Float)
