"""What waits to be sent, in the workflows' database: nothing is lost by a kill.

A row of the audit log becomes one row here for each target that wants it, in the transaction that
moves the mark of how far the audit log was read. A row goes when its target took it, or when it was
given up. A process killed between the answer and the deletion sends the notice again, under its id.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    inspect,
    select,
    tuple_,
    update,
)

from januscl.line.telling.notify.notice import Notice

_metadata = MetaData()
_read = Table(
    "januscl_told",
    _metadata,
    Column("name", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False),
)
_outbox = Table(
    "januscl_outbox",
    _metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("target", String(60), nullable=False, index=True),
    Column("notice", Text, nullable=False),
    Column("queued", Float, nullable=False),
    Column("due", Float, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("batch", BigInteger),
    sqlite_autoincrement=True,  # the number of a row that went is never given to another
)
_AUDIT = "audit"


@dataclass(frozen=True)
class Waiting:
    """What is sent to a target next, as one message.

    Attributes:
        numbers: Of its rows.
        notices: Oldest first.
        queued: Since when the oldest waits, Unix time.
        due: When it may be sent, Unix time.
        tries: Attempts so far.
    """

    numbers: tuple[int, ...]
    notices: tuple[Notice, ...]
    queued: float
    due: float
    tries: int


class Unreadable(Exception):
    """Raised when what waits is no notice: it was damaged, or written by another program.

    Args:
        number: Of the row.
        text: What is there.
        why: The kind of error.
    """

    def __init__(self, number: int, text: str, why: str) -> None:
        super().__init__(f"row {number} of the outbox is no notice: {why}")
        self.number, self.text, self.why = number, text, why


class Outbox:
    """The notices that wait, each target's in the order in which things happened.

    Args:
        engine: Of the workflows' database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        _metadata.create_all(engine)

    def mark(self) -> int | None:
        """Return the number of the audit log's row up to which notices were made; None at first."""
        with self._engine.begin() as connection:
            return connection.scalar(select(_read.c.number).where(_read.c.name == _AUDIT))

    def add(
        self, before: int | None, mark: int, notices: Mapping[str, Sequence[Notice]], now: float
    ) -> bool:
        """Keep notices by the names of their targets, and move the mark.

        Returns:
            Whether it was done; not where another process has moved the mark meanwhile.
        """
        rows = [
            {"target": target, "notice": _text(one), "queued": now, "due": now, "tries": 0}
            for target, several in notices.items()
            for one in several
        ]
        with self._engine.begin() as connection:
            if before is None:
                connection.execute(insert(_read).values(name=_AUDIT, number=mark))
            else:
                mine = update(_read).where(_read.c.name == _AUDIT, _read.c.number == before)
                if connection.execute(mine.values(number=mark)).rowcount != 1:
                    return False
            if rows:
                connection.execute(insert(_outbox), rows)
        return True

    def next(self, target: str, digest_from: int, most: int) -> Waiting | None:
        """Return what is sent next; the same again until it is dropped.

        Only where it has more notices than a message may hold now, as when a mailbox became a
        webhook, is it taken apart.

        Args:
            target: Its name.
            digest_from: Notices that wait from which they are sent as one.
            most: Notices in one message.

        Raises:
            Unreadable: A row is no notice; `forget` it, and what waits behind it comes next.
        """
        table = _outbox.c
        oldest = select(_outbox).where(table.target == target).order_by(table.number)
        with self._engine.begin() as connection:
            rows = connection.execute(oldest.limit(max(digest_from, most))).all()
            if not rows:
                return None
            together = [row for row in rows if row.batch is not None and row.batch == rows[0].batch]
            if 0 < len(together) <= most:
                rows = together
            else:
                if together:
                    apart = update(_outbox).where(table.target == target)
                    apart = apart.where(table.batch == rows[0].batch)
                    connection.execute(apart.values(batch=None))
                rows = rows[:most] if len(rows) >= digest_from and not together else rows[:1]
                # Tried again, it holds the same notices, whatever came meanwhile.
                mine = update(_outbox).where(table.number.in_([row.number for row in rows]))
                connection.execute(mine.values(batch=rows[0].number))
        return Waiting(
            tuple(row.number for row in rows),
            tuple(_notice(row.number, row.notice) for row in rows),
            rows[0].queued,
            rows[0].due,
            rows[0].tries,
        )

    def drop(self, waiting: Waiting) -> None:
        """Forget what was taken, or given up."""
        with self._engine.begin() as connection:
            connection.execute(delete(_outbox).where(_very(waiting)))

    def forget(self, row: Unreadable) -> None:
        """Forget what cannot be read."""
        table = _outbox.c
        with self._engine.begin() as connection:
            mine = (table.number == row.number, table.notice == row.text)
            connection.execute(delete(_outbox).where(*mine))

    def put_off(self, waiting: Waiting, due: float) -> None:
        """Say that an attempt failed, and when the next may be made."""
        mine = update(_outbox).where(_very(waiting))
        with self._engine.begin() as connection:
            connection.execute(mine.values(due=due, tries=waiting.tries + 1))

    def counts(self) -> dict[str, int]:
        """Return how many notices wait for each target."""
        return waiting_in(self._engine)


def waiting_in(engine: Engine) -> dict[str, int]:
    """Return how many notices wait for each target, without making a table."""
    if not inspect(engine).has_table(_outbox.name):
        return {}
    query = select(_outbox.c.target, func.count()).group_by(_outbox.c.target)
    with engine.begin() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def _very(waiting: Waiting) -> ColumnElement[bool]:
    """Return what holds for these notices alone.

    A database made by an earlier version may give a number anew, and a sender that lost the lead
    may come late: by its number alone it would take a newer notice for the one it sent.
    """
    mine = zip(waiting.numbers, map(_text, waiting.notices), strict=True)
    return tuple_(_outbox.c.number, _outbox.c.notice).in_(list(mine))


def _text(notice: Notice) -> str:
    return json.dumps({**vars(notice), "at": notice.at.isoformat()})


def _notice(number: int, text: str) -> Notice:
    try:
        fields = json.loads(text)
        return Notice(**{**fields, "at": datetime.fromisoformat(fields["at"])})
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise Unreadable(number, text, type(error).__name__) from error
