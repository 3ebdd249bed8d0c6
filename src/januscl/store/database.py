"""One door to the database: connections and transactions."""

import fcntl
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Table, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from januscl.core import Conflict, StorageFull
from januscl.store import engines
from januscl.store.failures import busy, translated

_RESERVE = 64 * 2**20
# The database of the transaction that this thread or task holds, to tell a deadlock beforehand.
_held: ContextVar[tuple[URL, ...]] = ContextVar("held", default=())
_turns: ContextVar[frozenset[tuple[URL, str]]] = ContextVar("turns", default=frozenset())
_POLL = 0.005
_CHUNK = 500
_Id = TypeVar("_Id", str, int)


class Database:
    """Connections to one catalogue, and the only place that begins transactions.

    Attributes:
        changes: Grows with each write to what decides which model a robot runs.

    Args:
        url: ``sqlite:///path``, ``postgresql+psycopg://user@host/database``, or the path of a
            SQLite file.

    Raises:
        InvalidInput: It is the URL of another kind of database.
        MissingDependency: The database's driver is not installed.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = engines.url_of(url)
        self.changes = 0
        self.engine = engines.engine_of(self.url)
        self._turn = Lock()
        self._reader = self.engine
        self._appender = self.engine.execution_options(januscl_writes="beside")
        self._writer = self.engine.execution_options(januscl_writes="alone")
        if not self._sqlite:
            self._reader = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @property
    def name(self) -> str:
        """What to call it in an error: its address without a password."""
        return engines.name_of(self.url)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database from first to last."""
        with self._translated(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, alone: bool = True) -> Iterator[Connection]:
        """Give a connection whose writes become durable together at the end, or not at all.

        Args:
            alone: Nobody else writes meanwhile, so what is read stays true. Without it others may,
                where the database allows for that.

        Raises:
            Conflict: Another writer held the database for too long, or this thread already does.
            StorageFull: There is no room; nothing was written.
        """
        held = _held.get()
        if self.url in held:
            raise Conflict(
                f"{self.name}: a transaction is open here. Write through the object that "
                "`with catalogue.transaction() as tx` gives."
            )
        token = _held.set((*held, self.url))
        writer = self._writer if alone else self._appender
        try:
            with self._translated(), self._in_turn(), writer.begin() as connection:
                yield connection
                self._check_whole(connection)
        finally:
            _held.reset(token)

    @contextmanager
    def inside(self, connection: Connection, *, writes: bool) -> Iterator[Connection]:
        """Give a connection whose transaction someone else ends.

        What is written under an error is undone, and the transaction can go on.
        """
        with self._translated():
            self._check_whole(connection)
            if not writes:
                yield connection
                return
            part = connection.begin_nested()
            try:
                yield connection
            except BaseException:
                # A full disk may have undone more than this part; the first error says so.
                with suppress(SQLAlchemyError):
                    part.rollback()
                raise
            part.commit()

    @contextmanager
    def turn(self, name: str, *, wait: bool = True) -> Iterator[None]:
        """Hold a right that one thread of one process has at a time, of all that use this database.

        The system takes it from a process that dies. Asking again while one has it is no error.

        Args:
            name: Of the right.
            wait: For others who have it, for as long as writers wait.

        Raises:
            Conflict: Another one has held it for too long, or has it, without ``wait``.
        """
        mine = _turns.get()
        if (self.url, name) in mine:
            yield
            return
        token = _turns.set(mine | {(self.url, name)})
        hold = self._locked if self._sqlite else self._asked
        try:
            with self._translated(), hold(name, wait):
                yield
        finally:
            _turns.reset(token)

    def check_room(self, size: int) -> None:
        """Raise `StorageFull` when so many bytes would take the room that emptying needs.

        A SQLite file on a disk that is full to the last byte cannot even forget rows. How much
        room a PostgreSQL server has cannot be asked.
        """
        place = self.url.database
        if not self._sqlite or not place or not Path(place).is_file():
            return
        disk = os.statvfs(place)
        free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        # Each byte is written to the log beside the file first, and what is there comes into it.
        log = Path(f"{place}-wal")
        pending = 2 * size + (log.stat().st_size if log.is_file() else 0)
        if free < min(_RESERVE, whole // 8) + pending:
            raise StorageFull(
                f"{self.name}: {free // 2**20} MiB are free, too few for {size} bytes more. "
                "Nothing of the write was kept; free some room and try again."
            )

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @property
    def _sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def _check_whole(self, connection: Connection) -> None:
        """Refuse to go on with what SQLite itself undid after an error that was passed over."""
        driver: Any = connection.connection.driver_connection
        if self._sqlite and not driver.in_transaction:
            raise Conflict(
                f"{self.name}: the transaction was undone when a write in it failed; nothing of "
                "it was kept"
            )

    @contextmanager
    def _locked(self, name: str, wait: bool) -> Iterator[None]:
        """Hold a lock beside the SQLite file."""
        with Path(f"{self.url.database}.{name}.lock").open("ab") as file:
            until = time.monotonic() + (engines.BUSY_SECONDS if wait else 0)
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise busy(self.name) from None
                    time.sleep(_POLL)
            yield

    @contextmanager
    def _asked(self, name: str, wait: bool) -> Iterator[None]:
        """Hold an advisory lock of the PostgreSQL server."""
        key = {"key": zlib.crc32(name.encode())}
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if wait:
                connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
            elif not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key):
                raise busy(self.name)
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Let this process's writers of one file wait here: SQLite would make them poll."""
        if not self._sqlite:
            yield
            return
        if not self._turn.acquire(timeout=engines.BUSY_SECONDS):
            raise busy(self.name)
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise translated(error, self.name) from error


