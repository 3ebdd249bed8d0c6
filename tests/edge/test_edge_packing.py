import io
import random

import numpy as np
import pytest
from edge_double import frame, instances

from januscl.core import Instances, InvalidInput, new_id
from januscl.core.message import record_from_json
from januscl.edge.packing import head_of, pack, unpack


def packed(found):
    return pack(new_id(), frame(), found, "m-1", ("event",))


@pytest.mark.parametrize("found", [Instances.empty(), instances(1), instances(5, embedded=True)])
def test_what_was_packed_comes_out_as_it_went_in(found):
    value, blobs = unpack(packed(found))
    record = record_from_json(value)
    assert record.instances.masks == found.masks
    assert np.allclose(record.instances.boxes, found.boxes)
    assert np.array_equal(record.instances.labels, found.labels)
    assert record.reasons == ("event",)
    assert set(blobs) == ({record.embeddings} - {None})


def test_embeddings_travel_whole_and_the_same_ones_under_the_same_digest():
    found = instances(3, embedded=True)
    (first,), (second,) = (unpack(packed(found))[1].items() for _ in range(2))
    assert first == second
    with np.load(io.BytesIO(first[1]), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["instances"], found.embeddings)
        assert np.array_equal(arrays["frame"], found.frame_embedding)


@pytest.mark.parametrize("seed", range(10))
def test_damaged_bytes_are_refused_or_read_and_nothing_else(seed):
    rng = random.Random(seed)
    data = packed(instances(3, embedded=True))
    for _ in range(100):
        bad = bytearray(data[: rng.choice((len(data), rng.randrange(len(data))))])
        for _ in range(rng.randrange(4)):
            if bad:
                bad[rng.randrange(len(bad))] = rng.randrange(256)
        try:
            value, _ = unpack(bytes(bad))
        except InvalidInput:
            continue
        record_from_json(value)


def test_the_head_can_be_read_without_the_rest():
    assert head_of(packed(instances(2)))["reasons"] == ["event"]
