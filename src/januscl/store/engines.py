"""How SQLite and PostgreSQL are reached, and what each is told when a connection is made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from januscl.core import InvalidInput, MissingDependency, how_to_install

BUSY_SECONDS = 30
"""For so long a writer waits for the one before it."""

_CONNECT_SECONDS = 10
# What the log beside a SQLite file holds before it is brought into the file, 4 KiB each. The inbox
# uses the same pages again and again, and many are then written into the file once.
_LOG_PAGES = 8192
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
# Any number will do, so long as nothing else in the database locks on it.
_POSTGRES_LOCK = 7_236_015_542
# What is acknowledged is on the server's disk, and a client whose machine died lets go of its
# locks in a minute, not in the system's two hours.
_POSTGRES_SETTINGS = """
    SELECT set_config('lock_timeout', %s, false),
      set_config('tcp_keepalives_idle', '30', false),
      set_config('tcp_keepalives_interval', '10', false),
      set_config('tcp_keepalives_count', '3', false),
      CASE WHEN current_setting('synchronous_commit') = 'off'
        THEN set_config('synchronous_commit', 'on', false) END
"""


def url_of(place: str | Path) -> URL:
    """Return the URL of a catalogue.

    Args:
        place: A path, ``sqlite:///path``, or ``postgresql+psycopg://user@host/database``.

    Raises:
        InvalidInput: It is the URL of another kind of database, or none.
    """
    if "://" not in str(place):
        # Never by way of text: in a URL, what follows a `?` is no part of the path.
        return URL.create("sqlite", database=str(Path(place).resolve()))
    try:
        parsed = make_url(str(place))
    except (ArgumentError, ValueError):
        # The parser quotes what it stumbled over, which may be a part of the password.
        raise _no_catalogue("a URL that cannot be read") from None
    if parsed.drivername in _POSTGRES:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise _no_catalogue(f"a database of kind {parsed.drivername}")
    return parsed


def name_of(url: URL) -> str:
    """Return what to call a catalogue in an error: its address without any secret."""
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database  # as it is on the disk; a URL would quote what is odd in it
    return _without_password(url, {}).render_as_string()


def address_of(place: str | Path) -> str:
    """Return a catalogue's path or URL as it can be written down: without a password."""
    if "://" not in str(place):
        return str(Path(place).resolve())
    url = url_of(place)
    plain = {name: value for name, value in url.query.items() if "password" not in name}
    return _without_password(url, plain).render_as_string()


def engine_of(url: URL) -> Engine:
    """Return an engine whose connections are set to keep what they acknowledge.

    Raises:
        MissingDependency: The database's driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, json_serializer=_json, hide_parameters=True)
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        engine = create_engine(
            url,
            json_serializer=_json,
            hide_parameters=True,
            pool_pre_ping=True,  # a server that was restarted is no error
            connect_args={"connect_timeout": _CONNECT_SECONDS},
        )
    except ImportError as error:
        raise MissingDependency(
            "a catalogue in PostgreSQL needs psycopg; install it with: "
            + how_to_install("postgres")
        ) from error
    event.listen(engine, "connect", _set_up_postgres)
    event.listen(engine, "begin", _begin_postgres)
    return engine


def _without_password(url: URL, query: Mapping[str, str | Sequence[str]]) -> URL:
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, query)


def _no_catalogue(found: str) -> InvalidInput:
    return InvalidInput(
        "catalogue",
        "a path, or a URL that begins with sqlite:/// or postgresql+psycopg://",
        found,
        "Name a SQLite file if in doubt.",
    )


def _json(value: Any) -> str:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, default=_plain)
        text.encode()  # half a character of two would stop the driver
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "catalogue row", "finite numbers and plain JSON values", str(error), "Convert it first."
        ) from error
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _set_up_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    # Where SQLite overwrites what is deleted, emptying the inbox would write all of it once more.
    connection.execute("PRAGMA secure_delete = FAST")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: a read that turns into a write can fail in the middle.
    writes = connection.get_execution_options().get("januscl_writes") is not None
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _set_up_postgres(connection: Any, record: Any) -> None:
    connection.execute(_POSTGRES_SETTINGS, (f"{BUSY_SECONDS}s",))
    connection.commit()


def _begin_postgres(connection: Connection) -> None:
    # One writer at a time, as in SQLite: what a transaction reads stays true until it ends.
    if connection.get_execution_options().get("januscl_writes") == "alone":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")
