"""Which rows of a catalogue name which blobs."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, Table, select

from januscl.store.tables import decks, metadata, slices
from januscl.store.types import Digest

_ROWS = 500


def blobs_named(connection: Connection) -> Iterator[tuple[str, str]]:
    """Give the digest of every blob that a row names, with what to call the row.

    A blob that several rows name comes several times.
    """
    for table in metadata.sorted_tables:
        named = [column for column in table.columns if isinstance(column.type, Digest)]
        for column in named:
            yield from _in_column(connection, table, column)
    for table, name in ((decks, "manifest"), (slices, "items")):
        yield from _in_items(connection, table, table.c[name])


def _in_column(
    connection: Connection, table: Table, column: Column[Any]
) -> Iterator[tuple[str, str]]:
    (key, *_) = table.primary_key.columns
    query = select(key, column).where(column.is_not(None)).order_by(key)
    for id, digest in connection.execute(query.execution_options(yield_per=_ROWS)):
        yield digest, f"{column.name} of {table.name} {id}"


def _in_items(
    connection: Connection, table: Table, column: Column[Any]
) -> Iterator[tuple[str, str]]:
    query = select(table.c.id, column).order_by(table.c.seq)
    for id, found in connection.execute(query.execution_options(yield_per=1)):
        for item in found["items"] if isinstance(found, dict) else found:
            for part in ("image", "label"):
                yield item[part], f"{part} of {item['id']} in {table.name} {id}"
