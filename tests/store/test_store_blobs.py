import os
import time
from hashlib import sha256

import pytest

from januscl.core import IntegrityError, InvalidInput, NotFound
from januscl.core.contracts import check_blobs
from januscl.store import LocalBlobs

PICTURE = b"a picture of a pile" * 100


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_it_keeps_the_contract_of_blobs(tmp_path):
    check_blobs(LocalBlobs(tmp_path))


def test_a_blob_is_found_by_whoever_opens_the_folder_next(tmp_path):
    digest = LocalBlobs(tmp_path / "new" / "folder").put(PICTURE)
    assert LocalBlobs(tmp_path / "new" / "folder").get(digest) == PICTURE


def test_the_same_bytes_are_kept_once(tmp_path):
    blobs = LocalBlobs(tmp_path)
    assert blobs.put(PICTURE) == blobs.put(PICTURE) == sha256(PICTURE).hexdigest()
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("damage", [PICTURE[:-1], PICTURE[:-1] + b"?", b""])
def test_damaged_bytes_are_never_returned_and_a_new_put_mends_them(tmp_path, damage):
    blobs = LocalBlobs(tmp_path)
    digest = blobs.put(PICTURE)
    (kept,) = files(tmp_path)
    kept.write_bytes(damage)
    with pytest.raises(IntegrityError, match="damaged or replaced"):
        blobs.get(digest)
    blobs.put(PICTURE)
    assert blobs.get(digest) == PICTURE


@pytest.mark.parametrize(
    "digest",
    ["", "..", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 62 + "/.", "0" * 64 + "\n"],
)
def test_what_is_no_digest_is_refused_and_reaches_no_file(tmp_path, digest):
    blobs = LocalBlobs(tmp_path)
    with pytest.raises(InvalidInput, match="64 lower-case hexadecimal digits"):
        blobs.get(digest)
    with pytest.raises(InvalidInput, match="64 lower-case hexadecimal digits"):
        blobs.has(digest)


def test_a_missing_blob_is_named(tmp_path):
    with pytest.raises(NotFound, match="0" * 64):
        LocalBlobs(tmp_path).get("0" * 64)


def test_a_blob_is_brought_to_the_disk_before_it_is_visible(tmp_path, monkeypatch):
    steps = []
    blobs = LocalBlobs(tmp_path)
    place = tmp_path / (digest := sha256(PICTURE).hexdigest())[:2] / digest[2:4] / digest
    real = os.fsync

    def watched(handle):
        path = os.readlink(f"/proc/self/fd/{handle}")
        steps.append((os.path.relpath(path, tmp_path).split("/")[0], place.exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    blobs.put(PICTURE)
    assert steps[0] == ("staging", False), "the bytes first"
    assert [visible for _, visible in steps[1:]] == [True] * 3, "then the names, up to the root"
    assert steps[-1] == (".", True)


def test_what_a_killed_process_left_is_swept_once_it_is_old(tmp_path):
    LocalBlobs(tmp_path)
    old, young = tmp_path / "staging" / "old", tmp_path / "staging" / "young"
    for path in (old, young):
        path.write_bytes(b"half a pic")
    os.utime(old, (time.time() - 7200,) * 2)
    LocalBlobs(tmp_path)
    assert not old.exists()
    assert young.exists(), "another process may be writing it"
