"""The robot's model slot: which version runs, and how another one takes its place.

A version is fetched, checked against its signature and digest, loaded, tested, and only then put
in the place of the one that runs. The last good one stays on the disk to fall back to.
"""

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from januscl.core import IntegrityError, InvalidInput, MissingDependency, SegmentationModel
from januscl.core.files import sync
from januscl.edge.desired import Desired, check_signature, read_public_keys
from januscl.edge.slot_state import SlotState, read_state, write_state
from januscl.edge.weights_file import check_bytes, check_safetensors, has_bytes_of

_OURS = re.compile(r"[0-9a-f]{64}\.(safetensors|part)")
_LONGEST_REASON = 300


class _Refused(Exception):
    """A version was found bad: it is not tried again until another one was wanted."""


@dataclass(frozen=True, eq=False)
class Running:
    """The version that runs and its model: read together, so that they belong together."""

    version: Desired
    model: SegmentationModel


class ModelSlot:
    """Holds the model that the robot runs and brings the one that it should run.

    `current`, `running`, `error` and `failed` never wait for a download, a load or a self-test in
    `want`; call `want` beside the robot's cycle. What was signed once may run again when the
    service wants it again: only so can it roll back.

    A version counts as new until the process has run it for ``minutes``. A process that ends
    before, other than through `close`, counts as a crash; after ``crashes`` of them the next start
    falls back. A start with a version that has proved itself is not counted.

    Args:
        folder: Where weights and state are kept; one process uses it at a time.
        public_key: Base64, one key a line; any of them may have signed.
        load: Reads a model from a safetensors file. Called only with files whose signature,
            digest and format are right. `MissingDependency` is no fault of the version: it is
            tried again.
        self_test: Raises unless the model is fit to run; see `januscl.edge.predicts`.
        fetch: Appends to a partial file what it lacks; see `januscl.edge.Download`. It
            may return early; it is called again by the next `want`.
        crashes: See above.
        minutes: See above.

    Raises:
        InvalidInput: The public key is not one, or a limit is not over 0.
    """

    def __init__(
        self,
        folder: Path,
        public_key: str,
        load: Callable[[Path], SegmentationModel],
        self_test: Callable[[SegmentationModel], None],
        fetch: Callable[[Desired, Path], None],
        crashes: int = 3,
        minutes: float = 10.0,
    ) -> None:
        self._keys = read_public_keys(public_key)
        if crashes < 1 or not minutes > 0:
            raise InvalidInput(
                "crashes and minutes", "numbers over 0", f"{crashes}, {minutes}", "Correct them."
            )
        self._folder, self._file = folder, folder / "slot.json"
        self._load, self._self_test, self._fetch = load, self_test, fetch
        self._crashes, self._minutes = crashes, minutes
        self._lock = threading.RLock()  # the state and what runs
        self._wanting = threading.Lock()  # one version is brought at a time
        self._current: Running | None = None
        self._timer: threading.Timer | None = None
        self._barred: Desired | None = None
        self._trouble = self._pending = ""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._state = read_state(self._file)
        except InvalidInput as error:
            self._state, self._trouble = SlotState(), str(error)
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # An error that ends the process may be the model's doing: it stays counted.
        self._stop(orderly=kind is None or not issubclass(kind, Exception))

    @property
    def current(self) -> Running | None:
        """The version and the model to predict with now; None where no model runs."""
        return self._current

    @property
    def running(self) -> str | None:
        """Id of the version that runs."""
        now = self._current
        return None if now is None else now.version.id

    @property
    def error(self) -> str | None:
        """What is wrong, for the check-in; None where nothing is."""
        state = self._state
        refused = f"{state.refused.id} was refused: {state.reason}" if state.refused else ""
        return "; ".join(filter(None, (refused, self._pending, self._trouble))) or None

    def want(self, desired: Desired | None) -> bool:
        """Bring the version that the robot should run, and say whether it runs.

        Raises nothing: what went wrong is in `error`. Where the fault may pass (no connection, no
        room, a package that is not installed), the next call goes on; a version that is bad itself
        is refused, and left alone until another one was wanted.

        Args:
            desired: From the check-in; None leaves everything as it is.
        """
        if desired is None:
            return False
        with self._wanting:
            if desired in (self._state.refused, self._barred):
                return False
            self._pending = ""
            try:
                self._forget_refusal()
                self._bring_or_refuse(desired)
            except Exception as error:  # whatever `fetch` raises must not end the robot's loop
                self._pending = f"{desired.id} is not here yet: {_told(error)}"
            now = self._current
            return now is not None and now.version == desired

    def failed(self, reason: str, version: str | None = None) -> bool:
        """Fall back to the last good version because the one that runs does not work.

        Where there is none, or it does not work either, the same one keeps running.

        Args:
            reason: What happened, for the check-in.
            version: Id of the version that failed; a report on one that no longer runs is ignored.

        Returns:
            Whether another version runs now.
        """
        with self._lock:
            now = self._current
            if now is None or version not in (None, now.version.id):
                return False
            return self._fall_back(now.version, reason, refuse=True)

    def close(self) -> None:
        """End in order: this start does not count as a crash. The model stays usable."""
        self._stop(orderly=True)

    def _start(self) -> None:
        """Load what ran last, or what ran before it."""
        version, state = self._state.running, self._state
        if version is None:
            return
        starts = state.starts.get(version.sha256)
        if starts is not None and starts >= self._crashes and state.previous is not None:
            reason = (
                f"the process ended {starts} times within {self._minutes:g} minutes of starting "
                "on it"
            )
            if self._fall_back(version, reason, refuse=True):
                return
        if starts is not None:
            self._remember(state.started(version))
        try:
            model = self._open(version)
        except (IntegrityError, MissingDependency) as error:
            if starts is not None:  # the process outlived this start, so it was no crash
                self._remember(self._state.started(version, -1))
            self._fall_back(version, _told(error), refuse=False)
        except Exception as error:
            # Where nothing else works either the fault may be the machine's, so the version is
            # left alone in this process only.
            self._barred = version
            self._fall_back(version, _told(error), refuse=True)
        else:
            self._run(version, model)

    def _bring_or_refuse(self, desired: Desired) -> None:
        """Bring a version, or remember that and why it is bad."""
        try:
            self._bring(desired)
        except _Refused as refusal:
            reason = str(refusal)[:_LONGEST_REASON]
            with self._lock:
                self._remember(replace(self._state, refused=desired, reason=reason))
            self._tidy()

    def _bring(self, desired: Desired) -> None:
        """Fetch, check, load, test and swap."""
        try:
            check_signature(desired, self._keys)
        except InvalidInput as error:
            raise _Refused(str(error)) from error
        with self._lock:
            now = self._current
            if now is not None and _same_weights(now.version, desired):
                if now.version != desired:  # signed again, by another key
                    self._keep(replace(self._state, running=desired))
                    self._current = Running(desired, now.model)
                return
        if not self._fetched(desired):
            return
        counted = self._count(desired)
        try:
            model = self._tried(desired)
            with self._lock:
                self._keep(self._state.swapped(desired))
                self._trouble = ""
                self._run(desired, model)
        except Exception:
            with self._lock:  # the process outlived this start, so it was no crash
                state = self._state
                self._remember(state.started(desired, -1) if counted else state.proved(desired))
            raise
        self._tidy()

    def _count(self, desired: Desired) -> bool:
        """Write down that a version is about to be started, or refuse it after too many times.

        Returns:
            Whether its starts were counted before.
        """
        with self._lock:
            counted = desired.sha256 in self._state.starts
            crashes = self._state.starts.get(desired.sha256, 0)
            if crashes >= self._crashes:
                self._keep(self._state.proved(desired))
                raise _Refused(f"the process ended {crashes} times while it was started")
            self._keep(self._state.started(desired))
            return counted

    def _tried(self, desired: Desired) -> SegmentationModel:
        """Return the version's model, or refuse the version."""
        try:
            return self._open(desired)
        except MissingDependency:  # the robot lacks something, and may be given it
            raise
        except Exception as error:
            raise _Refused(_told(error)) from error

    def _fetched(self, desired: Desired) -> bool:
        """Have the version's file in its place, and say whether it is whole."""
        path = self._path(desired)
        if has_bytes_of(path, desired):
            return True
        path.unlink(missing_ok=True)
        part = path.with_suffix(".part")
        self._tidy(part.name)
        continued = part.exists()
        self._fetch(desired, part)
        if continued and self._spoiled(part, desired):
            # The file behind the id may have changed since the first half was fetched.
            part.unlink()
            self._fetch(desired, part)
        if self._spoiled(part, desired):
            part.unlink()
            raise _Refused("the server's bytes are not those that were signed")
        if not part.exists() or part.stat().st_size < desired.bytes:
            return False
        part.replace(path)
        sync(self._folder)
        return True

    def _spoiled(self, part: Path, desired: Desired) -> bool:
        """Say whether a part is as long as the whole and yet not the version's."""
        long = part.exists() and part.stat().st_size >= desired.bytes
        return long and not has_bytes_of(part, desired)

    def _open(self, version: Desired) -> SegmentationModel:
        """Return the version's model, checked on every way that leads to loading it."""
        check_signature(version, self._keys)
        path = self._path(version)
        check_bytes(path, version)
        check_safetensors(path)
        model = self._load(path)
        self._self_test(model)
        return model

    def _fall_back(self, bad: Desired, reason: str, *, refuse: bool) -> bool:
        """Run the last good version in the bad one's stead, if it works."""
        reason = reason[:_LONGEST_REASON]
        good = self._state.previous
        self._trouble = f"{bad.id} fails: {reason}"
        if good is None:
            self._trouble += "; there is no earlier version to fall back to"
            return False
        try:
            model = self._open(good)
        except Exception as error:
            self._trouble += f"; {good.id}, the version before, fails too: {_told(error)}"
            return False
        # Where a wanted version was refused before, that is what must be remembered.
        if refuse and self._state.refused is None:
            self._trouble = ""  # the refusal says it
            self._state = replace(self._state, refused=bad, reason=reason)
        self._remember(self._state.fallen_back(bad))
        self._run(good, model)
        return True

    def _run(self, version: Desired, model: SegmentationModel) -> None:
        """Put a model in the place of the one that runs, and see whether it proves itself."""
        self._current = Running(version, model)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if version.sha256 in self._state.starts:
            self._timer = threading.Timer(self._minutes * 60, self._prove, [version])
            self._timer.daemon = True
            self._timer.start()

    def _prove(self, version: Desired) -> None:
        """Count a version as good: it ran long enough."""
        with self._lock:
            now = self._current
            if now is not None and _same_weights(now.version, version):
                self._remember(self._state.proved(version))

    def _forget_refusal(self) -> None:
        """Begin anew: another version is wanted than the one that was refused."""
        with self._lock:
            self._barred = None
            if self._state.refused is not None:
                self._keep(replace(self._state, refused=None, reason=""))

    def _stop(self, *, orderly: bool) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            now, self._timer = self._current, None
            if orderly and now is not None and now.version.sha256 in self._state.starts:
                self._remember(self._state.started(now.version, -1))

    def _keep(self, state: SlotState) -> None:
        """Write the state, then take it as ours."""
        write_state(self._file, state)
        self._state = state

    def _remember(self, state: SlotState) -> None:
        """Take the state as ours and write it if the disk allows: the robot must go on."""
        self._state = state
        try:
            write_state(self._file, state)
        except OSError as error:
            self._pending = _told(error)

    def _path(self, version: Desired) -> Path:
        return self._folder / f"{version.sha256}.safetensors"

    def _tidy(self, part: str = "") -> None:
        """Delete weights and parts that nothing needs any more."""
        state = self._state
        kept = {f"{v.sha256}.safetensors" for v in (state.running, state.previous) if v}
        for path in self._folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in {*kept, part}:
                with suppress(OSError):  # it stays until the next time
                    path.unlink(missing_ok=True)


def _same_weights(one: Desired, other: Desired) -> bool:
    return (one.id, one.sha256, one.bytes) == (other.id, other.sha256, other.bytes)


def _told(error: Exception) -> str:
    """Return an error as a short text."""
    return f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
