"""Bytes under the SHA-256 of their content, in an S3 bucket or what speaks like one."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from januscl.core import InvalidInput, NotFound, Unreachable
from januscl.store.blobs import Kept, check_digest, kept_under, key_of, verified

_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9_./=-]*))?")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REQUEST = timedelta(seconds=60)
_RETRIES = timedelta(seconds=30)


class S3Blobs:
    """A `januscl.core.Blobs` in a bucket: ``prefix/aa/bb/aabb...`` for each digest.

    What `put` returned is durable, and no blob is ever seen in part: S3 sees to both. Credentials
    and region come from the environment (``AWS_ACCESS_KEY_ID`` and its like) or the machine's
    role, an endpoint other than AWS's from ``AWS_ENDPOINT_URL``. None of them is in any error.

    Args:
        place: ``s3://bucket`` or ``s3://bucket/prefix``. Two stores with one prefix are one store.

    Raises:
        InvalidInput: It is no such URL.
        NotFound: There is no such bucket.
        Unreachable: The server does not answer, or refuses the credentials.
    """

    def __init__(self, place: str) -> None:
        self.place = check_place(place)
        bucket, _, prefix = self.place.removeprefix("s3://").partition("/")
        with self._told(f"bucket {bucket}"):
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                client_options={
                    "timeout": _REQUEST,
                    "allow_http": endpoint().startswith("http://"),
                },
                retry_config={"retry_timeout": _RETRIES, "max_retries": 5},
            )
            for _ in obstore.list(self._store, chunk_size=1):
                break

    def put(self, data: bytes) -> str:
        """Keep ``data`` durably and return its digest, 64 hexadecimal digits; idempotent.

        A damaged copy under the same digest is replaced.

        Raises:
            Unreachable: The server does not answer, or refuses; it may or may not be kept.
        """
        digest = sha256(data).hexdigest()
        with self._told(f"blob {digest}"):
            try:
                obstore.put(self._store, key_of(digest), data, mode="create")
            except AlreadyExistsError:
                if self._read(digest) != data:
                    obstore.put(self._store, key_of(digest), data)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes, verified.

        Raises:
            NotFound: Nothing is kept under the digest.
            IntegrityError: What is kept does not have this digest.
            InvalidInput: The digest is not 64 lower-case hexadecimal digits.
            Unreachable: The server does not answer, or refuses.
        """
        check_digest(digest)
        with self._told(f"blob {digest}"):
            return verified(self._read(digest), digest, self.place)

    def has(self, digest: str) -> bool:
        """Say whether bytes are kept under the digest."""
        check_digest(digest)
        with self._told(f"blob {digest}"):
            try:
                obstore.head(self._store, key_of(digest))
            except FileNotFoundError:
                return False
        return True

    def kept(self) -> Iterator[Kept]:
        """Give every blob that is there, without reading it."""
        with self._told("list of blobs"):
            for some in obstore.list(self._store):
                for entry in some:
                    digest = kept_under(entry["path"])
                    if digest is not None:
                        yield Kept(digest, entry["size"], entry["last_modified"])

    def _read(self, digest: str) -> bytes:
        return bytes(obstore.get(self._store, key_of(digest)).bytes())

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn obstore's errors, which quote whole answers of the server, into ours."""
        try:
            yield
        except FileNotFoundError:
            raise NotFound(f"{what} is not in {self.place}") from None
        except (BaseError, OSError) as error:
            if "NoSuchBucket" in str(error):
                raise NotFound(f"there is no bucket {self.place}") from None
            raise Unreachable(
                f"{self.place} did not answer as it should ({type(error).__name__}, for {what}). "
                "Check the network, and the credentials and region in the environment."
            ) from None


def endpoint() -> str:
    """Return the address of a server other than AWS's, as the environment has it, or nothing."""
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")


def check_place(place: str) -> str:
    """Return ``s3://bucket/prefix`` in its one form, or raise `InvalidInput`."""
    found = _PLACE.fullmatch(place)
    if found is None or ".." in place:
        raise InvalidInput(
            "blob store",
            "a folder, s3://bucket or s3://bucket/prefix",
            "another URL",  # which may hold a password
            "Credentials belong into the environment, an endpoint into AWS_ENDPOINT_URL.",
        )
    prefix = "/".join(part for part in (found[2] or "").split("/") if part)
    return f"s3://{found[1]}/{prefix}".rstrip("/")
