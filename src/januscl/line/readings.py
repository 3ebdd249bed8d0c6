"""Records and outcomes read from JSON, and held to what the catalogue can keep."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from januscl.core import InvalidInput, Pick
from januscl.core.masks import MAX_PIXELS
from januscl.core.message import Record, check_id, pick_from_json, record_from_json

MOST_INSTANCES = 1000
"""Of one frame. A mask costs few bytes to send and its frame's pixels to decode."""


def read_record(value: Any) -> Record:
    """Return the record of a JSON object.

    Raises:
        InvalidInput: A field is wrong, a name is not printable, or a size or number too large.
    """
    with _in_range("record"):
        record = record_from_json(value)
    thing = f"observation {record.id}"
    for name in ("robot", "camera", "model"):
        if not getattr(record, name).isprintable():
            raise InvalidInput(
                f"{name} of {thing}", "printable text", "something else", "Give it another name."
            )
    if not all(len(reason) <= 200 and reason.isprintable() for reason in record.reasons):
        raise InvalidInput(
            f"reasons of {thing}", "printable words", "something else", "Name each in a word."
        )
    size = (record.height, record.width)
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise InvalidInput(
            f"size of {thing}",
            f"1 to {MAX_PIXELS} pixels",
            f"{size}"[:80],
            "Send the frame's rows and columns.",
        )
    _check_rows(len(record.instances), f"instances of {thing}")
    return record


def read_outcome(value: Any) -> tuple[str, Pick]:
    """Return the observation's id and the pick of ``{"observation": id, "pick": {...}}``.

    Raises:
        InvalidInput: A field is wrong.
    """
    named = value if isinstance(value, Mapping) else {}
    id: Any = named.get("observation")
    check_id(id)
    pick = pick_from_json(named.get("pick"))
    _check_rows(pick.instance or 0, "pick.instance")
    return str(id), pick


def _check_rows(number: int, thing: str) -> None:
    if number > MOST_INSTANCES:
        raise InvalidInput(
            thing, f"at most {MOST_INSTANCES}", f"{number}"[:80], "Send the best instances alone."
        )


@contextmanager
def _in_range(thing: str) -> Iterator[None]:
    """Turn what cannot be counted or compared into `InvalidInput`."""
    try:
        yield
    except (OverflowError, RecursionError, TypeError) as error:
        raise InvalidInput(
            thing, "values of the right kind, in range", f"{error}"[:80], "Correct it."
        ) from error
