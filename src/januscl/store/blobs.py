"""Bytes under the SHA-256 of their content, in a local folder."""

import re
import time
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
        place = self.folder / _key(digest)
        staged = f"{_STAGING}/{uuid4().hex}"
        try:
            if not self._holds(digest, len(data)):
                obstore.put(self._store, staged, data)
                sync(self.folder / staged)
                obstore.rename(self._store, staged, _key(digest))
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
            data = bytes(obstore.get(self._store, _key(digest)).bytes())
        except FileNotFoundError as error:
            raise NotFound(f"blob {digest} is not in {self.folder}") from error
        found = sha256(data).hexdigest()
        if found != digest:
            raise IntegrityError(
                f"blob {digest} in {self.folder} was damaged or replaced: its {len(data)} bytes "
                f"have the digest {found}. Restore the file, or put the content again."
            )
        return data

    def has(self, digest: str) -> bool:
        """Say whether bytes are kept under the digest."""
        check_digest(digest)
        return (self.folder / _key(digest)).is_file()

    def _holds(self, digest: str, size: int) -> bool:
        place = self.folder / _key(digest)
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
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise InvalidInput(
            thing,
            "64 lower-case hexadecimal digits",
            repr(digest)[:80],
            "Pass a digest that put() returned.",
        )
    return digest


def _key(digest: str) -> str:
    return f"{digest[:2]}/{digest[2:4]}/{digest}"


def no_room(error: Exception, thing: str) -> Exception:
    """Return `StorageFull` where the disk or obstore said so, else the error as it is."""
    if _NO_ROOM.search(str(error)) or getattr(error, "errno", None) in NO_ROOM:
        return StorageFull(f"{thing} was not kept: no room on the disk. Free some and try again.")
    return error
