"""The ring: raw frames of the last seconds in memory; an event has a before and an after."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

import numpy as np

from januscl.core import Image
from januscl.edge.counters import Counters
from januscl.edge.keep import Keep


@dataclass(eq=False)
class Held:
    """One raw frame.

    Attributes:
        id: Of its observation.
        image: ``(H, W, 3) uint8`` RGB, the ring's own copy.
        at: When it came, seconds of a clock that never jumps.
        keep: How much it matters by now.
        spooled: Its pixels are on the disk.
        busy: Someone reads the image, so its memory may not be used again.
    """

    id: str
    image: Image
    at: float
    keep: Keep
    spooled: bool = False
    busy: bool = False


class Ring:
    """Raw frames, oldest first, within their bytes; safe between threads.

    Args:
        limit: Bytes of images.
        before, after: Seconds around an event whose frames matter too. Where events overlap, a
            frame between them belongs to all and is kept once.
        ordinary: Whether frames that nothing asked for are handed out by `to_spool` too.
        counters: ``missed_..._pixels`` counts what left the ring before it was spooled.
    """

    def __init__(
        self, limit: int, before: float, after: float, ordinary: bool, counters: Counters
    ) -> None:
        self._limit, self._before, self._after = limit, before, after
        self._least = Keep.ORDINARY if ordinary else Keep.RANDOM
        self._counters = counters
        self._lock = Lock()
        self._held: deque[Held] = deque()
        self._by_id: dict[str, Held] = {}
        self._due: dict[str, Held] = {}
        self._free: list[Image] = []
        self._bytes = 0
        self._until = float("-inf")

    def add(self, id: str, image: Image, at: float, keep: Keep) -> None:
        """Copy a frame in; the ones that matter least and are oldest make way."""
        with self._lock:
            if image.nbytes > self._limit:
                self._counters.add(f"missed_{keep.name.lower()}_pixels")
                return
            while self._bytes + image.nbytes > self._limit:
                self._evict()
            own = self._memory(image)
            np.copyto(own, image)
            if at <= self._until:
                keep = max(keep, Keep.AROUND)
            held = Held(id, own, at, keep)
            self._held.append(held)
            self._by_id[id] = held
            self._await_spool(held)
            self._bytes += own.nbytes

    def mark(self, ids: Iterable[str], keep: Keep) -> set[str]:
        """Say that frames matter; return the ids here whose keep rose, those around included.

        An event or a failed pick takes the frames before and after it along.
        """
        with self._lock:
            risen: set[str] = set()
            for id in ids:
                held = self._by_id.get(id)
                if held is None:
                    continue
                if held.keep < keep:
                    self._lift(held, keep)
                    risen.add(id)
                if keep in (Keep.EVENT, Keep.FAILED):
                    risen |= self._around(held.at)
            return risen

    def to_spool(self, most: int) -> list[Held]:
        """Return frames whose pixels should go to the disk, what matters first, then the oldest.

        They stay readable until `done` is called with them.
        """
        with self._lock:
            due = sorted(self._due.values(), key=lambda held: -held.keep)[:most]
            for held in due:
                held.busy = True
            return due

    def done(self, frames: Iterable[Held], spooled: bool) -> None:
        """Give frames of `to_spool` back, and say whether their pixels are on the disk."""
        with self._lock:
            for held in frames:
                held.busy = False
                held.spooled = spooled
                if spooled:
                    self._due.pop(held.id, None)

    def unspool(self, ids: Iterable[str]) -> None:
        """Have frames handed out again whose pixels the spool has lost."""
        with self._lock:
            for id in ids:
                if id in self._by_id:
                    self._by_id[id].spooled = False
                    self._await_spool(self._by_id[id])

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def _around(self, at: float) -> set[str]:
        # The latest end is enough: windows are open from now on, and now is later than any event.
        self._until = max(self._until, at + self._after)
        risen = set()
        for held in self._held:
            if -self._before <= held.at - at <= self._after and held.keep < Keep.AROUND:
                self._lift(held, Keep.AROUND)
                risen.add(held.id)
        return risen

    def _lift(self, held: Held, keep: Keep) -> None:
        held.keep = keep
        self._await_spool(held)

    def _await_spool(self, held: Held) -> None:
        if not held.spooled and held.keep >= self._least:
            self._due[held.id] = held

    def _evict(self) -> None:
        """Let go of the oldest that is spooled or ordinary; of the oldest where none is."""
        index = next(
            (i for i, h in enumerate(self._held) if h.spooled or h.keep is Keep.ORDINARY), 0
        )
        held = self._held[index]
        del self._held[index]
        del self._by_id[held.id]
        self._due.pop(held.id, None)
        self._bytes -= held.image.nbytes
        if not held.spooled and not held.busy and held.keep >= self._least:
            self._counters.add(f"missed_{held.keep.name.lower()}_pixels")
        if not held.busy:
            self._free.append(held.image)

    def _memory(self, image: Image) -> Image:
        """Return memory of an image's shape; that of an evicted one, which is warm, if it fits."""
        while self._free:
            free = self._free.pop()
            if free.shape == image.shape:
                return free
        return np.empty(image.shape, np.uint8)
