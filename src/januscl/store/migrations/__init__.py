"""The history of the catalogue's tables, run forward when a catalogue is opened."""

from pathlib import Path
from typing import TYPE_CHECKING

from januscl.core import Conflict
from januscl.store.database import Database, has_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD = "0009"


def migrate(database: Database) -> None:
    """Bring the tables to the newest form; any number of processes may try at once.

    Raises:
        Conflict: The database was written by a newer program than this one.
    """
    with database.read() as connection:
        if _revision(connection) == HEAD:
            return
    with database.write() as connection:
        if _revision(connection) != HEAD:
            _upgrade(connection, database.name)


def _revision(connection: "Connection") -> str | None:
    if not has_table(connection, "alembic_version"):
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _upgrade(connection: "Connection", name: str) -> None:
    # Alembic takes longer to import than all else in this package; most openings do without it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = _revision(connection)
    if found is not None and found not in known:
        raise Conflict(
            f"{name} has the tables of revision {found}; this program knows revisions up to "
            f"{HEAD}. Install a newer januscl, or open a backup from before the upgrade."
        )
    command.upgrade(config, "head")
