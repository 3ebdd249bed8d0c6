"""Work on an engine elsewhere, with its state in a place that both sides reach."""

import json
import re
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from januscl.compute.desk import Desk
from januscl.compute.progress import Progress
from januscl.compute.work import check_work, job_of, other_work
from januscl.core import JobFailed, NotFound, Unreachable
from januscl.core.wire import canonical

_LOG_LINES = 15
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_PATIENCE_SECONDS = 300.0
"""That a wait puts up with a cluster or a place that does not answer."""
_GRACE_SECONDS = 60.0
"""That a cancelled job has to end; both engines ask first and then force."""


class Engine(Protocol):
    """What starts commands elsewhere: a cluster, a batch queue.

    Every method raises `Unreachable` when it does not answer or refuses.
    """

    def find(self, name: str) -> str | None:
        """Return the id of what was started under this name; None where nothing was."""

    def start(self, name: str, command: Sequence[str]) -> str:
        """Start a command under a name and return its id."""

    def ended(self, id: str) -> str | None:
        """Say how it ended, or that it is not known; None while it waits or runs."""

    def stop(self, id: str) -> None:
        """Ask it to end, and see to it that it does; whether it runs or not."""

    def log(self, id: str) -> str:
        """Return the end of what it printed, where it is to be had; else nothing."""


