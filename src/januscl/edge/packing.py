"""Observations as bytes for the journal and the spool: quick to write, turned to JSON when sent."""

import hashlib
import io
import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.core import Frame, Instances, InvalidInput, Rle
from januscl.core.message import Record, record_to_json, time_from_json
from januscl.core.wire import Json

_LENGTH = struct.Struct("<I")


def pack(
    id: str, frame: Frame, instances: Instances, model: str, reasons: tuple[str, ...]
) -> bytes:
    """Return an observation without its pixels.

    COCO's text of the masks costs milliseconds in the making, so run lengths stay numbers here.

    Raises:
        InvalidInput: As `januscl.core.message.Record` does.
    """
    Record(id, frame.robot, frame.camera, frame.at, frame.height, frame.width, model, instances)
    runs = [rle.counts for rle in instances.masks]
    arrays: dict[str, NDArray[Any]] = {
        "lengths": np.asarray([len(run) for run in runs], np.int32),
        "counts": np.concatenate(runs).astype(np.int32) if runs else np.zeros(0, np.int32),
        "boxes": np.asarray(instances.boxes, np.float32),
        "scores": np.asarray(instances.scores, np.float32),
        "labels": np.asarray(instances.labels, np.int64),
    }
    if instances.embeddings is not None:
        arrays["embeddings"] = np.asarray(instances.embeddings, np.float32)
    if instances.frame_embedding is not None:
        arrays["frame_embedding"] = np.asarray(instances.frame_embedding, np.float32)
    head = json.dumps(
        {
            "id": id,
            "robot": frame.robot,
            "camera": frame.camera,
            "at": frame.at.isoformat(),
            "size": [frame.height, frame.width],
            "model": model,
            "reasons": reasons,
            "arrays": [[name, value.dtype.str, value.shape] for name, value in arrays.items()],
        }
    ).encode()
    return b"".join((_LENGTH.pack(len(head)), head, *(v.tobytes() for v in arrays.values())))


def head_of(packed: bytes) -> Json:
    """Return the fields of `pack` that are no arrays."""
    (length,) = _LENGTH.unpack_from(packed)
    head: Json = json.loads(packed[_LENGTH.size : _LENGTH.size + length])
    return head


def unpack(packed: bytes) -> tuple[Json, dict[str, bytes]]:
    """Return the record as it travels, and its embeddings by digest, where it has any.

    Raises:
        InvalidInput: The bytes are damaged.
    """
    try:
        return _unpack(packed)
    except (ValueError, TypeError, KeyError, struct.error) as error:
        raise InvalidInput(
            "spooled observation", "bytes as they were packed", f"{error}"[:200], "It is set aside."
        ) from error


def _unpack(packed: bytes) -> tuple[Json, dict[str, bytes]]:
    (length,) = _LENGTH.unpack_from(packed)
    head = json.loads(packed[_LENGTH.size : _LENGTH.size + length])
    at, arrays = _LENGTH.size + length, dict[str, NDArray[Any]]()
    for name, dtype, shape in head["arrays"]:
        kind, count = np.dtype(dtype), int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(packed, kind, count, at).reshape(shape)
        at += count * kind.itemsize
    height, width = head["size"]
    ends = np.cumsum(arrays["lengths"])[:-1]
    runs = np.split(arrays["counts"].astype(np.int64), ends) if len(arrays["lengths"]) else []
    masks = tuple(Rle(height, width, run) for run in runs)
    seen = Instances(masks, arrays["boxes"], arrays["scores"], arrays["labels"])
    blobs = _embeddings(arrays)
    record = Record(
        head["id"],
        head["robot"],
        head["camera"],
        time_from_json(head["at"], "record.at"),
        height,
        width,
        head["model"],
        seen,
        None,
        next(iter(blobs), None),
        tuple(head["reasons"]),
    )
    return record_to_json(record), blobs


def _embeddings(arrays: dict[str, NDArray[Any]]) -> dict[str, bytes]:
    """Return an ``.npz`` of the embeddings by its digest; the same ones give the same bytes."""
    names = {"instances": "embeddings", "frame": "frame_embedding"}
    there = {out: arrays[name] for out, name in names.items() if name in arrays}
    if not there:
        return {}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **there)
    data = file.getvalue()
    return {hashlib.sha256(data).hexdigest(): data}
