"""The place of jobs that both sides reach: a shared folder, or a prefix in a bucket."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from januscl.core import InvalidInput, StorageFull, Unreachable

_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9_./=-]*))?")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_NO_ROOM = ("os error 28", "os error 27", "os error 122")  # ENOSPC, EFBIG, EDQUOT


class Desk:
    """Files that are seen whole or not at all, and but for keepsakes written once.

    For S3, credentials and region come from the environment or the machine's role, an endpoint
    other than AWS's from ``AWS_ENDPOINT_URL``; the bucket must know conditional writes.

    Args:
        place: A folder, made if need be, or ``s3://bucket/prefix``.

    Attributes:
        place: The same in one form, for whoever opens it elsewhere.

    Raises:
        InvalidInput: It is a URL of another kind.
    """

    def __init__(self, place: Path | str) -> None:
        text = str(place)
        self._store: LocalStore | S3Store
        if "://" not in text:
            self.place = str(Path(place).resolve())
            with self._told():
                self._store = LocalStore(self.place, mkdir=True)
            return
        found = _PLACE.fullmatch(text)
        if found is None or ".." in text:
            raise InvalidInput(
                "the place of jobs",
                "a folder, s3://bucket or s3://bucket/prefix",
                "another URL",  # which may hold a password
                "Credentials belong into the environment, an endpoint into AWS_ENDPOINT_URL.",
            )
        bucket, prefix = found[1], (found[2] or "").strip("/")
        self.place = f"s3://{bucket}/{prefix}".rstrip("/")
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            client_options={
                "timeout": timedelta(seconds=60),
                "allow_http": endpoint.startswith("http://"),
            },
            retry_config={"retry_timeout": timedelta(seconds=30), "max_retries": 5},
        )

    def put_new(self, path: str, data: bytes) -> bool:
        """Write a file, unless there is one; say whether this call wrote it.

        After a lost answer it may say no for a file that it did write: read it to know.

        Raises:
            StorageFull: There was no room; nothing was written.
            Unreachable: The place does not answer.
        """
        with self._told():
            try:
                obstore.put(self._store, path, data, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def put(self, path: str, data: bytes) -> None:
        """Write a file, in place of the one that is there; a reader sees the old or the new one.

        Raises:
            StorageFull: There was no room; what was there is intact.
            Unreachable: The place does not answer.
        """
        with self._told():
            obstore.put(self._store, path, data)

    def read(self, path: str) -> bytes | None:
        """Return what a file holds; None where there is none."""
        with self._told():
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError:
                return None

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders in a folder, in order."""
        with self._told():
            found = obstore.list_with_delimiter(self._store, prefix=f"{path}/")
        return sorted(name.rpartition("/")[2] for name in found["common_prefixes"])

    def files(self, path: str, after: str = "") -> list[str]:
        """Return the paths of the files in a folder, in order, those after ``after`` alone."""
        with self._told():
            listed = obstore.list(self._store, prefix=f"{path}/", offset=after or None)
            return sorted(entry["path"] for some in listed for entry in some)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn obstore's errors, which quote whole answers of the server, into ours."""
        try:
            yield
        except (BaseError, OSError) as error:
            if any(code in str(error) for code in _NO_ROOM):
                raise StorageFull(
                    f"no room in {self.place}; what was there before is intact. Free some space "
                    "and try again."
                ) from None
            raise Unreachable(
                f"{self.place} did not answer as it should ({type(error).__name__}). Check that "
                "it exists, the network, and the credentials and region in the environment."
            ) from None
