"""Kills and full disks, with real processes and a real file system of one MiB."""

import os
import resource
import shutil
import subprocess
import sys
from contextlib import closing, suppress
from hashlib import sha256

import pytest
from store_servers import cluster, missing

from januscl.core import Conflict, StorageFull
from januscl.store import Catalogue, LocalBlobs, Workspace

CATALOGUE_WRITER = """
import sys
from januscl.store import Catalogue
catalogue = Catalogue(sys.argv[1])
for i in range(10**6):
    with catalogue.transaction() as tx:
        tx.audit.record("writer", "wrote", f"s-{i}", {"filling": "x" * 500})
        tx.rejects.add(f"s-{i}", "its other half")
    print(f"s-{i}", flush=True)
"""

BLOB_WRITER = """
import sys
from januscl.store import LocalBlobs
blobs = LocalBlobs(sys.argv[1])
for i in range(10**6):
    print(blobs.put(str(i).encode() * 50_000), flush=True)
"""


def run_and_kill(code, path, acknowledged):
    """Start a writer, kill it after so many acknowledgements, return all that it gave."""
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(acknowledged)]
    writer.kill()
    rest, _ = writer.communicate()
    # The last line may have been cut off in the middle.
    return [line.strip() for line in [*lines, *rest.splitlines(True)] if line.endswith("\n")]


@pytest.mark.parametrize("acknowledged", [1, 17, 60])
def test_a_killed_writer_loses_nothing_that_it_acknowledged(place, acknowledged):
    given = run_and_kill(CATALOGUE_WRITER, place, acknowledged)
    assert len(given) >= acknowledged
    with Catalogue(place) as catalogue:
        kept = [row.subject for row in catalogue.audit.list()]
        halves = [row.thing for row in catalogue.rejects.list()]
        assert kept[: len(given)] == given, "each is there, once, in order"
        assert len(kept) <= len(given) + 1, "at most the one it had no time to acknowledge"
        assert halves == kept, "a transaction is kept whole or not at all"
        catalogue.audit.record("another", "wrote", "on", {})


