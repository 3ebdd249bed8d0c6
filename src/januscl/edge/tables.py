"""The spool's SQLite file: how it is opened, and what its failures mean."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from januscl.core import IntegrityError, StorageFull

_log = logging.getLogger("januscl.edge")

_PAGE_BYTES = 16384
"""Pictures of 60 KB lie in few pages, which makes dropping them quick."""

_TABLES = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS campaigns (id TEXT PRIMARY KEY, taken INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, keep INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, keep INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS pixels (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, keep INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS rejects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, keep INTEGER NOT NULL, what TEXT NOT NULL,
    reason TEXT NOT NULL, data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS records_keep ON records (keep, seq);
CREATE INDEX IF NOT EXISTS outcomes_keep ON outcomes (keep, seq);
CREATE INDEX IF NOT EXISTS pixels_keep ON pixels (keep, seq);
"""

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL})


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, made where it does not exist; each commit is on the disk when it returns."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # 4 MiB: the log is written over from its beginning once it was taken into the file.
        connection.execute(f"PRAGMA wal_autocheckpoint = {4 * 2**20 // _PAGE_BYTES}")
        connection.executescript(_TABLES)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit the block durably, or nothing of it.

    Raises:
        StorageFull: There was no room.
        IntegrityError: The file is damaged.
    """
    with failures():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def failures() -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Raises:
        StorageFull: There was no room.
        IntegrityError: The file is damaged.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            raise IntegrityError(f"the spool is damaged: {error}") from error
        if code in _NO_ROOM:
            raise StorageFull(f"no room in the spool: {error}") from error
        raise


def set_aside(path: Path) -> None:
    """Give a damaged file another name; an older damaged one makes way for it."""
    aside = path.with_name(f"{path.name}.damaged")
    _log.error("the spool %s is damaged; it is kept as %s and a new one begun", path, aside)
    for tail in ("", "-wal", "-shm"):
        part = path.with_name(path.name + tail)
        if part.exists():
            part.replace(aside.with_name(aside.name + tail))
