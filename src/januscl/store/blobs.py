"""Bytes under the SHA-256 of their content, in a local folder."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from januscl.core import IntegrityError, InvalidInput, NotFound, StorageFull
from januscl.core.files import NO_ROOM, sync

_STAGING = "staging"
_STALE_SECONDS = 3600.0
# As obstore writes them into its messages.
_NO_ROOM = re.compile(rf"os error ({'|'.join(map(str, sorted(NO_ROOM)))})\b")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Kept:
    """A blob that is there: its digest by its name, its bytes, and when it was put."""

    digest: str
    size: int
    made: datetime


class LocalBlobs:
    """A `januscl.core.Blobs` in a folder: ``aa/bb/aabb...`` for each digest.

    A blob is written to ``staging/``, brought to the disk, and only then renamed to its place,
    so what is visible under a digest is whole and what `put` returned survives a power cut.
    (obstore's local store never calls fsync, hence ours.) What a killed process left in
    ``staging/`` is removed when the folder is next opened, once it is an hour old.

    Args:
        folder: Made if it does not exist.

    Raises:
        StorageFull: There is no room for the folder.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).resolve()
        self._durable: set[Path] = set()
        try:
            (self.folder / _STAGING).mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(self.folder)
        except (BaseError, OSError) as error:
            raise no_room(error, f"blob folder {self.folder}") from error
        self._sweep()

    def put(self, data: bytes) -> str:
        """Keep ``data`` durably and return its digest, 64 hexadecimal digits; idempotent.

        A damaged copy under the same digest is replaced.

        Raises:
            StorageFull: There was no room; nothing was kept.
        """
        digest = sha256(data).hexdigest()
        place = self.folder / key_of(digest)
        staged = f"{_STAGING}/{uuid4().hex}"
        try:
            if not self._holds(digest, len(data)):
                obstore.put(self._store, staged, data)
                sync(self.folder / staged)
                obstore.rename(self._store, staged, key_of(digest))
            self._sync_folders(place.parent)
        except (BaseError, OSError) as error:
            (self.folder / staged).unlink(missing_ok=True)
            raise no_room(error, f"blob {digest[:12]} of {len(data)} bytes") from error
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes, verified.

        Raises:
            NotFound: Nothing is kept under the digest.
            IntegrityError: What is kept does not have this digest.
            InvalidInput: The digest is not 64 lower-case hexadecimal digits.
        """
        check_digest(digest)
        try:
            data = bytes(obstore.get(self._store, key_of(digest)).bytes())
        except FileNotFoundError as error:
            raise NotFound(f"blob {digest} is not in {self.folder}") from error
        return verified(data, digest, str(self.folder))

    def has(self, digest: str) -> bool:
        """Say whether bytes are kept under the digest."""
        check_digest(digest)
        return (self.folder / key_of(digest)).is_file()

    def kept(self) -> Iterator[Kept]:
        """Give every blob that is there, in the order of their digests, without reading it."""
        for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*")):
            digest = kept_under(str(path.relative_to(self.folder)))
            if digest is not None:
                found = path.stat()
                yield Kept(digest, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def _holds(self, digest: str, size: int) -> bool:
        place = self.folder / key_of(digest)
        if not place.is_file() or place.stat().st_size != size:
            return False
        return sha256(place.read_bytes()).hexdigest() == digest

    def _sync_folders(self, leaf: Path) -> None:
        sync(leaf)
        # The entries of the two fan-out folders need it once; they are never removed.
        if leaf not in self._durable:
            sync(leaf.parent)
            sync(self.folder)
            self._durable.add(leaf)

    def _sweep(self) -> None:
        oldest = time.time() - _STALE_SECONDS
        for path in (self.folder / _STAGING).iterdir():
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:  # another process finished or swept it
                continue


def check_digest(digest: str, thing: str = "digest") -> str:
    """Return ``digest``, or raise `InvalidInput` when it is not a SHA-256 in lower-case hex."""
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InvalidInput(
            thing,
            "64 lower-case hexadecimal digits",
            repr(digest)[:80],
            "Pass a digest that put() returned.",
        )
    return digest


def key_of(digest: str) -> str:
    """Return where a blob is in its store."""
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


def kept_under(key: str) -> str | None:
    """Return the digest of the blob at a place; None where no blob of ours can be."""
    digest = key.rpartition("/")[2]
    return digest if _DIGEST.fullmatch(digest) and key_of(digest) == key else None


def verified(data: bytes, digest: str, place: str) -> bytes:
    """Return ``data``, or raise `IntegrityError` when it has not this digest."""
    found = sha256(data).hexdigest()
    if found != digest:
        raise IntegrityError(
            f"blob {digest} in {place} was damaged or replaced: its {len(data)} bytes have the "
            f"digest {found}. Restore it, or put the content again."
        )
    return data


def no_room(error: Exception, thing: str) -> Exception:
    """Return `StorageFull` where the disk or obstore said so, else the error as it is."""
    if _NO_ROOM.search(str(error)) or getattr(error, "errno", None) in NO_ROOM:
        return StorageFull(f"{thing} was not kept: no room on the disk. Free some and try again.")
    return error
