"""What of the observation log must stay, and how far the catalogue knows of it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Select, delete, insert, select, union

from januscl.store.database import Door, chunks, insert_once, upsert
from januscl.store.records import LogMarks
from januscl.store.tables import (
    campaigns,
    label_tasks,
    labels,
    log_marks,
    log_strays,
    novelty_members,
    pins,
)

_NAMED = (
    pins.c.observation,
    label_tasks.c.observation,
    labels.c.observation,
    novelty_members.c.observation,
)


class Pins:
    """Observations whose pictures and embeddings are kept for as long as a rule says so."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(self, observations: Iterable[str], rule: str, at: datetime | None = None) -> int:
        """Keep observations by a rule; return how many it did not keep before.

        Args:
            observations: Their ids; they need not be there yet.
            rule: Its name, such as ``novel image detector``.
            at: When; now when omitted.
        """
        key, since = ("observation", "rule"), at or datetime.now(UTC)
        with self._door.write() as connection:
            return sum(
                insert_once(connection, pins, key, {"observation": id, "rule": rule, "at": since})
                for id in sorted(set(observations))
            )

    def list(self, rule: str, first: str | None = None) -> Sequence[str]:
        """Return the ids, from ``first`` on, of the observations that a rule keeps, in order."""
        query = select(pins.c.observation).where(pins.c.rule == rule)
        if first is not None:
            query = query.where(pins.c.observation >= first)
        with self._door.read() as connection:
            return list(connection.scalars(query.order_by(pins.c.observation)))

    def kept(self, observations: Iterable[str]) -> set[str]:
        """Return those ids that a rule, campaign, label, label task or novelty speaks of."""
        wanted = sorted(set(observations))
        with self._door.read() as connection:
            collected = connection.scalars(select(campaigns.c.frames))
            found = {id for frames in collected for id in frames} & set(wanted)
            for some in chunks(wanted):
                found |= set(connection.scalars(union(*_naming(some))))
        return found


class LogState:
    """How far the observation log is known to be told of here."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def get(self) -> LogMarks:
        """Return the marks; those of an empty log before the first are set."""
        with self._door.read() as connection:
            found = {row.name: row.part for row in connection.execute(select(log_marks))}
            strays = frozenset(connection.scalars(select(log_strays.c.key)))
        return LogMarks(**found, strays=strays)

    def put(self, marks: LogMarks) -> None:
        """Keep the marks; in the transaction that tells of what was added to the log."""
        with self._door.write() as connection:
            for name in ("records", "parcels"):
                row = {"name": name, "part": getattr(marks, name)}
                upsert(connection, log_marks, ("name",), row)
            before = set(connection.scalars(select(log_strays.c.key)))
            for some in chunks(sorted(before - marks.strays)):
                connection.execute(delete(log_strays).where(log_strays.c.key.in_(some)))
            if new := sorted(marks.strays - before):
                connection.execute(insert(log_strays), [{"key": key} for key in new])


def _naming(ids: Sequence[str]) -> list[Select[str]]:
    return [select(column).where(column.in_(ids)) for column in _NAMED]
