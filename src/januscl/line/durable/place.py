"""Where the workflows' database is, and how it is opened without DBOS, which is slow to import."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from januscl.core import InvalidInput

FILE = "workflows.db"
_BUSY_MS = 30_000
_WAIT_S = 5
"""For a server that does not answer: who only looks must not hang."""


def place_of(catalogue: URL, folder: Path, said: str | None = None) -> Path | str:
    """Return where the workflows of a workspace are kept.

    Args:
        catalogue: URL of its catalogue.
        folder: Its own.
        said: Where, if the settings say so.

    Returns:
        A file, in the folder unless it was said, or the URL of a database, unless it was said the
        one beside the catalogue's, on its server.
    """
    if said is not None:
        return said
    if catalogue.get_backend_name() == "sqlite":
        return folder / FILE
    beside = catalogue.set(drivername="postgresql", database=f"{catalogue.database}_workflows")
    return beside.render_as_string(hide_password=False)


def server_url(place: str) -> URL:
    """Return the URL of a database on a server, as our driver wants it.

    Raises:
        InvalidInput: It is no URL; nothing of it is shown, as it may hold a password.
    """
    try:
        return make_url(place).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise InvalidInput(
            "setting workflows", "a file, or the URL of a PostgreSQL database",
            "a value that is not shown", "Write it like postgresql://user@host/database.",
        ) from None  # fmt: skip


def sqlite_engine(path: Path) -> Engine:
    """Return an engine over a SQLite file that keeps what it acknowledges."""
    engine = create_engine(URL.create("sqlite", database=str(path.resolve())), hide_parameters=True)

    def set_up(connection: Any, record: Any) -> None:
        # Of the driver: a transaction that writes takes the lock when it begins.
        connection.isolation_level = "IMMEDIATE"
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    event.listen(engine, "connect", set_up)
    return engine


def existing_engine(place: Path | str) -> Engine | None:
    """Return an engine to look into the database; None where no worker has made one yet.

    Nothing is made by it: on a server, the first look fails where there is no database.
    """
    if "://" in str(place):
        url = server_url(str(place))
        return create_engine(url, hide_parameters=True, connect_args={"connect_timeout": _WAIT_S})
    return sqlite_engine(Path(place)) if Path(place).is_file() else None
