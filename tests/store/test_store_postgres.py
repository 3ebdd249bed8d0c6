"""What is PostgreSQL's alone: servers that restart, refuse, or are not there."""

import json
import threading
from urllib.parse import unquote

import pytest

from januscl.core import Conflict, Unreachable
from januscl.store import Catalogue, Workspace


@pytest.fixture
def url(postgres, filled_in):
    name = postgres.fresh(filled_in)
    yield postgres.url(name)
    postgres.drop(name)


def test_a_server_that_is_not_there_is_an_error_without_the_password(tmp_path):
    url = f"postgresql+psycopg://robot:secret@/januscl?host={tmp_path}&sslpassword=secret"
    with pytest.raises(Unreachable, match="Check that the server runs") as caught:
        Catalogue(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_is_not_there_is_named(postgres):
    with pytest.raises(Unreachable, match='database "nowhere" does not exist'):
        Catalogue(postgres.url("nowhere"))


def test_a_connection_that_was_cut_is_made_again(postgres, url):
    with Catalogue(url) as catalogue:
        catalogue.audit.record("anna", "did", "s-1", {})
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'"
        )
        catalogue.audit.record("anna", "did", "s-2", {})
        assert [row.subject for row in catalogue.audit.list()] == ["s-1", "s-2"]


def test_a_transaction_whose_connection_was_cut_keeps_nothing_and_says_so(postgres, url):
    def cut_in_the_middle(catalogue):
        with catalogue.transaction() as tx:
            tx.audit.record("anna", "did", "s-1", {})
            postgres.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'"
            )
            tx.audit.record("anna", "did", "s-2", {})

    with Catalogue(url) as catalogue:
        with pytest.raises(Unreachable):
            cut_in_the_middle(catalogue)
        assert catalogue.audit.list() == []


def test_robots_are_heard_while_somebody_else_writes(url):
    with Catalogue(url) as catalogue:
        with catalogue.transaction() as tx:
            tx.audit.record("line", "thinks", "long", {})
            ids = list[int]()
            other = threading.Thread(
                target=lambda: ids.append(catalogue.inbox.put("robot-1", "batch", b"x"))
            )
            other.start()
            other.join(20)
            assert ids, "its message did not wait for the transaction"
        assert [row.id for row in catalogue.inbox.take(1)] == ids


def test_what_is_acknowledged_is_on_the_servers_disk_even_where_the_server_is_set_otherwise(
    postgres, url
):
    name = url.partition("@/")[2].partition("?")[0]
    postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with Catalogue(url) as catalogue, catalogue.database.read() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_reading_sees_one_state_from_first_to_last(url):
    with Catalogue(url) as catalogue, Catalogue(url) as other:
        count = "SELECT count(*) FROM audit"
        with catalogue.database.read() as connection:
            assert connection.exec_driver_sql(count).scalar() == 0
            other.audit.record("anna", "did", "s-1", {})
            assert connection.exec_driver_sql(count).scalar() == 0


def test_a_workspace_remembers_where_its_catalogue_is_but_not_the_password(
    tmp_path, url, observe, monkeypatch
):
    folder = tmp_path / "site"
    with_password = url.replace("postgres@", "postgres:secret@")
    with Workspace.open(folder, catalogue=with_password, blobs=tmp_path / "blobs") as workspace:
        workspace.keep(observe())
    mark = (folder / "janus-workspace.json").read_text()
    assert unquote(json.loads(mark)["catalogue"]) == url
    assert "secret" not in mark
    monkeypatch.setenv("PGPASSWORD", "secret")
    with Workspace.open(folder) as again:
        assert again.observation("o-1").id == "o-1"
    assert not (folder / "catalogue.sqlite").exists()
    assert Workspace.exists(folder)
    assert not Workspace.exists(tmp_path)
    with pytest.raises(Conflict, match="with its catalogue in postgresql"):
        Workspace.open(folder, catalogue=tmp_path / "other.sqlite")
    with pytest.raises(Conflict, match="with its blobs in"):
        Workspace.open(folder, blobs=tmp_path / "others")
    with Workspace.open(tmp_path / "plain"):
        pass
    with pytest.raises(Conflict, match=r"with its catalogue in that folder"):
        Workspace.open(tmp_path / "plain", catalogue=url)
