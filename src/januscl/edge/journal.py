"""The journal: one preallocated file into which each entry is written durably in one call.

Entries go round and round in it. An entry is a head (magic, length, sequence number, CRC-32)
and its payload, at a multiple of 8 bytes, never across the file's end. Each write ends on the
disk (``O_DSYNC``) and touches only blocks that exist, so the file system has nothing else to
commit: it waits neither for another file's data nor for room. Bytes of a block that were written
before are written again unchanged, so a write torn by a power cut damages none of them.
"""

import os
import struct
import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from januscl.core import Conflict, InvalidInput, StorageFull
from januscl.core.files import write_atomically

_MAGIC = b"JNL1"
_HEAD = struct.Struct("<4sIQI")
_ALIGN = 8
_SMALLEST = 4096


@dataclass(frozen=True)
class Place:
    """A point of the journal.

    Attributes:
        seq: Number of the last entry before it; the first entry is 1.
        offset: Bytes from the beginning of all time; the file repeats every ``size`` of them.
    """

    seq: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Entry:
    """A payload and the place behind it."""

    payload: bytes
    end: Place


class Journal:
    """Entries that were written and not yet released.

    Args:
        path: The file; made with ``size`` bytes where it does not exist, else its size stays.
        size: Bytes.
        after: Everything up to this place was released; None when that is not known, and all
            whole entries of the file are pending again.

    Raises:
        StorageFull: There is no room for the file.
    """

    def __init__(self, path: Path, size: int, after: Place | None) -> None:
        if not path.exists() or path.stat().st_size < _SMALLEST:
            write_atomically(path, bytes(size))
        self._file = os.open(path, os.O_RDWR | os.O_DSYNC | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size // _ALIGN * _ALIGN
        self._lock, self._closed = Lock(), False
        data = os.pread(self._file, self._size, 0)
        found = _all(data) if after is None else _behind(data, after)
        self._pending = deque(found)
        self._head = found[-1].end if found else (after or Place())
        # Where it is not known what was released, there is no room until the next release.
        self._tail = after.offset if after else max(0, self._head.offset - self._size)

    def append(self, payload: bytes, spare: float = 0.0) -> None:
        """Write an entry; it is on the disk when this returns.

        Args:
            payload: Any bytes.
            spare: Share of the file that must stay free behind it, 0 to 1.

        Raises:
            StorageFull: Not enough was released; nothing was written.
            InvalidInput: The payload is larger than the file could ever take.
            Conflict: The journal is closed.
            OSError: The disk failed; the entry counts as not written.
        """
        room = _room(payload)
        if room > self._size * (1 - spare):
            raise InvalidInput(
                "journal entry", f"less than {self._size} bytes", f"{room}", "Raise journal_bytes."
            )
        with self._lock:
            if self._closed:
                raise Conflict("the journal is closed")
            at = self._head.offset
            if at % self._size + room > self._size:
                at += self._size - at % self._size
            if at + room - self._tail > self._size * (1 - spare):
                raise StorageFull("the journal is full; it empties when the spool takes it in")
            seq = self._head.seq + 1
            os.pwrite(self._file, _head(seq, payload) + payload, at % self._size)
            self._head = Place(seq, at + room)
            self._pending.append(Entry(payload, self._head))

    def pending(self) -> list[Entry]:
        """Return all entries that were not released, oldest first."""
        with self._lock:
            return list(self._pending)

    def release(self, to: Place) -> None:
        """Give the room of all entries up to a place back; they are safe elsewhere."""
        with self._lock:
            while self._pending and self._pending[0].end.seq <= to.seq:
                self._pending.popleft()
            self._tail = max(self._tail, to.offset)

    def close(self) -> None:
        """Close the file; what is pending is found again."""
        with self._lock:
            self._closed = True
            os.close(self._file)


def _room(payload: bytes) -> int:
    return -(-(_HEAD.size + len(payload)) // _ALIGN) * _ALIGN


def _head(seq: int, payload: bytes) -> bytes:
    check = zlib.crc32(payload, zlib.crc32(struct.pack("<QI", seq, len(payload))))
    return _HEAD.pack(_MAGIC, len(payload), seq, check)


def _read(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Return sequence number, payload and end of the whole entry at an offset of the file."""
    if at + _HEAD.size > len(data):
        return None
    magic, length, seq, _ = _HEAD.unpack_from(data, at)
    start = at + _HEAD.size
    if magic != _MAGIC or start + length > len(data):
        return None
    payload = data[start : start + length]
    if _head(seq, payload) != data[at:start]:
        return None
    return seq, payload, at + _room(payload)


def _behind(data: bytes, after: Place) -> list[Entry]:
    """Follow the entries behind a place, to the first that is not there or not whole."""
    found: list[Entry] = []
    place = after
    while True:
        at = place.offset % len(data)
        step = _read(data, at)
        offset = place.offset
        if step is None or step[0] != place.seq + 1:
            offset += len(data) - at
            step = _read(data, 0)
        if step is None or step[0] != place.seq + 1:
            return found
        place = Place(step[0], offset - offset % len(data) + step[2])
        found.append(Entry(step[1], place))


def _all(data: bytes) -> list[Entry]:
    """Find every whole entry wherever it lies, oldest first."""
    found: list[Entry] = []
    at = data.find(_MAGIC)
    while at >= 0:
        step = _read(data, at) if at % _ALIGN == 0 else None
        if step is not None:
            # In the second round, so that there was a first one that may not be written over.
            found.append(Entry(step[1], Place(step[0], step[2] + len(data))))
        at = data.find(_MAGIC, at + 1 if step is None else step[2])
    return sorted(found, key=lambda entry: entry.end.seq)
