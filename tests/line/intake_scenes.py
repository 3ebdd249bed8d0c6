"""Records, pictures and picks of a small robot, as they travel."""

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np

from januscl.core import Instances, Outcome, Pick, encode_mask, new_id
from januscl.core.message import Record, encode_batch, pick_to_json, record_to_json
from januscl.core.pictures import encode_jpeg

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HEIGHT, WIDTH = 24, 32


def picture(value=0, height=HEIGHT, width=WIDTH):
    rng = np.random.default_rng(value)
    return encode_jpeg(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def sha(data):
    return hashlib.sha256(data).hexdigest()


def record(number=0, robot="robot-1", image=None, id=None, **changed):
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[2:9, 3:12] = True
    made = Record(
        id or new_id(NOON, number.to_bytes(10, "big")),
        robot,
        "cam-" + robot,
        NOON + timedelta(seconds=number),
        HEIGHT,
        WIDTH,
        "m-0",
        Instances.of_masks([encode_mask(mask), encode_mask(~mask)], [1, 2]),
        image,
    )
    return {**record_to_json(made), **changed}


def batch(numbers, robot="robot-1"):
    """Return a message of records with pictures, and the records."""
    pictures = {number: picture(number) for number in numbers}
    records = [record(n, robot, sha(data)) for n, data in pictures.items()]
    return encode_batch(records, {sha(data): data for data in pictures.values()}), records


def outcome(id, outcome=Outcome.MISSED, instance=0, seconds=5):
    pick = Pick(instance, (5.0, 6.0), outcome, NOON + timedelta(seconds=seconds))
    return {"observation": id, "pick": pick_to_json(pick)}
