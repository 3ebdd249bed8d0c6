"""The agent: what the robot's program calls, beside its own cycle."""

import fcntl
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from januscl.core import Conflict, Frame, Instances, InvalidInput, JanusError, Pick, StorageFull
from januscl.core.files import room_for, sync
from januscl.core.ids import new_id
from januscl.core.message import check_id, pick_to_json
from januscl.core.wire import canonical
from januscl.edge.backoff import Backoff
from januscl.edge.bringer import Bringer, Slot
from januscl.edge.campaigns import Campaigns
from januscl.edge.check_in import CheckIn
from januscl.edge.counters import Counters
from januscl.edge.journal import Journal
from januscl.edge.keep import CAMPAIGN, Keep, keep_of
from januscl.edge.keeper import OBSERVATION, PICK, Keeper
from januscl.edge.limits import MIB, Limits
from januscl.edge.packing import pack
from januscl.edge.peer import Peer
from januscl.edge.ring import Ring
from januscl.edge.spool import Spool
from januscl.edge.uplink import Uplink

_log = logging.getLogger("januscl.edge")

_GATHER_S = 0.05
_IDLE_S = 0.5
_TROUBLE_S = 1.0
_MOST_REASONS = 16
_FOR_FAILURES = 0.25
"""Share of the journal that only events, campaigns and picks may use while the disk is full."""


