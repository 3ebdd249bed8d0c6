"""A backup of a workspace in use, and the workspace that is made of it."""

import json
import shutil
import threading

import pytest

from januscl.core import Conflict, IntegrityError, NotFound
from januscl.store import Catalogue, Finding, Workspace, Wrong, backup, fsck, restore
from januscl.store.tables import metadata


@pytest.fixture
def workspace(tmp_path, place, observe, noon):
    """Return a workspace with rows of every type, its catalogue on either database."""
    with Workspace.open(tmp_path / "site", catalogue=place, blobs=tmp_path / "blobs") as workspace:
        for number in range(45):
            workspace.keep(observe(f"o-{number}", number))
        workspace.catalogue.audit.record("anna", "did", "s-1", {"why": "because", "n": 1.5})
        workspace.catalogue.inbox.put("robot-1", "batch", bytes(range(256)), noon)
        workspace.catalogue.tokens.create("anna", "admin", at=noon)
        yield workspace


def rows(catalogue):
    with catalogue.database.read() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(table.select().order_by(*table.primary_key.columns))
            ]
            for table in metadata.sorted_tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request, tmp_path):
    """Return where the restored catalogue goes."""
    if request.param == "sqlite":
        yield None
        return
    postgres = request.getfixturevalue("postgres")
    name = postgres.fresh()
    yield postgres.url(name)
    postgres.drop(name)


def test_what_was_backed_up_comes_back_on_any_database(workspace, tmp_path, target):
    told = []
    saved = backup(workspace, tmp_path / "saved", lambda *done: told.append(done))
    (blob,) = list(workspace.blobs.kept())
    assert (saved.blobs, saved.bytes, saved.findings) == (1, blob.size, ())
    assert told == [(1, 1)]
    kept = rows(workspace.catalogue)
    again = restore(tmp_path / "saved", tmp_path / "again", catalogue=target)
    assert again == saved
    with Workspace.open(tmp_path / "again", catalogue=target) as made:
        assert rows(made.catalogue) == kept
        assert fsck(made).findings == ()
        assert (
            made.observation("o-7").instances.masks == workspace.observation("o-7").instances.masks
        )
        made.catalogue.audit.record("anna", "did", "s-2", {})
        assert made.catalogue.inbox.put("robot-1", "batch", b"new") == 2
        assert [row.subject for row in made.catalogue.audit.list()] == ["s-1", "s-2"]


def test_blobs_go_to_a_bucket_and_come_back_from_one(tmp_path, bucket, observe):
    with Workspace.open(tmp_path / "site", blobs=f"s3://{bucket.name}/site") as workspace:
        workspace.keep(observe())
        backup(workspace, tmp_path / "saved")
    restore(tmp_path / "saved", tmp_path / "again", blobs=f"s3://{bucket.name}/again")
    with Workspace.open(tmp_path / "again") as made:
        assert made.observation("o-1").id == "o-1"
    with pytest.raises(Conflict, match="would share its blobs"):
        restore(tmp_path / "saved", tmp_path / "third", blobs=f"s3://{bucket.name}/site")


def test_a_backup_of_a_workspace_in_use_is_one_state_of_it(workspace, tmp_path):
    stop = threading.Event()

    def work():
        number = 0
        while not stop.is_set():
            number += 1
            digest = workspace.blobs.put(b"%d" % number)
            with workspace.catalogue.transaction() as tx:
                tx.audit.record("worker", "wrote", f"w-{number}", {})
                tx.rejects.add(f"w-{number}", "its other half", digest)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(3):
            backup(workspace, tmp_path / f"saved-{number}")
    finally:
        stop.set()
        worker.join()
    restore(tmp_path / "saved-2", tmp_path / "again")
    with Workspace.open(tmp_path / "again") as made:
        assert fsck(made).findings == (), "every blob that a row names was saved"
        wrote = [row.subject for row in made.catalogue.audit.list(action="wrote")]
        assert wrote, "the worker was at work"
        assert [row.thing for row in made.catalogue.rejects.list()] == wrote


def test_a_backup_is_restored_into_nothing_that_is_in_use(tmp_path, place, observe):
    with Workspace.open(tmp_path / "site") as workspace:
        workspace.keep(observe())
        backup(workspace, tmp_path / "saved")
        with pytest.raises(Conflict, match="something in"):
            backup(workspace, tmp_path / "saved")
    with pytest.raises(Conflict, match="something in"):
        restore(tmp_path / "saved", tmp_path / "site")
    with Catalogue(place) as used:
        used.observations.add(observe("o-other"))
    with pytest.raises(Conflict, match="holds observations already"):
        restore(tmp_path / "saved", tmp_path / "again", catalogue=place)
    with Catalogue(place) as used:
        assert [row.id for row in used.observations.list()] == ["o-other"]


def test_a_backup_that_was_cut_short_or_changed_is_refused(tmp_path):
    with Workspace.open(tmp_path / "site") as workspace:
        backup(workspace, tmp_path / "saved")
    for name, error, text in (
        ("janus-backup.json", NotFound, "no backup, or one that was cut short"),
        ("catalogue.sqlite", IntegrityError, "not what was saved"),
    ):
        broken = tmp_path / f"without-{name}"
        shutil.copytree(tmp_path / "saved", broken)
        (broken / name).unlink()
        with pytest.raises(error, match=text):
            restore(broken, tmp_path / "again")
    with (tmp_path / "saved" / "catalogue.sqlite").open("ab") as file:
        file.write(b"?")
    with pytest.raises(IntegrityError, match="not what was saved"):
        restore(tmp_path / "saved", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_backup_of_a_newer_program_is_refused(tmp_path):
    with Workspace.open(tmp_path / "site") as workspace:
        backup(workspace, tmp_path / "saved")
    mark = tmp_path / "saved" / "janus-backup.json"
    mark.write_text(json.dumps({**json.loads(mark.read_bytes()), "format": 3}))
    with pytest.raises(Conflict, match="format 3"):
        restore(tmp_path / "saved", tmp_path / "again")


def test_damage_is_told_and_the_rest_is_saved(tmp_path, observe):
    with Workspace.open(tmp_path / "site") as workspace:
        workspace.keep(observe())
        (blob,) = list(workspace.blobs.kept())
        sound = workspace.blobs.put(b"sound")
        path = next((tmp_path / "site" / "blobs").rglob(blob.digest))
        path.write_bytes(b"?")
        saved = backup(workspace, tmp_path / "saved")
        assert saved.findings == (Finding(Wrong.DAMAGED, blob.digest, "it was not copied"),)
        assert (saved.blobs, saved.bytes) == (1, 5)
    again = restore(tmp_path / "saved", tmp_path / "again")
    assert again.findings == (Finding(Wrong.MISSING, blob.digest, "image of observations o-1"),)
    with Workspace.open(tmp_path / "again") as made:
        assert made.blobs.get(sound) == b"sound"


def test_a_backup_is_its_owners_alone_and_is_not_changed_by_a_restore(tmp_path):
    with Workspace.open(tmp_path / "site") as workspace:
        backup(workspace, tmp_path / "saved")
    assert (tmp_path / "saved").stat().st_mode & 0o077 == 0
    place = tmp_path / "saved" / "catalogue.sqlite"
    before = place.read_bytes()
    restore(tmp_path / "saved", tmp_path / "again")
    assert place.read_bytes() == before
    names = sorted(path.name for path in (tmp_path / "saved").iterdir())
    assert names == ["blobs", "catalogue.sqlite", "janus-backup.json"]
