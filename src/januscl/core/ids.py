"""Identities and times: made once, where the thing happens, and never changed."""

import os
import time
from datetime import UTC, datetime

from januscl.core.errors import InvalidInput


def new_id(at: datetime | None = None, entropy: bytes | None = None) -> str:
    """Return a new UUIDv7 (RFC 9562, section 5.7) as 32 hexadecimal digits in five groups.

    Ids sort by the millisecond they were made in.

    Args:
        at: The time to encode; now when omitted.
        entropy: 10 bytes to use in place of the system's randomness, for simulations that must
            be reproducible.
    """
    milliseconds = int(at.timestamp() * 1000) if at is not None else time.time_ns() // 1_000_000
    tail = bytearray(entropy if entropy is not None else os.urandom(10))
    if len(tail) != 10:
        raise InvalidInput("entropy", "10 bytes", f"{len(tail)}", "Pass exactly 10 bytes.")
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    digits = milliseconds.to_bytes(6, "big").hex() + tail.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def utc(at: datetime, thing: str = "time") -> datetime:
    """Return ``at`` in UTC.

    Raises:
        InvalidInput: ``at`` has no time zone, so nobody can know when it was, or is so early or
            late that its time in UTC cannot be written.
    """
    if at.tzinfo is None:
        raise InvalidInput(
            thing, "a time with a time zone", at.isoformat(), "Pass datetime.now(UTC) or similar."
        )
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput(
            thing, "a time in the years 1 to 9999, UTC", at.isoformat(), "Correct it."
        ) from error
