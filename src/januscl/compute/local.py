"""Work in processes of this machine that outlive whoever started them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from januscl.compute.locks import locked, try_lock
from januscl.compute.progress import Progress
from januscl.compute.work import check_work, job_of, other_work
from januscl.core import JobFailed, NotFound
from januscl.core.files import room_for, write_atomically
from januscl.core.wire import canonical

_GRACE_SECONDS = 5.0
_LOG_LINES = 15
_THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class LocalExecutor:
    """A `januscl.core.Executor` whose jobs are processes, with their state in a folder.

    A job goes on when the process that submitted it dies; any executor on the same folder can
    wait for it. A key never starts twice, from whatever process, with one exception: a job that
    failed, was cancelled or was killed starts again when it is submitted again.

    Args:
        folder: Made if it does not exist. One folder for each job: ``work.json``,
            ``result.json``, ``progress.jsonl``, ``log.txt`` (all that the job prints), its ``pid``,
            and ``kept`` with what it keeps for its next attempt.
        threads: Threads that the numerical libraries of a job may use; theirs to choose when
            omitted.
    """

    def __init__(self, folder: Path | str, threads: int | None = None) -> None:
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.threads = threads
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def submit(self, function: str, arguments: Mapping[str, Any], key: str) -> str:
        """Start ``module:function`` with JSON arguments and return the job's id.

        Raises:
            InvalidInput: The function's name, an argument or the key is not acceptable.
            Conflict: The key is in use, or has a result, for other work.
            StorageFull: There is no room for the job's files; it was not started.
        """
        work, job = check_work(function, arguments, key), job_of(key)
        folder = self.folder / job
        with room_for(folder), locked(self.folder / "lock"):
            state = _result(folder)
            lock = None if state is not None and "error" not in state else self._lock(folder)
            if lock is None:  # it runs, or it ended well
                if (folder / "work.json").read_bytes() != work:
                    raise other_work(key)
                return job
            try:
                self._start(folder, work, lock)
            finally:
                os.close(lock)  # the job has its own copy, which keeps the lock
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
        """
        folder = self._folder(job)
        deadline = None if timeout is None else time.monotonic() + timeout
        told, pause = 0, 0.01
        while True:
            # In this order: a job writes its progress, then its result, then dies.
            alive = self._alive(job)
            state = _result(folder)
            if progress is not None:
                told = _relay(folder, told, progress)
            if state is not None and "error" not in state:
                return state["result"]
            if state is not None and not alive:  # dead, so that it can be submitted again at once
                raise JobFailed(_failure(folder, state["error"]))
            if not alive:
                raise JobFailed(self._death(job))
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"job {job} still runs after {timeout} s; wait again")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def cancel(self, job: str) -> None:
        """Stop the job, and the programs that it started, if it still runs.

        It is asked to end (SIGTERM) and, five seconds later, made to (SIGKILL).

        Raises:
            NotFound: No such job.
            JobFailed: It, or a program that left its group, still runs all the same.
        """
        folder = self._folder(job)
        asked: int | None = None
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + _GRACE_SECONDS
            while self._alive(job) and time.monotonic() < deadline:
                found = _pid(folder)
                asked = asked or found
                if found != asked:  # it was submitted again in the meantime
                    return
                _signal_group(asked, number)
                time.sleep(0.02)
        with locked(self.folder / "lock"):
            lock = try_lock(folder / "alive")
            if lock is None:
                if _pid(folder) != asked:
                    return
                raise JobFailed(
                    f"job {job} was told to end and then made to, and still runs (process "
                    f"{asked}). See what it waits for, or what it started."
                )
            if _result(folder) is None:
                write_atomically(folder / "result.json", canonical({"error": "it was cancelled"}))
            os.close(lock)

    def _folder(self, job: str) -> Path:
        folder = self.folder / job
        if not re.fullmatch(r"[A-Za-z0-9_-]+", job) or not (folder / "work.json").is_file():
            raise NotFound(f"job {job!r} was never submitted to {self.folder}")
        return folder

    def _lock(self, folder: Path) -> int | None:
        folder.mkdir(exist_ok=True)
        return try_lock(folder / "alive")

    def _start(self, folder: Path, work: bytes, lock: int) -> None:
        for name in ("result.json", "progress.jsonl", "log.txt", "pid"):
            (folder / name).unlink(missing_ok=True)
        write_atomically(folder / "work.json", work)
        environment = dict(os.environ)
        if self.threads is not None:
            environment |= dict.fromkeys(_THREAD_SETTINGS, str(self.threads))
        with (folder / "log.txt").open("wb") as log:
            self._children[folder.name] = subprocess.Popen(
                [sys.executable, "-m", "januscl.compute.job", str(folder), str(lock)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(lock,),
                start_new_session=True,
            )

    def _alive(self, job: str) -> bool:
        child = self._children.get(job)
        if child is not None:
            child.poll()  # so that it does not stay behind as a zombie
        with locked(self.folder / "lock"):  # not to be taken for the job by `submit`
            lock = try_lock(self.folder / job / "alive")
            if lock is None:
                return True
            os.close(lock)
            return False

    def _death(self, job: str) -> str:
        child = self._children.get(job)
        code = None if child is None else child.wait()
        how = f" (exit status {code})" if code is not None else ""
        return _failure(
            self.folder / job,
            f"its process ended without a result{how}: it was killed, ran out of memory, or the "
            "machine went down. Submit it again to restart it",
        )


def _result(folder: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((folder / "result.json").read_bytes())
    except FileNotFoundError:
        return None
    return state


def _failure(folder: Path, reason: str) -> str:
    work = json.loads((folder / "work.json").read_bytes())
    log = (folder / "log.txt").read_text(errors="replace") if (folder / "log.txt").exists() else ""
    tail = "\n".join(log.splitlines()[-_LOG_LINES:])
    ending = f"\nThe end of {folder / 'log.txt'}:\n{tail}" if tail else ""
    return f"job {folder.name} ({work['function']}) failed: {reason}.{ending}"


def _relay(folder: Path, told: int, progress: Progress) -> int:
    """Pass on the whole lines from byte ``told`` on, and return where they end."""
    try:
        with (folder / "progress.jsonl").open("rb") as file:
            file.seek(told)
            data = file.read()
    except FileNotFoundError:
        return told
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.splitlines():
        progress(json.loads(line))
    return told + len(whole)


def _pid(folder: Path) -> int | None:
    try:
        return int((folder / "pid").read_bytes())
    except FileNotFoundError:  # it is just starting
        return None


def _signal_group(pid: int | None, number: int) -> None:
    # The lock is held, so the process, or one that it started, lives and the number is theirs.
    # No number yet: it is just starting, and the caller tries again.
    if pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, number)
