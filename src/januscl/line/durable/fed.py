"""Which of the observations that robots sent were watched, so that each is watched once."""

from collections.abc import Iterable, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
)

from januscl.store import Workspace

_metadata = MetaData()
_fed = Table("januscl_watched", _metadata, Column("observation", String(36), primary_key=True))
_to = Table(
    "januscl_watched_to",
    _metadata,
    Column("arrival", BigInteger, primary_key=True, autoincrement=False),
)
_CHUNK = 500


class Fed:
    """The observations that were triaged, in the workflows' database.

    What is there was watched, and triage has had its effects, which are kept in the catalogue
    under ids that follow from the observation's: watched again after a kill, it is no other event.

    To look where nothing came costs the same whatever has been watched: observations are numbered
    as they arrive, and it is kept up to which number all were watched.

    Args:
        engine: Of the workflows' database.
        workspace: Holds the observations.
    """

    def __init__(self, engine: Engine, workspace: Workspace) -> None:
        self._engine, self._observations = engine, workspace.catalogue.observations
        _metadata.create_all(engine)
        with engine.begin() as connection:
            self._latest = connection.scalar(select(func.max(_fed.c.observation))) or "0"
            self._kept = connection.scalar(select(func.max(_to.c.arrival))) or 0
        # All that arrived up to there was watched, but for what is under way in this process.
        self._looked = self._kept
        self._under_way: dict[str, int] = {}

    def waiting(self, limit: int, under_way: set[str]) -> list[str]:
        """Return the ids of observations that were not watched yet, the earliest first.

        Args:
            limit: At most this many.
            under_way: Those that are being watched, and wait for their pick.
        """
        # Ids are made in order of time, so what is new mostly has the highest.
        newer = self._observations.later(self._latest, limit + len(under_way))
        found = [id for id in newer if id not in under_way]
        return found[:limit] if found else self._late(limit, under_way)

    def mark(self, ids: Iterable[str]) -> None:
        """Say that observations were watched."""
        rows = [{"observation": id} for id in sorted(set(ids))]
        for row in rows:
            self._under_way.pop(row["observation"], None)
        # Whoever begins after this process goes on from there.
        kept = min(self._under_way.values(), default=self._looked + 1) - 1
        with self._engine.begin() as connection:
            for start in range(0, len(rows), _CHUNK):
                connection.execute(insert(_fed), rows[start : start + _CHUNK])
            if kept > self._kept:
                connection.execute(delete(_to))
                connection.execute(insert(_to).values(arrival=kept))
        self._kept = max(kept, self._kept)
        self._latest = max([self._latest, *(row["observation"] for row in rows)])

    def _late(self, limit: int, under_way: set[str]) -> list[str]:
        """Return what came after others that are younger: its robot was offline."""
        while arrived := self._observations.arrived(self._looked, _CHUNK):
            ids = [id for _, id in arrived]
            watched = self._watched(ids)
            late = sorted(set(ids) - watched - under_way)
            if late:
                return late[:limit]
            self._looked = arrived[-1][0]
            self._under_way |= {id: number for number, id in arrived if id not in watched}
        return []

    def _watched(self, ids: Sequence[str]) -> set[str]:
        with self._engine.begin() as connection:
            query = select(_fed.c.observation).where(_fed.c.observation.in_(ids))
            return set(connection.scalars(query))


def latest_watched(engine: Engine, limit: int) -> list[str]:
    """Return the ids that sort last of the observations that were watched, without making a table.

    Args:
        engine: Of the workflows' database.
        limit: At most this many.
    """
    if not inspect(engine).has_table(_fed.name):
        return []
    latest = select(_fed.c.observation).order_by(_fed.c.observation.desc()).limit(limit)
    with engine.begin() as connection:
        return list(connection.scalars(latest))


def watched_number(engine: Engine) -> int:
    """Return how many observations were ever watched, without making a table.

    Args:
        engine: Of the workflows' database.
    """
    if not inspect(engine).has_table(_fed.name):
        return 0
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(_fed)) or 0
