"""What one token, and all together, may ask of the service at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import ceil

from fastapi import Request

from januscl.service.errors import Refused

_REMEMBERED = 10_000


class Rate:
    """A token bucket for each caller: it fills at a steady rate and lets so many through at once.

    Args:
        a_second: Requests that are let through over a long time.
        burst: Requests that are let through at once after a pause.
        clock: Seconds that only grow.
    """

    def __init__(
        self, a_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._a_second, self._burst, self._clock = a_second, burst, clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> None:
        """Let a request through, or raise `Refused` with 429."""
        now = self._clock()
        left, at = self._left.pop(caller, (float(self._burst), now))
        left = min(float(self._burst), left + (now - at) * self._a_second)
        if left >= 1:
            self._left[caller] = (left - 1, now)
        else:
            self._left[caller] = (left, now)
            wait = ceil((1 - left) / self._a_second)
            raise Refused(
                429, "rate", f"{self._a_second:g} requests a second", "more",
                "Send larger batches, less often.", wait,
            )  # fmt: skip
        if len(self._left) > _REMEMBERED:  # the one that asked longest ago has a full bucket again
            del self._left[next(iter(self._left))]


class Bodies:
    """Reads bodies as they arrive, and never holds more than it may.

    Args:
        seconds: That one body may take.
        pending: Bytes that all bodies may have at once.
    """

    def __init__(self, seconds: float, pending: int) -> None:
        self._seconds, self._room = seconds, pending

    @asynccontextmanager
    async def read(self, request: Request, most: int) -> AsyncIterator[bytes]:
        """Give the body of a request; its bytes count as pending until the block ends.

        Raises:
            Refused: It is larger than ``most`` (413), takes too long (408), or there is no room
                for it now (429).
        """
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and (len(declared) > 15 or int(declared) > most):
            raise _too_large(most, f"{declared[:20]} bytes")
        chunks, taken = list[bytes](), 0
        try:
            try:
                async with asyncio.timeout(self._seconds):
                    async for chunk in request.stream():
                        if taken + len(chunk) > most:
                            raise _too_large(most, "more")
                        if len(chunk) > self._room:
                            raise Refused(
                                429, "service", "room for the body", "many others at once",
                                "Send it again later.", 1,
                            )  # fmt: skip
                        self._room -= len(chunk)
                        taken += len(chunk)
                        chunks.append(chunk)
            except TimeoutError as error:
                raise Refused(
                    408, "body", f"all of it within {self._seconds:g} s", f"{taken} bytes",
                    "Send smaller batches, or over a faster line.",
                ) from error  # fmt: skip
            body = b"".join(chunks)
            chunks.clear()
            yield body
        finally:
            self._room += taken


def _too_large(most: int, found: str) -> Refused:
    return Refused(413, "body", f"at most {most} bytes", found, "Send it in parts.")
