"""JSON at the boundary: what the words look like in files, tables and requests.

``*_to_json`` returns plain dicts, lists, numbers and strings. ``*_from_json`` accepts only what
is valid and names the field that is not.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.core.errors import InvalidInput
from januscl.core.learning import DeckItem
from januscl.core.masks import (
    MAX_PIXELS,
    Rle,
    counts_from_text,
    counts_from_texts,
    counts_to_text,
)
from januscl.core.observation import Instances
from januscl.core.taxonomy import Kind, Taxonomy

Json = dict[str, Any]


def canonical(value: Any) -> bytes:
    """Return the one UTF-8 JSON text of a value, so that equal values have equal digests."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a JSON value's canonical text, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def rle_to_json(rle: Rle) -> Json:
    """Return the mask as COCO writes it: ``{"size": [H, W], "counts": text}``."""
    return {"size": [rle.height, rle.width], "counts": counts_to_text(rle.counts)}


def rle_from_json(value: Any, thing: str = "mask", runs: NDArray[np.int64] | None = None) -> Rle:
    """Return the mask of a COCO run-length object, compressed (text) or not (list of runs).

    Args:
        value: The object.
        thing: What to call it in an error.
        runs: Of its text, where they were decoded already.
    """
    size = value.get("size") if isinstance(value, Mapping) else None
    counts = value.get("counts") if isinstance(value, Mapping) else None
    whole = isinstance(size, list) and len(size) == 2 and all(type(n) is int for n in size)
    if not whole or not isinstance(counts, str | list):
        raise InvalidInput(
            thing,
            '{"size": [H, W], "counts": text or list}',
            repr(value)[:80],
            "Write masks as COCO run lengths.",
        )
    assert isinstance(size, list)
    if isinstance(counts, str):
        runs = counts_from_text(counts) if runs is None else runs
    elif all(type(n) is int and abs(n) <= MAX_PIXELS for n in counts):
        runs = np.asarray(counts, dtype=np.int64)
    else:
        raise InvalidInput(
            thing,
            f"whole-number runs of at most {MAX_PIXELS} pixels",
            repr(counts)[:80],
            "Write masks as COCO run lengths.",
        )
    return Rle(size[0], size[1], runs)


def instances_to_json(instances: Instances) -> Json:
    """Return the instances without their embeddings, which are bulk and kept elsewhere."""
    return {
        "masks": [rle_to_json(rle) for rle in instances.masks],
        "boxes": [[round(float(v), 3) for v in box] for box in instances.boxes],
        "scores": [round(float(v), 6) for v in instances.scores],
        "labels": [int(v) for v in instances.labels],
    }


def instances_from_json(value: Any, thing: str = "instances") -> Instances:
    """Return the instances of `instances_to_json`, or raise `InvalidInput`."""
    fields = ("masks", "boxes", "scores", "labels")
    if not isinstance(value, Mapping) or any(not isinstance(value.get(f), list) for f in fields):
        raise InvalidInput(
            thing,
            f"an object with the lists {', '.join(fields)}",
            repr(value)[:80],
            "Write it with januscl.core.wire.instances_to_json.",
        )
    given = value["masks"]
    found = (mask.get("counts") if isinstance(mask, Mapping) else None for mask in given)
    texts = [text for text in found if isinstance(text, str)]
    together = bool(texts) and len(texts) == len(given)
    runs = counts_from_texts(texts) if together else [None] * len(given)
    masks = [rle_from_json(mask, f"{thing}.masks[{i}]", runs[i]) for i, mask in enumerate(given)]
    try:
        boxes = np.asarray(value["boxes"], dtype=np.float32).reshape(-1, 4)
        scores = np.asarray(value["scores"], dtype=np.float32).reshape(-1)
        labels = np.asarray(value["labels"], dtype=np.int64).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(
            thing,
            "numbers in boxes (N, 4), scores (N,) and labels (N,)",
            str(error),
            "Write it with januscl.core.wire.instances_to_json.",
        ) from error
    return Instances(tuple(masks), boxes, scores, labels)


def taxonomy_to_json(taxonomy: Taxonomy) -> list[Json]:
    """Return the kinds as a list of objects."""
    return [{"id": k.id, "name": k.name, "shape": k.shape, "retired": k.retired} for k in taxonomy]


def taxonomy_from_json(value: Any, thing: str = "taxonomy") -> Taxonomy:
    """Return the taxonomy of `taxonomy_to_json`, or raise `InvalidInput`."""
    try:
        return Taxonomy(
            tuple(
                Kind(int(k["id"]), str(k["name"]), str(k["shape"]), bool(k["retired"]))
                for k in value
            )
        )
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise InvalidInput(
            thing,
            "a list of kinds with id, name, shape and retired",
            f"{error!r}",
            "Write it with januscl.core.wire.taxonomy_to_json.",
        ) from error


def item_to_json(item: DeckItem) -> Json:
    """Return one line of a deck's or slice's manifest."""
    return {"id": item.id, "image": item.image, "label": item.label, "source": item.source}


def item_from_json(value: Any, thing: str = "item") -> DeckItem:
    """Return the item of `item_to_json`, or raise `InvalidInput`."""
    fields = ("id", "image", "label", "source")
    if not isinstance(value, Mapping) or any(not isinstance(value.get(f), str) for f in fields):
        raise InvalidInput(
            thing,
            f"an object with the texts {', '.join(fields)}",
            repr(value)[:80],
            "The manifest was damaged or written by another program.",
        )
    return DeckItem(*(value[f] for f in fields))
