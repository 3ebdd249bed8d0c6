"""Kinds that people named: those that no model knew when they did."""

from collections.abc import Sequence

from sqlalchemy import select

from januscl.core import Conflict, Kind
from januscl.store.database import Door, insert_once
from januscl.store.tables import kinds


class Kinds:
    """Kinds under permanent ids; rows are only ever added."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(self, kind: Kind) -> bool:
        """Keep a kind and say whether it is new.

        Raises:
            Conflict: Its id belongs to another kind.
        """
        values = {"id": kind.id, "name": kind.name, "shape": kind.shape}
        with self._door.write() as connection:
            if insert_once(connection, kinds, ("id",), values):
                return True
            kept = connection.execute(select(kinds).where(kinds.c.id == kind.id)).one()
            if (kept.name, kept.shape) != (kind.name, kind.shape):
                raise Conflict(
                    f"class id {kind.id} is that of kind {kept.name!r} of shape {kept.shape}, and "
                    f"cannot become {kind.name!r}; ids are never used again"
                )
        return False

    def list(self) -> Sequence[Kind]:
        """Return all kinds by id, which is the order in which they were named."""
        with self._door.read() as connection:
            found = connection.execute(select(kinds).order_by(kinds.c.id))
            return [Kind(row.id, row.name, row.shape) for row in found]