class RemoteExecutor:
    """A `januscl.core.Executor` on an engine: `RayJobs` or `BatchJobs`.

    A job goes on when the process that submitted it dies; any executor on the same place can wait
    for it. A key never starts twice, from whatever process; a job that failed, was cancelled or
    was killed starts again when it is submitted again, as its next attempt. Each attempt is a
    folder: ``work.json`` claims it, ``started.json`` names the one command that may do it,
    ``began.json`` says that it does, ``progress/`` what it tells, ``result.json`` how it ended.
    All are written once, if absent, so that whoever dies in between is taken up by the next. Beside
    them, ``kept/`` is what the job kept for its next attempt.

    Args:
        engine: Starts ``python -m januscl.compute.remote_job``; the same januscl and the same
            functions must be installed where it runs.
        place: A folder that both sides mount under one path, or ``s3://bucket/prefix``. Whoever
            may write there decides what a job gave; what a job does is checked by its digest.
    """

    def __init__(self, engine: Engine, place: Path | str) -> None:
        self._engine, self._desk = engine, Desk(place)
        self._ids: dict[str, str] = {}

    def submit(self, function: str, arguments: Mapping[str, Any], key: str) -> str:
        """Start ``module:function`` with JSON arguments and return the job's id.

        Raises:
            InvalidInput: The function's name, an argument or the key is not acceptable.
            Conflict: The key is in use, or has a result, for other work.
            StorageFull: There is no room in the place of jobs; it was not started.
            Unreachable: The engine or the place does not answer; submit it again.
        """
        work, job = check_work(function, arguments, key), job_of(key)
        while True:
            attempts = self._attempts(job)
            if attempts:
                attempt = f"{job}/{attempts[-1]}"
                outcome = self._outcome(attempt)
                if outcome is None or "error" not in outcome:
                    if self._desk.read(f"{attempt}/work.json") != work:
                        raise other_work(key)
                    return job
            attempt = f"{job}/{len(attempts) + 1:04}"
            if self._desk.put_new(f"{attempt}/work.json", work):
                self._started(attempt)
                return job

    def wait(self, job: str, timeout: float | None = None, progress: Progress | None = None) -> Any:
        """Return the job's JSON result when it ends, whoever started it.

        Args:
            job: What `submit` returned.
            timeout: Seconds to wait at most; for ever when omitted. The job goes on after it.
            progress: Called with the fields of each `report_progress`, from the job's start on.

        Raises:
            NotFound: No such job.
            JobFailed: It ended in an error, was cancelled, or died without a result.
            TimeoutError: It still runs.
            Unreachable: The engine or the place has not answered for five minutes.
        """
        attempt, told = self._attempt(job), ""
        now = heard = time.monotonic()
        deadline = None if timeout is None else now + timeout
        pause = _SHORTEST_PAUSE
        while True:
            outcome, news = None, list[dict[str, Any]]()
            try:
                outcome = self._outcome(attempt)
                if progress is not None:
                    told, news = self._news(attempt, told)
                heard = time.monotonic()
            except Unreachable:
                if time.monotonic() - heard > _PATIENCE_SECONDS:
                    raise
            for fields in news:
                assert progress is not None
                progress(fields)
            if outcome is not None and "error" in outcome:
                raise JobFailed(self._failure(attempt, outcome["error"]))
            if outcome is not None:
                return outcome["result"]
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"job {job} still runs after {timeout} s; wait again")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def cancel(self, job: str) -> None:
        """Stop the job if it still runs; one that has not begun will not.

        Raises:
            NotFound: No such job.
            JobFailed: It was told to end and still runs a minute later.
            Unreachable: The engine or the place does not answer.
        """
        attempt = self._attempt(job)
        cancelled = canonical({"error": "it was cancelled"})
        if self._result(attempt) is not None:
            return
        record = self._desk.read(f"{attempt}/started.json")
        id = json.loads(record)["id"] if record else self._engine.find(self._name(attempt))
        if self._desk.read(f"{attempt}/began.json") is None:
            # A job says that it began, and then looks for a result: one of the two sees the other.
            self._desk.put_new(f"{attempt}/result.json", cancelled)
        began = self._desk.read(f"{attempt}/began.json") is not None
        if id is None:
            return
        self._engine.stop(id)
        deadline, pause = time.monotonic() + _GRACE_SECONDS, _SHORTEST_PAUSE
        while began and self._engine.ended(id) is None:
            if time.monotonic() >= deadline:
                raise JobFailed(
                    f"job {job} was told to end {_GRACE_SECONDS:g} s ago and still runs as {id}. "
                    "See what it waits for."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        self._desk.put_new(f"{attempt}/result.json", cancelled)

    def _attempt(self, job: str) -> str:
        attempts = self._attempts(job) if re.fullmatch(r"[A-Za-z0-9_-]+", job) else []
        if not attempts:
            raise NotFound(f"job {job!r} was never submitted to {self._desk.place}")
        return f"{job}/{attempts[-1]}"

    def _attempts(self, job: str) -> list[str]:
        return [name for name in self._desk.folders(job) if name.isdigit()]

    def _started(self, attempt: str) -> str:
        """Return the engine's id of an attempt, and start it if nobody has."""
        if attempt not in self._ids:
            record = self._desk.read(f"{attempt}/started.json")
            if record is None:
                record = self._start(attempt)
            self._ids[attempt] = json.loads(record)["id"]
        return self._ids[attempt]

    def _start(self, attempt: str) -> bytes:
        name, work = self._name(attempt), self._desk.read(f"{attempt}/work.json")
        assert work is not None, "work.json makes the attempt"
        program = ("python", "-m", "januscl.compute.remote_job")
        command = (*program, self._desk.place, attempt, name, sha256(work).hexdigest())
        id = self._engine.find(name) or self._engine.start(name, command)
        record = canonical({"id": id})
        if not self._desk.put_new(f"{attempt}/started.json", record):
            record = self._desk.read(f"{attempt}/started.json") or record
            if json.loads(record)["id"] != id:
                # Two found nothing and both started it. The other command is the one that may.
                self._engine.stop(id)
        return record

    def _name(self, attempt: str) -> str:
        """Return a name that no other place gives: engines are shared."""
        place = sha256(self._desk.place.encode()).hexdigest()[:8]
        return f"janus-{place}-{attempt.replace('/', '-')}"

    def _outcome(self, attempt: str) -> dict[str, Any] | None:
        """Return the result or the error of an attempt; None while it waits or runs."""
        found = self._result(attempt)
        if found is None:
            fate = self._engine.ended(self._started(attempt))
            if fate is None:
                return None
            # Again, for it may have come in between: a job writes its result, then ends.
            found = self._result(attempt) or {
                "error": f"it ended without a result ({fate}). Submit it again to restart it"
            }
        return found

    def _result(self, attempt: str) -> dict[str, Any] | None:
        data = self._desk.read(f"{attempt}/result.json")
        if data is None:
            return None
        try:
            found: dict[str, Any] = json.loads(data)
        except ValueError:
            return {"error": "its result is damaged. Submit it again to restart it"}
        return found

    def _news(self, attempt: str, told: str) -> tuple[str, list[dict[str, Any]]]:
        """Return where the progress ends now, and what was told after ``told``."""
        paths = self._desk.files(f"{attempt}/progress", told)
        lines = [line for path in paths for line in (self._desk.read(path) or b"").splitlines()]
        return (paths[-1] if paths else told), [json.loads(line) for line in lines]

    def _failure(self, attempt: str, reason: str) -> str:
        job, _, _ = attempt.partition("/")
        work = json.loads(self._desk.read(f"{attempt}/work.json") or b"{}")
        try:
            lines = self._engine.log(self._started(attempt)).splitlines()[-_LOG_LINES:]
        except Unreachable:  # what went wrong is known all the same
            lines = []
        ending = "\n".join(["", "The end of its log:", *lines]) if lines else ""
        return f"job {job} ({work.get('function')}) failed: {reason}.{ending}"
