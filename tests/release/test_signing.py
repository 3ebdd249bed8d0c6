import hashlib
import os
import stat
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from januscl.core import (
    Conflict,
    IntegrityError,
    InvalidInput,
    Kind,
    ModelVersion,
    NotFound,
    Taxonomy,
)
from januscl.edge.desired import Desired, check_signature, read_public_keys
from januscl.release.signing import new_key, public_key, read_key, sign_model

DATA = b"the weights' file"
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys" / "signing.key"


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "m.safetensors"
    file.write_bytes(DATA)
    return file


@pytest.fixture
def version():
    taxonomy = Taxonomy((Kind(1, "box", "cuboid"),))
    return ModelVersion("m-1", DIGEST, taxonomy, None, None, datetime(2026, 3, 1, tzinfo=UTC))


def test_what_the_service_signs_the_robot_accepts_and_nothing_else(path, weights, version):
    public = new_key(path)
    signature = sign_model(read_key(path), version, weights)
    check_signature(Desired("m-1", DIGEST, len(DATA), signature), read_public_keys(public))
    other = new_key(path.with_name("other.key"))
    for desired, key in (
        (Desired("m-2", DIGEST, len(DATA), signature), public),
        (Desired("m-1", "0" * 64, len(DATA), signature), public),
        (Desired("m-1", DIGEST, len(DATA) + 1, signature), public),
        (Desired("m-1", DIGEST, len(DATA), signature), other),
    ):
        with pytest.raises(InvalidInput, match="signature of m-"):
            check_signature(desired, read_public_keys(key))


def test_the_same_version_has_the_same_signature(path, weights, version):
    new_key(path)
    signatures = {sign_model(read_key(path), version, weights) for _ in range(3)}
    assert len(signatures) == 1


def test_a_file_that_is_not_the_registrys_is_not_signed(path, weights, version):
    new_key(path)
    weights.write_bytes(DATA + b"!")
    with pytest.raises(IntegrityError, match="It is not signed"):
        sign_model(read_key(path), version, weights)
    weights.unlink()
    with pytest.raises(NotFound, match="no weights"):
        sign_model(read_key(path), version, weights)


def test_a_private_key_is_its_owners_alone_whatever_the_mask(path):
    before = os.umask(0)
    try:
        new_key(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_key_is_never_overwritten(path):
    public = new_key(path)
    with pytest.raises(Conflict, match="exists; a key is never replaced"):
        new_key(path)
    assert public_key(read_key(path)) == public
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o601])
def test_a_private_key_that_others_may_open_is_refused(path, mode):
    new_key(path)
    path.chmod(mode)
    with pytest.raises(InvalidInput, match=rf"only its owner may read .* found mode {mode:o}"):
        read_key(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"secret, but no key", b64encode(b"k" * 31), b64encode(b"k" * 33), b64encode(b"k" * 64),
     b"\xff\xfe", b"A" * 5000],
)  # fmt: skip
def test_a_file_that_holds_no_key_is_refused_without_showing_what_it_holds(path, data):
    path.parent.mkdir()
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(InvalidInput, match="expected base64 of 32 bytes") as caught:
        read_key(path)
    assert not data or data.decode(errors="replace") not in str(caught.value)


def test_a_missing_key_says_how_to_make_one(path):
    with pytest.raises(NotFound, match="make one with new_key"):
        read_key(path)


def test_a_key_does_not_show_itself(path):
    new_key(path)
    secret = path.read_text().strip()
    key = read_key(path)
    assert secret not in f"{key!r} {key} {public_key(key)}"
