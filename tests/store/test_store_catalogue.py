import subprocess
import sys
import traceback
from contextvars import Context
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from januscl.core import (
    Conflict,
    IntegrityError,
    InvalidInput,
    MissingDependency,
    NotFound,
    Outcome,
    Pick,
)
from januscl.store import Catalogue
from januscl.store import migrations as history
from januscl.store.database import Database
from januscl.store.tables import metadata

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_several_writes_are_one(catalogue, observe):
    with catalogue.transaction() as tx:
        tx.observations.add(observe())
        tx.audit.record("ingest", "observation.added", "o-1", {})
        assert tx.observations.get("o-1").id == "o-1", "it sees its own writes"
        assert catalogue.observations.counts()["observations"] == 0, "nobody else does yet"
    assert catalogue.observations.get("o-1").id == "o-1"
    assert len(catalogue.audit.list()) == 1


def test_an_error_undoes_the_whole_transaction(catalogue, observe):
    def add_then_fail():
        with catalogue.transaction() as tx:
            tx.observations.add(observe())
            tx.audit.record("ingest", "observation.added", "o-1", {})
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        add_then_fail()
    assert catalogue.observations.counts()["observations"] == 0
    assert catalogue.audit.list() == []


def test_after_an_error_inside_it_a_transaction_can_go_on(catalogue, observe):
    with catalogue.transaction() as tx:
        tx.observations.add(observe("o-1"))
        with pytest.raises(NotFound):
            tx.aliases.set("champion", "m-1")
        with pytest.raises(InvalidInput):
            tx.observations.add(observe("o-2", pick=Pick(7, None, Outcome.MISSED, NOON)))
        tx.observations.add(observe("o-3"))
    kept = [row.id for row in catalogue.observations.list()]
    assert kept == ["o-1", "o-3"], "and what failed left nothing behind"


def test_writing_past_an_open_transaction_is_an_error_and_no_deadlock(catalogue, observe):
    with catalogue.transaction() as tx:
        with pytest.raises(Conflict, match="as tx"):
            catalogue.observations.add(observe())
        tx.observations.add(observe())
    assert catalogue.observations.counts()["observations"] == 1


def test_a_writer_that_waits_too_long_says_so(place, monkeypatch, observe):
    monkeypatch.setattr("januscl.store.engines.BUSY_SECONDS", 0.1)
    with Catalogue(place) as catalogue, Catalogue(place) as other:
        with other.transaction() as tx:
            tx.observations.add(observe())
            # As another thread would, which has no transaction of its own.
            with pytest.raises(Conflict, match="another process has been writing"):
                Context().run(catalogue.observations.add, observe())
        assert not catalogue.observations.add(observe()), "the other one's was kept"


def test_sqlite_is_set_to_keep_what_it_acknowledged(tmp_path):
    database = Database(tmp_path / "c.sqlite")
    with database.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    full = 2
    assert found == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
    }


def test_the_migrations_make_the_tables_of_the_code(catalogue):
    with catalogue._database.read() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, metadata)
    assert differences == []


def test_names_sort_by_their_characters_codes_in_every_database(catalogue, observe):
    names = ["a-1", "B-1", "a_2", "A-1", "b-1", "Ä-1", "10", "9", "a 3"]
    for name in names:
        catalogue.observations.add(observe(name))
    assert [row.id for row in catalogue.observations.list()] == sorted(names)
    with catalogue._database.read() as connection:
        metadata = MetaData()
        metadata.reflect(connection)
    if catalogue._database.engine.dialect.name == "postgresql":
        plain = [
            f"{table.name}.{column.name}"
            for table in metadata.sorted_tables
            for column in table.columns
            if getattr(column.type, "length", None) == 200 and column.type.collation != "C"
        ]
        assert plain == []


def test_the_newest_revision_is_the_one_the_code_expects():
    config = Config()
    config.set_main_option("script_location", str(Path(history.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == history.HEAD


def test_the_tables_can_be_made_in_postgresql():
    dialect = postgresql.dialect()
    made = "".join(str(CreateTable(t).compile(dialect=dialect)) for t in metadata.sorted_tables)
    for table in metadata.sorted_tables:
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))
    assert "TIMESTAMP WITH TIME ZONE" in made
    assert "seq SERIAL" in made


def test_a_database_of_a_newer_program_is_refused_untouched(place):
    Catalogue(place).close()
    database = Database(place)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Conflict, match=r"revision 9999.*Install a newer januscl"):
        Catalogue(place)
    with database.read() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").all()
    database.close()
    assert found == [("9999",)]


def test_a_migration_that_fails_leaves_nothing_behind(empty_place, monkeypatch):

    def half(connection, name):
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(history, "_upgrade", half)
        with pytest.raises(RuntimeError):
            Catalogue(empty_place)
    database = Database(empty_place)
    with database.read() as connection:
        assert inspect(connection).get_table_names() == []
    database.close()
    Catalogue(empty_place).close()


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(b"this is a letter to my aunt" * 100)
    with pytest.raises(IntegrityError, match=r"catalogue\.sqlite.*not a database"):
        Catalogue(path)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(NotFound, match="Check the folder"):
        Catalogue(tmp_path / "nowhere" / "catalogue.sqlite")


def test_without_its_driver_postgresql_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependency, match=r"januscl\[postgres\]") as caught:
        Catalogue("postgresql+psycopg://robot:secret@host/januscl")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://robot:secret@host/januscl",
        "postgresql+pg8000://robot:secret@host/januscl",
        "postgresql://robot@host:secret/januscl",
        "://",
        "http://host",
    ],
)
def test_another_kind_of_database_is_refused_and_no_password_is_told(url):
    with pytest.raises(InvalidInput, match="a path, or a URL that begins with") as caught:
        Catalogue(url)
    assert "secret" not in "".join(traceback.format_exception(caught.value)).replace(url, "")


def test_many_processes_may_open_a_new_catalogue_at_once_and_write(empty_place):
    code = (
        "import sys; from januscl.store import Catalogue;"
        f"c = Catalogue({str(empty_place)!r});"
        "[c.audit.record('worker', 'did', f'{sys.argv[1]}-{i}', {}) for i in range(25)]"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    with Catalogue(empty_place) as catalogue:
        subjects = [row.subject for row in catalogue.audit.list()]
    assert sorted(subjects) == sorted(f"{n}-{i}" for n in range(4) for i in range(25))
