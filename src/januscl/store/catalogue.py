"""The catalogue: all state that decides anything, in transactions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from januscl.store.arriving import CheckIns, Inbox
from januscl.store.database import Database, Door
from januscl.store.diagnosing import Diagnoses
from januscl.store.health import CameraHealthLog
from januscl.store.journal import Audit, Rejects
from januscl.store.keeping import LogState, Pins
from januscl.store.labelling import Labels, LabelTasks
from januscl.store.learning import Aliases, Decks, Models, Releases, Slices, Verdicts
from januscl.store.migrations import migrate
from januscl.store.naming import Kinds
from januscl.store.observing import Cells, Observations
from januscl.store.tokens import Tokens
from januscl.store.triaging import Campaigns, Events, Novelties, Tickets


class Transaction:
    """The groups of the catalogue, one attribute for each word.

    What is written through one `Transaction` that `Catalogue.transaction` gives is kept
    together or not at all.
    """

    def __init__(self, door: Door) -> None:
        self.cells = Cells(door)
        self.observations = Observations(door)
        self.camera_health = CameraHealthLog(door)
        self.events = Events(door)
        self.diagnoses = Diagnoses(door)
        self.tickets = Tickets(door)
        self.novelties = Novelties(door)
        self.campaigns = Campaigns(door)
        self.label_tasks = LabelTasks(door)
        self.labels = Labels(door)
        self.decks = Decks(door)
        self.slices = Slices(door)
        self.kinds = Kinds(door)
        self.models = Models(door)
        self.aliases = Aliases(door)
        self.verdicts = Verdicts(door)
        self.releases = Releases(door)
        self.audit = Audit(door)
        self.rejects = Rejects(door)
        self.inbox = Inbox(door)
        self.pins = Pins(door)
        self.log = LogState(door)
        self.check_ins = CheckIns(door)
        self.tokens = Tokens(door)


class Catalogue(Transaction):
    """A catalogue in a SQLite file (or, by its URL, in PostgreSQL).

    Each call is a transaction of its own, durable when it returns. Opening brings the tables to
    the newest form. Safe for threads and for any number of processes.

    Args:
        url_or_path: A path, or ``postgresql+psycopg://user@host/database``; the password is better
            kept in ``PGPASSWORD``.

    Raises:
        InvalidInput: It is the URL of another kind of database.
        MissingDependency: The database's driver is not installed.
        Conflict: It was written by a newer program than this one.
        IntegrityError: The file is damaged, or no database.
        StorageFull: There is no room.
    """

    def __init__(self, url_or_path: str | Path) -> None:
        self._database = Database(url_or_path)
        migrate(self._database)
        super().__init__(Door(self._database))

    @property
    def database(self) -> Database:
        """Its connections, for the rest of this room."""
        return self._database

    @property
    def changes(self) -> int:
        """How often releases or aliases were written through this object.

        What was read of them before stays true while it stands still and no other process writes.
        """
        return self._database.changes

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Give the groups bound to one transaction; an exception undoes all of it.

        Write only through what it gives: ``with catalogue.transaction() as tx``.

        Raises:
            Conflict: This thread has a transaction open already.
        """
        with self._database.write() as connection:
            yield Transaction(Door(self._database, connection))

    def faults(self) -> Sequence[tuple[str, str]]:
        """Return what the database finds wrong with itself, as pairs of a table and a text.

        PostgreSQL watches over itself (see its page checksums and ``pg_amcheck``): of it nothing
        is asked.
        """
        with self._database.read() as connection:
            if connection.dialect.name != "sqlite":
                return []
            told = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            found = [("catalogue", text) for text in told if text != "ok"]
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [*found, *((row[0], f"row {row[1]} speaks of no row of {row[2]}") for row in broken)]

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