class Door:
    """How a group of methods reaches the database: alone, or inside a given transaction."""

    def __init__(self, database: Database, connection: Connection | None = None) -> None:
        self._database = database
        self._connection = connection

    @property
    def inside(self) -> bool:
        """Whether all is done in a transaction that someone else ends."""
        return self._connection is not None

    def read(self) -> AbstractContextManager[Connection]:
        """Give a connection to read from."""
        return self._database.read() if self._connection is None else self._inside(False)

    def write(self) -> AbstractContextManager[Connection]:
        """Give a connection to write to."""
        return self._database.write() if self._connection is None else self._inside(True)

    def append(self) -> AbstractContextManager[Connection]:
        """Give a connection for writes that read nothing which another writer may change."""
        return self._database.write(alone=False) if self._connection is None else self._inside(True)

    def check_room(self, size: int) -> None:
        """Raise `StorageFull` when so many bytes would leave no room to work in."""
        self._database.check_room(size)

    def changed(self) -> None:
        """Tell those who remember which model a robot runs that they must look again."""
        self._database.changes += 1

    def _inside(self, writes: bool) -> AbstractContextManager[Connection]:
        assert self._connection is not None
        return self._database.inside(self._connection, writes=writes)


def insert_once(
    connection: Connection, table: Table, key: tuple[str, ...], row: dict[str, Any]
) -> bool:
    """Insert a row unless one with the same ``key`` columns is there; say whether it was."""
    statement = insert_of(connection, table).values(row)
    statement = statement.on_conflict_do_nothing(index_elements=list(key))
    done = connection.execute(statement.inline().execution_options(preserve_rowcount=True))
    return done.rowcount > 0


def upsert(connection: Connection, table: Table, key: tuple[str, ...], row: dict[str, Any]) -> None:
    """Insert a row, or update the one that has the same ``key`` columns."""
    changed = {name: value for name, value in row.items() if name not in key}
    statement = insert_of(connection, table).values(row)
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=changed)
    connection.execute(statement.inline())


def insert_of(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """Return an insertion that may say what to do on a conflict."""
    postgres = connection.dialect.name == "postgresql"
    return postgresql.insert(table) if postgres else sqlite.insert(table)


def chunks(ids: Sequence[_Id]) -> Iterator[Sequence[_Id]]:
    """Give parts that fit into one statement: databases bound the number of its parameters."""
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def has_table(connection: Connection, name: str) -> bool:
    """Say whether the database has a table of this name."""
    return bool(inspect(connection).has_table(name))
