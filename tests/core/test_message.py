import hashlib
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from januscl.core import Instances, InvalidInput, Outcome, Pick, encode_mask, new_id
from januscl.core.message import (
    Record,
    decode_batch,
    encode_batch,
    pick_from_json,
    pick_to_json,
    record_from_json,
    record_to_json,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
blobs = st.dictionaries(st.binary(min_size=1, max_size=50), st.none(), max_size=4).map(
    lambda found: {hashlib.sha256(data).hexdigest(): data for data in found}
)


def record(**changes):
    mask = np.zeros((20, 30), bool)
    mask[2:9, 4:12] = True
    seen = Instances.of_masks([encode_mask(mask)], [3])
    values = {
        "id": new_id(AT), "robot": "r-1", "camera": "c-1", "at": AT, "height": 20, "width": 30,
        "model": "m-1", "instances": seen, "image": "ab" * 32, "reasons": ("failed_pick",),
    }  # fmt: skip
    return Record(**(values | changes))


def test_a_record_survives_the_way_there_and_back():
    one = record()
    again = record_from_json(record_to_json(one))
    assert record_to_json(again) == record_to_json(one)
    assert again.at == AT
    assert again.instances.masks[0].area == 56


def test_a_record_that_lacks_a_field_or_has_another_in_its_place_says_what_belongs_there():
    with pytest.raises(InvalidInput) as refused:
        record_from_json({"id": 1})
    assert str(refused.value) == (
        "record.id: expected a UUID in lower case, as text, found 1. Use record_to_json."
    )
    with pytest.raises(InvalidInput, match=r"record\.robot: .* found a record without it\."):
        record_from_json({"id": new_id(AT)})
    with pytest.raises(InvalidInput, match=r"pick\.at: .* found a pick without it\. Use pick_to"):
        pick_from_json({"outcome": "picked"})


def test_a_pick_survives_the_way_there_and_back():
    pick = Pick(2, (3.5, 4.25), Outcome.DROPPED, AT)
    assert pick_from_json(pick_to_json(pick)) == pick
    nothing = Pick(None, None, Outcome.INFEASIBLE, AT.astimezone(timezone(timedelta(hours=2))))
    assert pick_from_json(pick_to_json(nothing)) == nothing


@given(blobs, st.lists(st.dictionaries(st.text(), st.integers()), max_size=3))
def test_a_batch_survives_the_way_there_and_back(parts, records):
    batch = decode_batch(encode_batch(records, parts))
    assert list(batch.records) == records
    assert dict(batch.blobs) == parts


@given(blobs, st.data())
def test_a_batch_that_was_cut_or_changed_anywhere_is_refused(parts, data):
    message = bytearray(encode_batch([{"id": "x"}], parts))
    place = data.draw(st.integers(0, len(message) - 1))
    with pytest.raises(InvalidInput, match="batch: expected"):
        decode_batch(bytes(message[:place]))
    flipped = bytes(message[:place]) + bytes([message[place] ^ 1]) + bytes(message[place + 1 :])
    try:
        changed = decode_batch(flipped)
    except InvalidInput:
        return
    assert dict(changed.blobs) == parts, "only a record's own text may change unnoticed"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("id", "7", "observation id"),
        ("id", None, r"record\.id"),
        ("robot", "", "robot of observation"),
        ("camera", "c" * 201, "camera of observation"),
        ("at", "2026-03-01T12:00:00", "with a time zone"),
        ("at", "noon", r"record\.at"),
        ("size", [20, 31], "20"),
        ("size", [20.0, 30], r"record\.size"),
        ("model", 3, r"record\.model"),
        ("instances", {"masks": []}, r"record\.instances"),
        ("image", "../../etc/passwd", r"record\.image"),
        ("embeddings", "AB" * 32, r"record\.embeddings"),
        ("reasons", "event", r"record\.reasons"),
    ],
)
def test_a_record_with_a_wrong_field_is_refused_by_its_name(field, value, told):
    with pytest.raises(InvalidInput, match=told):
        record_from_json(record_to_json(record()) | {field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instance", -1), ("instance", True), ("point", [1.0]), ("point", [float("nan"), 1]),
        ("outcome", "lost"), ("outcome", None), ("outcome", []), ("outcome", {}), ("at", None),
        ("point", [10**400, 1]), ("at", "0001-01-01T00:00:00+14:00"),
        ("at", "9999-12-31T23:59:59-12:00"),
    ],
)  # fmt: skip
def test_a_pick_with_a_wrong_field_is_refused_by_its_name(field, value):
    good = pick_to_json(Pick(2, (3.5, 4.25), Outcome.DROPPED, AT))
    with pytest.raises(InvalidInput, match=field):
        pick_from_json(good | {field: value})
