"""What was done and what was refused. Rows are only ever added."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select

from januscl.store.database import Door
from januscl.store.records import AuditRow, RejectRow
from januscl.store.tables import audit, rejects


class Audit:
    """Who or what did what, when, and from which inputs."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def record(
        self,
        actor: str,
        action: str,
        subject: str,
        detail: Mapping[str, Any],
        at: datetime | None = None,
    ) -> None:
        """Add a row; inside a transaction it is kept if, and only if, the change is.

        Args:
            actor: A person or a part of Janus.
            action: What was done, such as ``ticket.opened``.
            subject: Id of the thing it was done to.
            detail: Inputs and reasons, as JSON values.
            at: When; now when omitted.
        """
        values = {"actor": actor, "action": action, "subject": subject, "detail": dict(detail)}
        with self._door.write() as connection:
            connection.execute(insert(audit).values(at=at or datetime.now(UTC), **values))

    def list(
        self, *, subject: str | None = None, action: str | None = None, limit: int | None = None
    ) -> Sequence[AuditRow]:
        """Return the rows that fit, in the order in which they were added."""
        query = select(audit).order_by(audit.c.seq).limit(limit)
        if subject is not None:
            query = query.where(audit.c.subject == subject)
        if action is not None:
            query = query.where(audit.c.action == action)
        with self._door.read() as connection:
            return [
                AuditRow(row.at, row.actor, row.action, row.subject, row.detail)
                for row in connection.execute(query)
            ]

    def last(self) -> int:
        """Return the number of the latest row; 0 before the first."""
        with self._door.read() as connection:
            return connection.execute(select(func.max(audit.c.seq))).scalar() or 0

    def after(self, number: int, limit: int) -> Sequence[tuple[int, AuditRow]]:
        """Return the rows that were added after the one of a number, each with its own.

        Rows become visible in the order of their numbers, so none is passed over.

        Args:
            number: See `last`.
            limit: At most this many, the oldest first.
        """
        query = select(audit).where(audit.c.seq > number).order_by(audit.c.seq).limit(limit)
        with self._door.read() as connection:
            return [
                (row.seq, AuditRow(row.at, row.actor, row.action, row.subject, row.detail))
                for row in connection.execute(query)
            ]


class Rejects:
    """What came in and was not accepted, with the reason."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(
        self, thing: str, reason: str, blob: str | None = None, at: datetime | None = None
    ) -> None:
        """Add a row; ``blob`` is the SHA-256 of the thing's bytes, where they were kept."""
        values = {"thing": thing, "reason": reason, "blob": blob}
        with self._door.write() as connection:
            connection.execute(insert(rejects).values(at=at or datetime.now(UTC), **values))

    def list(self, limit: int | None = None) -> Sequence[RejectRow]:
        """Return the rows in the order in which they were added."""
        query = select(rejects).order_by(rejects.c.seq).limit(limit)
        with self._door.read() as connection:
            return [
                RejectRow(row.at, row.thing, row.reason, row.blob)
                for row in connection.execute(query)
            ]
