"""One door to the database: connections, transactions, and errors that say what to do."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, inspect, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import IntegrityError as ConstraintError

from januscl.core import (
    Conflict,
    IntegrityError,
    InvalidInput,
    JanusError,
    MissingDependency,
    NotFound,
    StorageFull,
)

_BUSY_SECONDS = 30
# The database of the transaction that this thread or task holds, to tell a deadlock beforehand.
_held: ContextVar[tuple[URL, ...]] = ContextVar("held", default=())


class Database:
    """Connections to one catalogue, and the only place that begins transactions.

    Attributes:
        changes: Grows with each write to what decides which model a robot runs.

    Args:
        url: ``sqlite:///path`` or a PostgreSQL URL of SQLAlchemy, or the path of a SQLite file.

    Raises:
        InvalidInput: It is the URL of another kind of database.
        MissingDependency: The database's driver is not installed.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = _url(url)
        self.changes = 0
        self.engine = _engine(self.url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _set_up_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writer = self.engine.execution_options(januscl_writes=True)

    @property
    def name(self) -> str:
        """What to call it in an error: its address without a password."""
        if self.engine.dialect.name == "sqlite" and self.url.database:
            return self.url.database  # as it is on the disk; a URL would quote what is odd in it
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database from first to last."""
        with self._translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose writes become durable together at the end, or not at all.

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
        try:
            with self._translated(), self._writer.begin() as connection:
                yield connection
        finally:
            _held.reset(token)

    @contextmanager
    def inside(self, connection: Connection) -> Iterator[Connection]:
        """Give a connection whose transaction someone else ends."""
        with self._translated():
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise _translated(error, self.name) from error


class Door:
    """How a group of methods reaches the database: alone, or inside a given transaction."""

    def __init__(self, database: Database, connection: Connection | None = None) -> None:
        self._database = database
        self._connection = connection

    def read(self) -> AbstractContextManager[Connection]:
        """Give a connection to read from."""
        return self._database.read() if self._connection is None else self._inside()

    def write(self) -> AbstractContextManager[Connection]:
        """Give a connection to write to."""
        return self._database.write() if self._connection is None else self._inside()

    def changed(self) -> None:
        """Tell those who remember which model a robot runs that they must look again."""
        self._database.changes += 1

    def _inside(self) -> AbstractContextManager[Connection]:
        assert self._connection is not None
        return self._database.inside(self._connection)


def insert_once(
    connection: Connection, table: Table, key: tuple[str, ...], row: dict[str, Any]
) -> bool:
    """Insert a row unless one with the same ``key`` columns is there; say whether it was."""
    statement = _insert(connection, table).values(row)
    statement = statement.on_conflict_do_nothing(index_elements=list(key))
    done = connection.execute(statement.inline().execution_options(preserve_rowcount=True))
    return done.rowcount > 0


def upsert(connection: Connection, table: Table, key: tuple[str, ...], row: dict[str, Any]) -> None:
    """Insert a row, or update the one that has the same ``key`` columns."""
    changed = {name: value for name, value in row.items() if name not in key}
    statement = _insert(connection, table).values(row)
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=changed)
    connection.execute(statement.inline())


def _insert(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    postgres = connection.dialect.name == "postgresql"
    return postgresql.insert(table) if postgres else sqlite.insert(table)


def has_table(connection: Connection, name: str) -> bool:
    """Say whether the database has a table of this name."""
    return bool(inspect(connection).has_table(name))


def _url(url: str | Path) -> URL:
    if "://" not in str(url):
        # Never by way of text: in a URL, what follows a `?` is no part of the path.
        return URL.create("sqlite", database=str(Path(url).resolve()))
    try:
        parsed = make_url(str(url))
    except ArgumentError as error:
        raise _no_catalogue(str(error)) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise _no_catalogue(f"a database of kind {parsed.get_backend_name()}")
    return parsed


def _engine(url: URL) -> Engine:
    try:
        return create_engine(url, json_serializer=_json)
    except ModuleNotFoundError as error:
        raise MissingDependency(f"{url!r} needs {error.name}: pip install it") from error
    except ArgumentError as error:
        raise _no_catalogue(str(error)) from error


def _no_catalogue(found: str) -> InvalidInput:
    return InvalidInput(
        "catalogue",
        "a path, or a URL that begins with sqlite:/// or postgresql+psycopg://",
        found,
        "Name a SQLite file if in doubt.",
    )


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "catalogue row", "finite numbers and plain JSON values", str(error), "Convert it first."
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _set_up_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: a read that turns into a write can fail in the middle.
    writes = connection.get_execution_options().get("januscl_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _translated(error: SQLAlchemyError, name: str) -> Exception:
    """Return the error to raise in place of the driver's."""
    cause = error.orig if isinstance(error, StatementError) else None
    if isinstance(cause, JanusError):
        return cause
    if isinstance(error, ConstraintError):
        if "foreign key" in str(cause).lower():
            return NotFound(f"{name}: the row speaks of a thing that is not there ({cause})")
        return Conflict(f"{name}: {cause}")
    if isinstance(error, DBAPIError):
        return _driver_error(cause, name) or error
    if isinstance(cause, ValueError | TypeError):
        return InvalidInput(
            "catalogue row", "values of the types of core's words", str(cause), "Convert it first."
        )
    return error


def _driver_error(cause: BaseException | None, name: str) -> Exception | None:
    code = str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", ""))
    if code.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHM", "53100")):
        return StorageFull(
            f"{name}: {cause}. Nothing of the write was kept; free some room and try again."
        )
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Conflict(
            f"{name}: another process has been writing for {_BUSY_SECONDS} s; try again later"
        )
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return IntegrityError(f"{name}: {cause}. Restore it from a backup.")
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
        return NotFound(f"{name}: {cause}. Check the folder and its permissions.")
    return None