class Agent:
    """Takes what a robot saw and did, keeps it through kills and power cuts, and sends it.

    `observe` and `report` take under a millisecond on a disk that syncs fast: they write to a
    preallocated journal and copy the frame into memory. Threads do all else. What is promised:

    - **Metadata and picks**: on the disk before `observe` returns an id, or `report` returns True.
      They reach the service at least once, in any order of kills and cuts, unless the spool's
      bytes force them out; `januscl.edge.DROP_ORDER` says what goes first, counters what went.
    - **Pixels**: in memory when `observe` returns, on the disk usually within 0.2 s. A kill before
      loses those pixels alone. Frames of failed picks and of events keep theirs, with those
      ``limits.before_s`` before and ``limits.after_s`` after; so do those of campaigns and the
      random share. All these are sent after the metadata, others when the service asks.
    - **A full disk** never stops the robot: where even the journal is full, `observe` returns
      None, and the counter ``refused_observations`` tells the service. It recovers by itself.

    Depth is not sent. Times are the frames' own; the agent waits by a clock that never jumps.

    Args:
        robot: The robot's name, as its token has it.
        camera: The camera's name. Each camera has an agent and a folder of its own.
        server: Address of the service, such as ``https://janus.example``.
        spool: Folder for what is not sent yet; made where it does not exist.
        token: The robot's token.
        limits: Bytes, seconds and shares.
        slot: Where the robot's model runs; it is told which version the service wants. None where
            something else sees to the model.

    Raises:
        InvalidInput: A name is empty, or the address is none.
        Conflict: Another agent uses the folder.
        StorageFull: There is no room to begin the folder.
    """

    def __init__(
        self,
        robot: str,
        camera: str,
        server: str,
        spool: Path | str,
        token: str,
        limits: Limits | None = None,
        slot: Slot | None = None,
    ) -> None:
        if not robot or not camera:
            raise InvalidInput("robot and camera", "names", "an empty one", "Name them.")
        limits = limits or Limits()
        self._robot, self._camera = robot, camera
        self._random_share, self._rng = limits.random_share, Random()
        self._counters = Counters()
        self._peer = Peer(server, robot, token)
        self._claim = _claim(Path(spool))
        try:
            self._keep_in(Path(spool), limits)
        except BaseException:
            self._peer.close()
            os.close(self._claim)
            raise
        self._campaigns = Campaigns(self._spool.taken())
        self._wake = {name: Event() for name in ("keeper", "uplink", "model")}
        heard = self._wake["model"].set
        bringer = Bringer(slot, Backoff(Random(), most=60.0), heard) if slot is not None else None
        check_in = CheckIn(
            self._peer, self._spool, self._ring, self._campaigns, bringer, self._counters
        )
        self._uplink = Uplink(
            self._spool, self._peer, check_in, limits.check_in_s, limits.send_every_s,
            Backoff(Random()), self._counters,
        )  # fmt: skip
        self._closing, self._stop_at = Lock(), float("inf")
        steps = {"keeper": self._fold, "uplink": self._uplink.step}
        if bringer:
            steps["model"] = bringer.step
        self._threads = [
            Thread(target=self._work, args=(name, step), name=f"janus-{name}", daemon=True)
            for name, step in steps.items()
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def observe(
        self, frame: Frame, instances: Instances, model: str, reasons: Sequence[str] = ()
    ) -> str | None:
        """Keep a frame and what the model saw in it; return the observation's id.

        Args:
            frame: Of this robot and camera; copied, so its memory may be used again.
            instances: What the model saw, masks of the frame's size; embeddings travel too.
            model: Id of the version that saw it.
            reasons: Why it is out of the ordinary, such as ``event`` or a watcher's name; empty
                where it is not. Those ``random`` and ``campaign:...`` are the agent's own.

        Returns:
            The id, once metadata is on the disk; None where there was no room for it.

        Raises:
            InvalidInput: The frame is another robot's or camera's, a mask has not its size, a
                reason is empty or the agent's own.
            Conflict: The agent is closed.
        """
        self._check(frame, reasons)
        at = time.monotonic()
        drawn = ("random",) if self._rng.random() < self._random_share else ()
        asked = self._campaigns.reasons(at, time.time() - self._peer.skew)
        every = (*reasons, *asked, *drawn)
        id, keep = new_id(), keep_of(every)
        packed = pack(id, frame, instances, model, every)
        if not self._write(OBSERVATION + packed, _FOR_FAILURES if keep < Keep.EVENT else 0.0):
            self._counters.add("refused_observations")
            return None
        self._ring.add(id, frame.image, at, keep)
        self._counters.add("observed")
        self._wake["keeper"].set()
        return id

    def report(self, id: str | None, pick: Pick) -> bool:
        """Say how the attempt on an observation ended; the last report on it counts.

        The observation may be one of an earlier run of the program. The service refuses one that
        it can never know, and the refusal lies in the spool's rejects.

        Args:
            id: What `observe` returned; None is counted and otherwise ignored.
            pick: The attempt.

        Returns:
            Whether it is on the disk.

        Raises:
            InvalidInput: The id is none.
            Conflict: The agent is closed.
        """
        self._check_open()
        if id is not None:
            check_id(id)
            told = canonical({"observation": id, "pick": pick_to_json(pick)})
            if self._write(PICK + told, 0.0):
                self._counters.add("reported")
                self._wake["keeper"].set()
                return True
        self._counters.add("refused_picks")
        return False

    @property
    def status(self) -> str | None:
        """What keeps the agent from sending now, with how to mend it; None while nothing does.

        A service that is away mends itself. A token that it refuses does not: that is logged as an
        error, once, and counted as ``refused_token``.
        """
        return self._uplink.trouble

    def counters(self) -> dict[str, int]:
        """Return what happened since the folder was begun, as the service hears it."""
        return self._counters.all()

    def rejects(self) -> list[tuple[str, str, str]]:
        """Return id, table and reason of what the service will never take, oldest first.

        Raises:
            Conflict: The agent is closed; the next one on the same folder has them.
        """
        self._check_open()
        return self._spool.rejects()

    def close(self, wait_s: float = 2.0) -> None:
        """Stop; what is not sent stays in the folder for the next start. Twice is once.

        Args:
            wait_s: Seconds that sending may still take; it ends sooner when all is sent, or the
                service cannot be reached.
        """
        with self._closing:
            if self._stop_at < float("inf"):
                return
            self._stop_at = time.monotonic() + wait_s
        for wake in self._wake.values():
            wake.set()
        for thread in self._threads:
            # A second more: what goes to the disk is brought to its end.
            thread.join(max(0.0, self._stop_at - time.monotonic()) + 1.0)
        self._peer.close()
        self._journal.close()
        self._spool.close()
        os.close(self._claim)

    def _keep_in(self, folder: Path, limits: Limits) -> None:
        """Open the folder and take in what the last process left in the journal."""
        slack = 8 * MIB + limits.journal_bytes  # the log of SQLite at its longest
        room = limits.spool_bytes - limits.journal_bytes - slack
        self._spool = Spool(folder / "spool.sqlite", room, self._counters)
        try:
            place = self._spool.place()
            self._journal = Journal(folder / "journal", limits.journal_bytes, place)
            sync(folder)
        except BaseException:
            self._spool.close()
            raise
        self._ring = Ring(
            limits.ring_bytes, limits.before_s, limits.after_s, limits.ordinary_pixels,
            self._counters,
        )  # fmt: skip
        self._keeper = Keeper(self._journal, self._ring, self._spool, self._counters)
        try:
            self._keeper.step()
        except JanusError as error:
            _log.warning("what the last run left stays in the journal for now: %s", error)

    def _check(self, frame: Frame, reasons: Sequence[str]) -> None:
        self._check_open()
        if (frame.robot, frame.camera) != (self._robot, self._camera):
            raise InvalidInput(
                "frame", f"one of {self._robot}'s {self._camera}",
                f"one of {frame.robot}'s {frame.camera}", "Each camera has an agent of its own.",
            )  # fmt: skip
        bad = [r for r in reasons if not 0 < len(r) <= 200 or r == "random" or CAMPAIGN in r]
        if bad or len(reasons) > _MOST_REASONS:
            raise InvalidInput(
                "reasons", f"at most {_MOST_REASONS} short names, none of the agent's own",
                repr(bad or len(reasons))[:80], "Name what is out of the ordinary.",
            )  # fmt: skip

    def _check_open(self) -> None:
        if self._stop_at < float("inf"):
            raise Conflict("the agent is closed; make another on the same spool")

    def _write(self, payload: bytes, spare: float) -> bool:
        """Bring an entry to the disk and say whether it is there."""
        try:
            self._journal.append(payload, spare)
        except StorageFull:
            return False
        except OSError as error:
            self._counters.add("disk_failures")
            _log.error("the journal cannot be written: %s", error)
            return False
        return True

    def _fold(self) -> float:
        """Take in what came, some of it together."""
        if self._stop_at == float("inf"):
            time.sleep(_GATHER_S)
        return 0.0 if self._keeper.step() else _IDLE_S

    def _work(self, name: str, step: Callable[[], float]) -> None:
        """Call a step again and again; none of its errors ends it, nor the robot's program."""
        wake = self._wake[name]
        while True:
            # The uplink's last step is one that began when the keeper, whose last commit it has to
            # send, had ended.
            last = name == "keeper" or not self._threads[0].is_alive()
            try:
                wait = step()
            except JanusError as error:
                _log.warning("%s: %s", name, error)
                wait = _TROUBLE_S
            except Exception:
                if time.monotonic() > self._stop_at:
                    return
                self._counters.add("failures")
                _log.exception("%s failed; it goes on", name)
                wait = _TROUBLE_S
            if self._stop_at < float("inf"):
                if (wait > 0 and last) or time.monotonic() > self._stop_at:
                    return
                wait = min(wait, 0.01)
            wake.wait(wait)
            wake.clear()


def _claim(folder: Path) -> int:
    """Make the folder this process's own until it ends, however that happens."""
    with room_for(folder):
        new = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in new:
            sync(path.parent)  # or a power cut takes the whole folder back
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise Conflict(f"another agent uses the spool {folder}; give each its own") from error
    return handle
