import hashlib
import pickle
from base64 import b64encode
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from slot_server import load_toy, public_text, serving, signed, weights

from januscl.core import InvalidInput
from januscl.edge.desired import desired_from_json, desired_to_json

OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def loaded():
    return []


@pytest.fixture
def noting(loaded):
    def load(path):
        loaded.append(path)
        return load_toy(path)

    return load


def test_a_version_with_a_forged_signature_is_not_even_fetched(server, tmp_path, noting, loaded):
    slot = server.slot(tmp_path, load=noting)
    wanted = server.put("m-1", weights(), key=OTHER)
    assert not slot.want(wanted)
    assert not slot.want(wanted)
    assert "signature of m-1" in slot.error
    assert (slot.running, server.asked, loaded) == (None, [], [])
    assert slot.want(server.put("m-1", weights()))


@pytest.mark.parametrize("field", ["id", "sha256", "bytes"])
def test_a_signature_is_good_for_its_own_id_digest_and_size_only(
    server, tmp_path, noting, loaded, field
):
    slot = server.slot(tmp_path, load=noting)
    first, second = server.put("m-1", weights()), server.put("m-2", weights(size=9_000))
    assert not slot.want(replace(first, **{field: getattr(second, field)}))
    assert not slot.want(replace(first, signature=second.signature))
    assert (slot.running, server.asked, loaded) == (None, [], [])


def test_weights_swapped_under_a_valid_signature_are_never_loaded(server, tmp_path, noting, loaded):
    wanted, other = server.put("m-1", weights()), weights(seed=2)
    server.files["m-1"] = other
    slot = server.slot(tmp_path, load=noting)
    assert not slot.want(wanted)
    assert loaded == []


def test_an_older_signed_version_runs_only_where_it_is_the_one_that_is_wanted(server, tmp_path):
    old_data, new_data = weights(seed=1), weights(seed=2)
    old, new = server.put("m-1", old_data), server.put("m-2", new_data)
    slot = server.slot(tmp_path)
    assert slot.want(new)
    third = server.put("m-3", weights(seed=3))
    server.files["m-3"] = old_data
    assert not slot.want(third)
    assert not slot.want(replace(third, sha256=old.sha256, signature=old.signature))
    assert slot.running == "m-2"
    assert slot.want(old)
    assert slot.running == "m-1"


@pytest.mark.parametrize(
    "id",
    ["", ".", "..", "../m-1", "/etc/passwd", "a/b", "a\\b", "m-1\n", "m 1", "-m", "m\0", "m" * 101,
     "ｍ-1", "%2e%2e", "m?x", "m#x", None, 7],
)  # fmt: skip
def test_an_id_that_could_be_a_path_or_an_address_is_refused(id):
    value = desired_to_json(signed("m-1", b"x")) | {"id": id}
    with pytest.raises(InvalidInput, match="id of the desired model: expected 1 to 100 letters"):
        desired_from_json(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("sha256", "../../x"), ("sha256", "A" * 64), ("sha256", None), ("bytes", 0), ("bytes", True),
     ("bytes", 1.5), ("bytes", "9"), ("signature", ""), ("signature", "é" * 88),
     ("signature", b64encode(b"s" * 63).decode()), ("signature", None)],
)  # fmt: skip
def test_a_desired_version_with_a_broken_field_is_refused(field, value):
    good = desired_to_json(signed("m-1", b"x"))
    with pytest.raises(InvalidInput, match="m-1"):
        desired_from_json(good | {field: value})


def test_a_desired_version_survives_the_way_there_and_back():
    wanted = signed("m-1", b"x")
    assert desired_from_json(desired_to_json(wanted)) == wanted
    assert desired_from_json(None) is None
    for broken in ([], "m-1", {}, {"id": "m-1"}):
        with pytest.raises(InvalidInput, match="desired model: expected null or an object"):
            desired_from_json(broken)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_public_key_of_the_wrong_length_is_refused(server, tmp_path, size):
    with pytest.raises(InvalidInput, match="public key"):
        server.slot(tmp_path, key=b64encode(b"k" * size).decode())


def test_a_public_key_that_is_no_base64_is_refused(server, tmp_path):
    with pytest.raises(InvalidInput, match="public key: expected base64 of 32 bytes"):
        server.slot(tmp_path, key="ssh-ed25519")


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize(
    "data",
    [pickle.dumps(Bomb()), b"PK\x03\x04" + b"z" * 900, b"", b"\x02", b"\xff" * 400,
     (5).to_bytes(8, "little") + b"[1,2]", (2**40).to_bytes(8, "little") + b"{}"],
    ids=["pickle", "zip", "empty", "short", "ones", "list", "long header"],
)  # fmt: skip
def test_what_is_no_safetensors_file_is_never_loaded_however_well_signed(
    server, tmp_path, noting, loaded, data
):
    data = data or b"\0"
    slot = server.slot(tmp_path, load=noting)
    assert not slot.want(server.put("m-1", data))
    assert "expected a safetensors file" in slot.error
    assert loaded == []


def test_a_file_that_safetensors_wrote_is_taken(server, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    import numpy as np

    data = safetensors.save({"w": np.ones((3, 4), np.float32)}, {"behaviour": "good"})
    assert server.slot(tmp_path).want(server.put("m-1", data))


def test_a_file_replaced_on_the_disk_is_not_loaded_and_the_version_before_it_runs(
    server, tmp_path, noting, loaded
):
    slot = server.slot(tmp_path)
    first, second = server.put("m-1", weights(seed=1)), server.put("m-2", weights(seed=2))
    assert slot.want(first)
    assert slot.want(second)
    slot.close()
    path = tmp_path / f"{second.sha256}.safetensors"
    path.write_bytes(weights(seed=3))
    again = server.slot(tmp_path, load=noting)
    assert again.running == "m-1"
    assert "m-2 fails: IntegrityError" in again.error
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in loaded] == [first.sha256]
    assert again.want(second)
    assert (again.running, again.error) == ("m-2", None)


def test_a_fleet_changes_its_key_without_fetching_its_model_again(server, tmp_path):
    data = weights()
    assert server.slot(tmp_path).want(server.put("m-1", data))
    both = f"{public_text()}\n{public_text(OTHER)}\n"
    slot = server.slot(tmp_path, key=both)
    assert slot.want(signed("m-1", data, OTHER))
    slot.close()
    after = server.slot(tmp_path, key=public_text(OTHER))
    assert (after.running, after.error) == ("m-1", None)
    assert len(server.asked) == 1


def test_a_model_signed_by_a_key_that_is_no_longer_trusted_does_not_start(
    server, tmp_path, noting, loaded
):
    data = weights()
    assert server.slot(tmp_path).want(server.put("m-1", data))
    slot = server.slot(tmp_path, key=public_text(OTHER), load=noting)
    assert (slot.running, loaded) == (None, [])
    assert "signature of m-1" in slot.error
    assert slot.want(signed("m-1", data, OTHER))
    assert len(server.asked) == 1
