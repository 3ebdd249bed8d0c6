"""Which of the observations that robots sent were watched, so that each is watched once."""

from collections.abc import Iterable

from sqlalchemy import Column, Engine, MetaData, String, Table, func, insert, select

from januscl.store import Workspace
from januscl.store.tables import observations

_metadata = MetaData()
_fed = Table("januscl_watched", _metadata, Column("observation", String(36), primary_key=True))
_CHUNK = 500


class Fed:
    """The observations that were triaged, in the workflows' database.

    What is there was watched, and triage has had its effects, which are kept in the catalogue
    under ids that follow from the observation's: watched again after a kill, it is no other event.

    Args:
        engine: Of the workflows' database.
        workspace: Holds the observations.
    """

    def __init__(self, engine: Engine, workspace: Workspace) -> None:
        self._engine, self._catalogue = engine, workspace.catalogue
        _metadata.create_all(engine)
        with engine.begin() as connection:
            self._number = connection.scalar(select(func.count()).select_from(_fed)) or 0
            self._latest = connection.scalar(select(func.max(_fed.c.observation))) or "0"

    def waiting(self, limit: int, under_way: set[str]) -> list[str]:
        """Return the ids of observations that were not watched yet, the earliest first.

        Args:
            limit: At most this many.
            under_way: Those that are being watched, and wait for their pick.
        """
        table = observations.c
        query = select(table.id).order_by(table.id)
        with self._catalogue.database.read() as connection:
            # Ids are made in order of time, so what is new mostly has the highest.
            newer = query.where(table.id > self._latest).limit(limit + len(under_way))
            found = [id for id in connection.scalars(newer) if id not in under_way]
            if found:
                return found[:limit]
            everything = connection.scalar(select(func.count()).select_from(observations)) or 0
            if everything <= self._number + len(under_way):
                return []
            ids = list(connection.scalars(query))  # a robot was offline: some came late
        known = self._known() | under_way
        return [id for id in ids if id not in known][:limit]

    def mark(self, ids: Iterable[str]) -> None:
        """Say that observations were watched."""
        rows = [{"observation": id} for id in sorted(set(ids))]
        with self._engine.begin() as connection:
            for start in range(0, len(rows), _CHUNK):
                connection.execute(insert(_fed), rows[start : start + _CHUNK])
        self._number += len(rows)
        self._latest = max([self._latest, *(row["observation"] for row in rows)])

    def _known(self) -> set[str]:
        with self._engine.begin() as connection:
            return set(connection.scalars(select(_fed.c.observation)))
