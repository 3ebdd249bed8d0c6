"""Weights over HTTP: continued where they were cut, never more than was stated."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from januscl.core import IntegrityError, NotFound, StorageFull
from januscl.core.files import room_for
from januscl.edge.desired import Desired

if TYPE_CHECKING:
    import httpx

_SPARE = 32 * 2**20
"""Bytes that a download leaves free on the disk: the spool needs room more than a new model."""


class Download:
    """Fetches weights from the service into a file, as `januscl.edge.ModelSlot` asks for it.

    Args:
        server: Address of the service, such as ``https://janus.example``.
        token: The robot's; sent to the server only, redirects are not followed.
        seconds: How long one call goes on; what is left is fetched by the next one.
        timeout: Seconds without a byte after which the connection counts as cut.
    """

    def __init__(
        self, server: str, token: str, *, seconds: float = 60.0, timeout: float = 15.0
    ) -> None:
        self._server = server.rstrip("/")
        self._token = token
        self._seconds = seconds
        self._timeout = timeout

    def __call__(self, desired: Desired, part: Path) -> None:
        """Append to ``part`` what it lacks of the version's file.

        Returns with less than the whole when the time is up; what came stays in ``part``.

        Raises:
            IntegrityError: The server's file is of another size than ``desired`` says; what came
                before stays.
            NotFound: The server has no such weights.
            StorageFull: There is no room; ``part`` is deleted, so that the spool has it.
            OSError, httpx.HTTPError: The connection failed; what came stays.
        """
        have = part.stat().st_size if part.exists() else 0
        if have >= desired.bytes:
            return
        try:
            _check_room(part, desired.bytes - have)
            with room_for(part), self._answer(desired, have) as response, part.open("ab") as file:
                skip = _check_range(response, desired, have)
                self._copy(response, file, skip, desired.bytes)
                file.flush()
                os.fsync(file.fileno())
        except StorageFull:
            part.unlink(missing_ok=True)
            raise

    @contextmanager
    def _answer(self, desired: Desired, have: int) -> "Iterator[httpx.Response]":
        """Ask for the bytes from ``have`` on."""
        import httpx  # a third of a second, which a robot that starts can do without

        headers = {"Authorization": f"Bearer {self._token}", "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        address = f"{self._server}/api/v1/models/{quote(desired.id, safe='')}/weights"
        with httpx.stream("GET", address, headers=headers, timeout=self._timeout) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                raise NotFound(f"{address}: the service has no such weights")
            if response.status_code != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                response.raise_for_status()
            yield response

    def _copy(self, response: "httpx.Response", file: IO[bytes], skip: int, size: int) -> None:
        """Write what comes until the file has ``size`` bytes or the time is up."""
        until = time.monotonic() + self._seconds
        for data in response.iter_raw():
            fresh, skip = data[skip:], max(0, skip - len(data))
            if file.tell() + len(fresh) > size:
                raise IntegrityError(f"the server sends more than the {size} bytes that it stated")
            file.write(fresh)
            if time.monotonic() > until:
                return


def _check_range(response: "httpx.Response", desired: Desired, have: int) -> int:
    """Return how many of the bytes that come are there already, or refuse another file's."""
    headers, status = response.headers, response.status_code
    if status == 206:
        fits = headers.get("Content-Range") == f"bytes {have}-{desired.bytes - 1}/{desired.bytes}"
    else:
        # A server that knows no ranges begins again from the first byte.
        fits = status == 200 and headers.get("Content-Length") in (None, str(desired.bytes))
    if fits and headers.get("Content-Encoding", "identity") == "identity":
        return 0 if status == 206 else have
    raise IntegrityError(
        f"the server's file for {desired.id} is not the one of {desired.bytes} bytes that it "
        f"stated (status {status}, {headers.get('Content-Range') or headers.get('Content-Length')})"
    )


def _check_room(part: Path, missing: int) -> None:
    """Raise `StorageFull` before the download rather than in the middle of it."""
    free = shutil.disk_usage(part.parent).free
    if free < missing + _SPARE:
        raise StorageFull(
            f"no room for {missing} more bytes of a model in {part.parent}: {free} are free, of "
            f"which {_SPARE} stay so. Free some space; what runs is untouched."
        )
