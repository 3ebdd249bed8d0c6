"""Blobs in S3, against a server that speaks it."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256

import pytest

from januscl.core import IntegrityError, InvalidInput, NotFound, Unreachable
from januscl.core.contracts import check_blobs
from januscl.store import S3Blobs, Workspace

PICTURE = b"a picture of a pile" * 100


def key(digest):
    return f"site/{digest[:2]}/{digest[2:4]}/{digest}"


@pytest.fixture
def blobs(bucket):
    return S3Blobs(f"s3://{bucket.name}/site")


def test_it_keeps_the_contract_of_blobs(blobs):
    check_blobs(blobs)


def test_a_blob_is_found_by_whoever_opens_the_bucket_next(bucket, blobs):
    digest = blobs.put(PICTURE)
    assert S3Blobs(f"s3://{bucket.name}/site/").get(digest) == PICTURE
    assert not S3Blobs(f"s3://{bucket.name}/other").has(digest)
    assert not S3Blobs(f"s3://{bucket.name}").has(digest)


def test_the_same_bytes_are_put_once(bucket, blobs):
    with ThreadPoolExecutor(4) as pool:
        digests = set(pool.map(blobs.put, [PICTURE] * 8))
    assert digests == {sha256(PICTURE).hexdigest()}
    blobs.put(PICTURE)
    assert bucket.keys() == [key(*digests)]
    assert bucket.versions() == [key(*digests)], "and never written again"


@pytest.mark.parametrize("damage", [PICTURE[:-1], PICTURE[:-1] + b"?", b""])
def test_damaged_bytes_are_never_returned_and_a_new_put_mends_them(bucket, blobs, damage):
    digest = blobs.put(PICTURE)
    bucket.write(key(digest), damage)
    with pytest.raises(IntegrityError, match="damaged or replaced"):
        blobs.get(digest)
    blobs.put(PICTURE)
    assert blobs.get(digest) == PICTURE


def test_only_blobs_are_listed(bucket, blobs):
    given = {blobs.put(b"%d" % n): len(b"%d" % n) for n in range(30)}
    for name in ("site/readme.txt", "site/aa/bb/" + "c" * 64, "other/" + "d" * 64):
        bucket.write(name, b"not ours")
    assert {blob.digest: blob.size for blob in blobs.kept()} == given


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 62 + "/."])
def test_what_is_no_digest_is_refused(blobs, digest):
    with pytest.raises(InvalidInput, match="64 lower-case hexadecimal digits"):
        blobs.get(digest)


def test_a_missing_blob_or_bucket_is_named(blobs):
    with pytest.raises(NotFound, match="0" * 64):
        blobs.get("0" * 64)
    with pytest.raises(NotFound, match="no-such-bucket"):
        S3Blobs("s3://no-such-bucket/site")


@pytest.mark.parametrize(
    "place",
    [
        "s3://key:secret@bucket/site",
        "s3://bucket?secret_access_key=secret",
        "s3://bucket/../secret",
        "https://secret.example/bucket",
        "s3://b/secret",
        "s3://",
    ],
)
def test_credentials_have_no_place_in_a_url_and_are_not_repeated(tmp_path, place):
    with pytest.raises(InvalidInput, match="Credentials belong into the environment") as caught:
        Workspace.open(tmp_path / "site", blobs=place)
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "site").exists(), "and nothing was made"


def test_a_server_that_is_gone_or_refuses_is_an_error_without_credentials(
    bucket, blobs, monkeypatch
):
    monkeypatch.setattr("januscl.store.s3._RETRIES", timedelta(0))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="did not answer") as caught:
        S3Blobs(f"s3://{bucket.name}/site")
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)
    assert os.environ["AWS_ACCESS_KEY_ID"] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_workspace_keeps_its_blobs_in_a_bucket(tmp_path, bucket, observe):
    place = f"s3://{bucket.name}/site"
    with Workspace.open(tmp_path / "site", blobs=place) as workspace:
        workspace.keep(observe())
        weights = workspace.blobs.put(b"weights")
    with Workspace.open(tmp_path / "site") as again:
        assert again.observation("o-1").frame.image.shape == (12, 16, 3)
        assert again.model_file(weights).read_bytes() == b"weights"
    assert not (tmp_path / "site" / "blobs").exists()
    assert len(bucket.keys()) == 2
