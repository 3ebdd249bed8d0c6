import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from januscl.core import Conflict, IntegrityError, InvalidInput, MissingDependency, NotFound
from januscl.store import Catalogue
from januscl.store import migrations as history
from januscl.store.database import Database
from januscl.store.tables import metadata


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


def test_an_error_inside_a_transaction_is_one_of_ours(catalogue):
    with catalogue.transaction() as tx, pytest.raises(NotFound):
        tx.aliases.set("champion", "m-1")


def test_writing_past_an_open_transaction_is_an_error_and_no_deadlock(catalogue, observe):
    with catalogue.transaction() as tx:
        with pytest.raises(Conflict, match="as tx"):
            catalogue.observations.add(observe())
        tx.observations.add(observe())
    assert catalogue.observations.counts()["observations"] == 1


def test_a_writer_that_waits_too_long_says_so(tmp_path, monkeypatch, observe):
    monkeypatch.setattr("januscl.store.database._BUSY_SECONDS", 0)
    path = tmp_path / "catalogue.sqlite"
    with Catalogue(path) as catalogue:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Conflict, match="another process has been writing"):
            catalogue.observations.add(observe())
        other.execute("ROLLBACK")
        other.close()
        assert catalogue.observations.add(observe())


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


def test_a_database_of_a_newer_program_is_refused_untouched(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    Catalogue(path).close()
    other = sqlite3.connect(path)
    other.execute("UPDATE alembic_version SET version_num = '9999'")
    other.commit()
    with pytest.raises(Conflict, match=r"revision 9999.*Install a newer januscl"):
        Catalogue(path)
    assert other.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    other.close()


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "catalogue.sqlite"

    def half(connection, name):
        connection.exec_driver_sql("CREATE TABLE half (id INTEGER)")
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(history, "_upgrade", half)
        with pytest.raises(RuntimeError):
            Catalogue(path)
    other = sqlite3.connect(path)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == []
    other.close()
    Catalogue(path).close()


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(b"this is a letter to my aunt" * 100)
    with pytest.raises(IntegrityError, match=r"catalogue\.sqlite.*not a database"):
        Catalogue(path)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(NotFound, match="Check the folder"):
        Catalogue(tmp_path / "nowhere" / "catalogue.sqlite")


def test_a_database_whose_driver_is_missing_says_what_to_install():
    with pytest.raises(MissingDependency, match="pip install") as caught:
        Catalogue("postgresql+pg8000://robot:secret@host/januscl")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://host/januscl", "://", "http://host"])
def test_another_kind_of_database_is_refused(url):
    with pytest.raises(InvalidInput, match="a path, or a URL that begins with"):
        Catalogue(url)


def test_many_processes_may_open_a_new_catalogue_at_once_and_write(tmp_path):
    path = tmp_path / "catalogue.sqlite"
    code = (
        "import sys; from januscl.store import Catalogue;"
        f"c = Catalogue({str(path)!r});"
        "[c.audit.record('worker', 'did', f'{sys.argv[1]}-{i}', {}) for i in range(25)]"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    with Catalogue(path) as catalogue:
        subjects = [row.subject for row in catalogue.audit.list()]
    assert sorted(subjects) == sorted(f"{n}-{i}" for n in range(4) for i in range(25))
