"""What robots sent, kept as it came until it is safe elsewhere; and how the robots are."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Select, delete, func, insert, or_, select

from januscl.core import InvalidInput
from januscl.store.database import Door, chunks, insert_of, upsert
from januscl.store.records import CheckIn, InboxRow
from januscl.store.tables import check_ins, inbox, leases
from januscl.store.together import Together

_AT_ONCE = 64 * 2**20


class Inbox:
    """Messages of robots that were acknowledged and wait for a worker.

    A message that was put is on the disk when the call returns, and stays until it is dropped.
    Ids are never used again, so dropping what was dropped before does no harm. Messages that
    threads put at the same time share one commit.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._together = Together(self.put_all)

    def put(self, robot: str, kind: str, message: bytes, received: datetime | None = None) -> int:
        """Keep a message durably, as it came, and return its id.

        Args:
            robot: Who sent it.
            kind: What it is, such as ``batch`` or ``outcomes``.
            message: Its bytes, not looked into.
            received: When it came; now when omitted.

        Raises:
            InvalidInput: A name is empty or too long, or the message is no bytes.
            StorageFull: There is no room; it was not kept and must not be acknowledged. On a local
                disk the last of the room is left, up to 64 MiB, so that the inbox can be emptied.
        """
        _check(message)
        if received is None and not self._door.inside:
            return self._together.put((robot, kind, message))
        return self.put_all([(robot, kind, message)], received)[0]

    def put_all(
        self, messages: Iterable[tuple[str, str, bytes]], received: datetime | None = None
    ) -> list[int]:
        """Keep several messages (robot, kind, bytes), all or none, for the price of one.

        Returns:
            Their ids, in the order given. For errors see `put`.
        """
        at, given = received or datetime.now(UTC), list(messages)
        for _, _, message in given:
            _check(message)
        self._door.check_room(sum(len(message) for _, _, message in given))
        with self._door.append() as connection:
            return [_put(connection, robot, kind, message, at) for robot, kind, message in given]

    def take(
        self, limit: int, *, lease: timedelta | None = None, at_once: int = _AT_ONCE
    ) -> Sequence[InboxRow]:
        """Return the oldest messages in the order in which they came; they stay in the inbox.

        Args:
            limit: At most this many.
            lease: Give them to no other worker that asks with a lease, for so long; what a dead
                worker had taken comes back then. Without it they are only looked at.
            at_once: Bytes that they have together at most; the first comes however large it is.
        """
        table, now = inbox.c, datetime.now(UTC)
        query = select(table.id, table.size).order_by(table.id).limit(limit)
        if lease is None:
            with self._door.read() as connection:
                return _rows(connection, _fitting(connection, query, at_once))
        query = query.outerjoin(leases, leases.c.message == table.id)
        query = query.where(or_(leases.c.until.is_(None), leases.c.until <= now))
        query = query.with_for_update(of=inbox, skip_locked=True)
        with self._door.append() as connection:
            ids = _fitting(connection, query, at_once)
            return _rows(connection, _lease(connection, ids, now, now + lease))

    def drop(self, ids: Iterable[int]) -> int:
        """Forget messages that are safe elsewhere, and return how many were there."""
        dropped = 0
        with self._door.append() as connection:
            for some in chunks(sorted(set(ids))):
                connection.execute(delete(leases).where(leases.c.message.in_(some)))
                dropped += connection.execute(delete(inbox).where(inbox.c.id.in_(some))).rowcount
        return dropped

    def holds(self, ids: Iterable[int]) -> int:
        """Return how many of these messages are still here."""
        found = 0
        with self._door.read() as connection:
            for some in chunks(sorted(set(ids))):
                query = select(func.count()).where(inbox.c.id.in_(some))
                found += connection.execute(query).scalar_one()
        return found

    def depth(self) -> int:
        """Return how many messages wait."""
        with self._door.read() as connection:
            return connection.execute(select(func.count()).select_from(inbox)).scalar_one()


class CheckIns:
    """How each robot was when it last checked in."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def put(self, check_in: CheckIn) -> None:
        """Keep it in place of the robot's one before."""
        with self._door.append() as connection:
            upsert(connection, check_ins, ("robot",), asdict(check_in))

    def list(self) -> Sequence[CheckIn]:
        """Return the last one of each robot, by the robots' names."""
        with self._door.read() as connection:
            found = connection.execute(select(check_ins).order_by(check_ins.c.robot))
            return [CheckIn(**row._mapping) for row in found]


def _check(message: bytes) -> None:
    if not isinstance(message, bytes):
        raise InvalidInput(
            "message", "bytes", type(message).__name__, "Pass the request's body as it came."
        )


def _put(connection: Connection, robot: str, kind: str, message: bytes, at: datetime) -> int:
    values = {"robot": robot, "kind": kind, "message": message, "size": len(message)}
    statement = insert(inbox).values(received=at, **values).returning(inbox.c.id)
    id: int = connection.execute(statement).scalar_one()
    return id


def _fitting(connection: Connection, query: Select[int, int], at_once: int) -> list[int]:
    """Return the first ids whose messages together have so many bytes at most, or one."""
    ids, total = list[int](), 0
    for id, size in connection.execute(query):
        total += size
        if ids and total > at_once:
            break
        ids.append(id)
    return ids


def _lease(connection: Connection, ids: list[int], now: datetime, until: datetime) -> list[int]:
    """Lease messages and return the ids of those that nobody else has leased meanwhile."""
    mine = list[int]()
    for some in chunks(ids):
        statement = insert_of(connection, leases).values(
            [{"message": id, "until": until} for id in some]
        )
        over = statement.on_conflict_do_update(
            index_elements=["message"], set_={"until": until}, where=leases.c.until <= now
        )
        mine += connection.scalars(over.returning(leases.c.message))
    return sorted(mine)


def _rows(connection: Connection, ids: list[int]) -> list[InboxRow]:
    table, found = inbox.c, list[InboxRow]()
    columns = (table.id, table.received, table.robot, table.kind, table.message)
    for some in chunks(ids):
        query = select(*columns).where(table.id.in_(some)).order_by(table.id)
        found += [InboxRow(**row._mapping) for row in connection.execute(query)]
    return found
