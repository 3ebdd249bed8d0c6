"""Work done in the calling process: for notebooks and small tasks."""

import json
from collections.abc import Mapping
from typing import Any

from januscl.compute.progress import Progress, listening
from januscl.compute.work import check_work, job_of, other_work, resolve
from januscl.core import JobFailed, NotFound
from januscl.core.wire import canonical


class InlineExecutor:
    """A `januscl.core.Executor` without processes. A job runs when it is first waited for.

    It remembers its jobs only as long as it lives. As with the other executors, arguments and
    results pass through JSON, and a job that failed starts again when it is submitted again.
    """

    def __init__(self) -> None:
        self._work: dict[str, bytes] = {}
        self._ended: dict[str, Any] = {}
        self._failed: dict[str, str] = {}

    def submit(self, function: str, arguments: Mapping[str, Any], key: str) -> str:
        """Note the work and return the job's id.

        Raises:
            InvalidInput: The function's name, an argument or the key is not acceptable.
            Conflict: The key is in use, or has a result, for other work.
        """
        work, job = check_work(function, arguments, key), job_of(key)
        if self._failed.pop(job, None) is None and self._work.get(job, work) != work:
            raise other_work(key)
        self._work[job] = work
        return job

    def wait(self, job: str, timeout: float | None = None, progress: Progress | None = None) -> Any:
        """Do the job, or return what it gave before.

        Args:
            job: What `submit` returned.
            timeout: Taken for the sake of the other executors; this one cannot stop early.
            progress: Called with the fields of each `report_progress`.

        Raises:
            NotFound: No such job.
            JobFailed: It ended in an error, or was cancelled.
        """
        self._check(job)
        if job not in self._ended and job not in self._failed:
            self._run(job, progress)
        if job in self._failed:
            raise JobFailed(self._failed[job])
        return self._ended[job]

    def cancel(self, job: str) -> None:
        """Give the job's work up if it has not been done.

        Raises:
            NotFound: No such job.
        """
        self._check(job)
        if job not in self._ended and job not in self._failed:
            self._failed[job] = f"job {job} failed: it was cancelled."

    def _check(self, job: str) -> None:
        if job not in self._work:
            raise NotFound(f"job {job!r} was never submitted here")

    def _run(self, job: str, progress: Progress | None) -> None:
        work = json.loads(self._work[job])
        try:
            with listening(progress):
                value = resolve(work["function"])(**work["arguments"])
            self._ended[job] = json.loads(canonical(value))
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            self._failed[job] = f"job {job} ({work['function']}) failed: {message}"
            raise JobFailed(self._failed[job]) from error
