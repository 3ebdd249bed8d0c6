"""A whole catalogue from one database to another, whichever kinds they are."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Integer, Table, func, insert, select, text

from januscl.core import Conflict
from januscl.core.files import sync
from januscl.store.database import Database
from januscl.store.failures import driver_error
from januscl.store.tables import metadata

_ROWS = 20  # messages of the inbox are megabytes


def copy_catalogue(source: Database, target: Database) -> int:
    """Copy every row of one state of ``source``, all or none, and return how many there are.

    Args:
        source: May be in use.
        target: Has the newest tables, and nothing in them.

    Raises:
        Conflict: The target holds rows already.
    """
    copied = 0
    with source.read() as there, target.write() as here:
        _check_empty(here, target.name)
        for table in metadata.sorted_tables:
            copied += _copy(there, here, table)
    return copied


def check_empty(database: Database) -> None:
    """Raise `Conflict` when a catalogue holds any row."""
    with database.read() as connection:
        _check_empty(connection, database.name)


def _check_empty(connection: Connection, name: str) -> None:
    for table in metadata.tables.values():  # in the order in which a person reads of them
        if connection.execute(select(table).limit(1)).first() is not None:
            raise Conflict(f"{name} holds {table.name} already; name an empty one")


def _copy(there: Connection, here: Connection, table: Table) -> int:
    copied = 0
    ordered = select(table).order_by(*table.primary_key.columns)
    found = there.execute(ordered.execution_options(yield_per=_ROWS))
    for some in found.partitions():
        here.execute(insert(table), [dict(row._mapping) for row in some])
        copied += len(some)
    if here.dialect.name == "postgresql":
        _count_on(here, table)
    return copied


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows from the last one on: it does not see given numbers."""
    counted = table.autoincrement_column
    if counted is None or not isinstance(counted.type, Integer):
        return
    highest = connection.execute(select(func.max(counted))).scalar()
    if highest is not None:
        sequence = text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)")
        names: dict[str, Any] = {"table": table.name, "column": counted.name}
        connection.execute(sequence, {**names, "highest": highest})


def save_sqlite(source: Database, target: Path) -> None:
    """Copy one state of a SQLite catalogue, which may be in use, to a new file on the disk.

    Raises:
        StorageFull: There is no room; the file is of no use.
    """
    with source.read() as connection, closing(sqlite3.connect(target)) as here:
        driver: Any = connection.connection.driver_connection
        try:
            driver.backup(here)
        except sqlite3.Error as error:
            raise driver_error(error, str(target)) or error from error
    seal(target)


def seal(place: Path) -> None:
    """Bring a SQLite file that nobody has open to the disk, in one piece."""
    with closing(sqlite3.connect(place)) as here:
        here.execute("PRAGMA journal_mode = DELETE")  # what is in the log beside it, into it
    sync(place)
    sync(place.parent)
