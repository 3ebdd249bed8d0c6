"""What a check of a workspace finds: each wrong thing, and nothing else."""

from datetime import timedelta

import pytest

from januscl.core import Deck, DeckItem, Slice, Taxonomy
from januscl.store import Finding, Workspace, Wrong, fsck

AT_ONCE = timedelta(0)


@pytest.fixture(params=["folder", "bucket"])
def workspace(request, tmp_path, place, observe, noon):
    """Return a workspace with an observation, a deck and a slice, on every kind of store."""
    blobs = tmp_path / "blobs"
    if request.param == "bucket":
        blobs = f"s3://{request.getfixturevalue('bucket').name}/site"
    with Workspace.open(tmp_path / "site", catalogue=place, blobs=blobs) as workspace:
        workspace.keep(observe())
        items = tuple(
            DeckItem(f"o-{n}", workspace.blobs.put(b"image %d" % n), workspace.put_json(n), "new")
            for n in range(2)
        )
        workspace.catalogue.decks.put(Deck("d-1", items[:1], Taxonomy(), {}, 0))
        workspace.catalogue.slices.put(Slice("s-1", "base", items[1:]))
        workspace.catalogue.tokens.create("anna", "admin")
        yield workspace


def remove(workspace, digest, data=None):
    """Take a blob away behind the store's back, or put other bytes in its place."""
    import obstore

    from januscl.store.blobs import key_of

    obstore.delete(workspace.blobs._store, key_of(digest))
    if data is not None:
        obstore.put(workspace.blobs._store, key_of(digest), data)


def test_a_sound_workspace_has_nothing_wrong(workspace):
    seen = []
    checked = fsck(
        workspace, on_its_way=AT_ONCE, progress=lambda done, total: seen.append((done, total))
    )
    assert checked.findings == ()
    assert (checked.blobs, checked.references) == (5, 5)
    assert checked.bytes == sum(blob.size for blob in workspace.blobs.kept())
    assert seen == [(n, 5) for n in range(1, 6)]


def test_a_blob_that_a_row_names_and_nobody_has_is_found(workspace):
    picture = workspace.catalogue.observations.get("o-1").image
    remove(workspace, picture)
    assert fsck(workspace, on_its_way=AT_ONCE).findings == (
        Finding(Wrong.MISSING, picture, "image of observations o-1"),
    )


def test_blobs_of_decks_and_slices_are_missed_too(workspace):
    label = workspace.catalogue.decks.get("d-1").items[0].label
    image = workspace.catalogue.slices.get("base").items[0].image
    remove(workspace, label)
    remove(workspace, image)
    assert set(fsck(workspace).findings) == {
        Finding(Wrong.MISSING, label, "label of o-0 in decks d-1"),
        Finding(Wrong.MISSING, image, "image of o-1 in slices s-1"),
    }


def test_a_blob_that_is_not_what_was_put_is_found(workspace):
    picture = workspace.catalogue.observations.get("o-1").image
    size = len(workspace.blobs.get(picture))
    remove(workspace, picture, b"x" * size)
    assert fsck(workspace, on_its_way=AT_ONCE).findings == (
        Finding(Wrong.DAMAGED, picture, "image of observations o-1"),
    )


def test_a_blob_that_no_row_names_is_an_orphan_once_its_row_cannot_come_any_more(workspace):
    digest = workspace.blobs.put(b"forgotten")
    assert fsck(workspace).findings == (), "its row may be on its way"
    assert fsck(workspace, on_its_way=-timedelta(hours=1)).findings == (
        Finding(Wrong.ORPHANED, digest, "9 bytes"),
    )


def test_a_check_changes_nothing(workspace):
    remove(workspace, workspace.blobs.put(b"damaged orphan"), b"?")
    before = [(blob.digest, blob.size, blob.made) for blob in workspace.blobs.kept()]
    fsck(workspace)
    assert [(blob.digest, blob.size, blob.made) for blob in workspace.blobs.kept()] == before


def test_a_row_that_speaks_of_no_row_is_found(tmp_path):
    with Workspace.open(tmp_path / "site") as workspace:
        with workspace.catalogue.database.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("INSERT INTO aliases VALUES ('champion', 'm-9')")
        (finding,) = fsck(workspace).findings
    assert (finding.what, finding.thing) == (Wrong.CATALOGUE, "aliases")
    assert "speaks of no row of models" in finding.detail