@pytest.mark.parametrize("acknowledged", [1, 30])
def test_a_killed_blob_writer_loses_nothing_and_shows_nothing_half_written(tmp_path, acknowledged):
    given = run_and_kill(BLOB_WRITER, tmp_path, acknowledged)
    assert len(given) >= acknowledged
    blobs = LocalBlobs(tmp_path)
    for digest in given:
        assert sha256(blobs.get(digest)).hexdigest() == digest
    visible = [p for p in tmp_path.rglob("*") if p.is_file() and p.parent.name != "staging"]
    for path in visible:
        assert sha256(path.read_bytes()).hexdigest() == path.name
    assert blobs.put(b"0" * 50_000) == given[0]


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a file system of one MiB, where this process may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder):
    """Leave no room at all."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


def record_until_full(catalogue):
    acknowledged = []
    with pytest.raises(StorageFull, match="try again"):  # noqa: PT012 - it is the loop that fails
        while len(acknowledged) < 10_000:
            subject = f"s-{len(acknowledged)}"
            catalogue.audit.record("writer", "wrote", subject, {"filling": "x" * 2000})
            acknowledged.append(subject)
    return acknowledged


def test_a_catalogue_on_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(small_disk):
    (small_disk / "ballast").write_bytes(b"\0" * 300_000)
    with Catalogue(small_disk / "c.sqlite") as catalogue:
        acknowledged = record_until_full(catalogue)
        assert len(acknowledged) > 5
        assert [row.subject for row in catalogue.audit.list()] == acknowledged
        (small_disk / "ballast").unlink()
        catalogue.audit.record("writer", "wrote", "after", {})
        assert [row.subject for row in catalogue.audit.list()] == [*acknowledged, "after"]


def test_a_transaction_that_a_full_disk_undid_is_never_said_to_be_kept(small_disk):
    (small_disk / "ballast").write_bytes(b"\0" * 300_000)

    def pass_over_the_error(catalogue):
        with catalogue.transaction() as tx:
            tx.audit.record("writer", "wrote", "first", {})
            with suppress(StorageFull):
                for number in range(1000):
                    tx.audit.record("writer", "wrote", f"s-{number}", {"filling": "x" * 2000})
            tx.audit.record("writer", "wrote", "last", {})

    with Catalogue(small_disk / "c.sqlite") as catalogue:
        try:
            pass_over_the_error(catalogue)
        except (StorageFull, Conflict):
            assert catalogue.audit.list() == [], "nothing of it, and that was said"
        else:
            kept = [row.subject for row in catalogue.audit.list()]
            assert (kept[0], kept[-1]) == ("first", "last")
        (small_disk / "ballast").unlink()
        catalogue.audit.record("writer", "wrote", "after", {})
        assert catalogue.audit.list()[-1].subject == "after"


def test_an_inbox_on_a_full_disk_acknowledges_nothing_that_it_cannot_keep(small_disk):
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    with Catalogue(small_disk / "c.sqlite") as catalogue:
        ids = list[int]()
        with pytest.raises(StorageFull, match="Nothing of the write was kept"):  # noqa: PT012
            while len(ids) < 1000:
                ids.append(catalogue.inbox.put("robot-1", "batch", os.urandom(100_000)))
        assert len(ids) > 20
        assert [row.id for row in catalogue.inbox.take(1000)] == ids
        assert catalogue.inbox.drop(ids) == len(ids), "there is room to empty it"
        subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
        assert catalogue.inbox.put("robot-1", "batch", b"x" * 100_000) > ids[-1]


def test_a_postgresql_server_with_a_full_disk_says_so_and_goes_on_when_there_is_room(small_disk):
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    subprocess.run(["mount", "-o", "remount,size=24m", str(small_disk)], check=True)
    shutil.chown(small_disk, "postgres")
    for above in small_disk.parents[:-2]:
        above.chmod(0o711)
    with cluster() as server:  # one of its own, for it may not get over it
        server.run(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
        server.run("CREATE DATABASE small TABLESPACE small")
        with Catalogue(server.url("small")) as catalogue:
            ids = list[int]()
            with pytest.raises(StorageFull, match="free some room"):  # noqa: PT012
                while len(ids) < 1000:
                    ids.append(catalogue.inbox.put("robot-1", "batch", os.urandom(400_000)))
            assert ids
            # Before that even reading may fail, for the server has to write what it holds.
            subprocess.run(["mount", "-o", "remount,size=48m", str(small_disk)], check=True)
            assert [row.id for row in catalogue.inbox.take(1000)] == ids
            assert catalogue.inbox.put("robot-1", "batch", os.urandom(400_000)) > ids[-1]


def test_blobs_on_a_full_disk_show_nothing_half_written_and_go_on_when_there_is_room(small_disk):
    blobs = LocalBlobs(small_disk)
    kept = blobs.put(b"small")
    large = b"large" * 300_000
    with pytest.raises(StorageFull, match="no room"):
        blobs.put(large)
    assert not blobs.has(sha256(large).hexdigest())
    assert not list((small_disk / "staging").iterdir()), "and it takes no room"
    fill(small_disk)
    with pytest.raises(StorageFull, match="no room"):
        blobs.put(b"a few bytes")
    assert blobs.get(kept) == b"small"
    (small_disk / "ballast").unlink()
    assert blobs.get(blobs.put(b"a few bytes")) == b"a few bytes"


def test_a_workspace_is_not_made_on_a_full_disk_but_later(small_disk):
    fill(small_disk)
    with pytest.raises(StorageFull):
        Workspace.open(small_disk / "site")
    (small_disk / "ballast").unlink()
    Workspace.open(small_disk / "site").close()


@pytest.fixture
def file_limit():
    """Forbid files over 400 KB, as a quota would; needs no root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_may_not_grow_is_a_full_disk_too(tmp_path, file_limit):
    blobs = LocalBlobs(tmp_path / "blobs")
    with pytest.raises(StorageFull, match="no room"):
        blobs.put(b"x" * 500_000)
    assert not list((tmp_path / "blobs" / "staging").iterdir())
    with closing(Catalogue(tmp_path / "c.sqlite")) as catalogue:
        acknowledged = record_until_full(catalogue)
        assert [row.subject for row in catalogue.audit.list()] == acknowledged
