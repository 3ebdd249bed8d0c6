"""AWS Batch, by boto3."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from januscl.core import InvalidInput, MissingDependency, Unreachable, how_to_install

try:
    import boto3  # type: ignore[import-untyped]
    from botocore.config import Config  # type: ignore[import-untyped]
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise MissingDependency(
        f"AWS Batch needs {error.name}; install it with: {how_to_install('aws')}"
    ) from error

_LOG_LINES = 15
_LOG_GROUP = "/aws/batch/job"
"""Where Batch writes logs, unless the job's definition names another group."""


class BatchJobs:
    """Starts commands in containers of AWS Batch; an engine of `RemoteExecutor`.

    Batch would take the same job twice. That two submitters, or one that died half-way, start a
    job's work twice is prevented by ``started.json`` in the place of jobs, which names the one
    Batch job that may do it. Credentials and region come from the environment or the machine's
    role.

    Args:
        queue: Name or ARN of the job queue.
        definition: Name, with a revision or without, or ARN of the job definition. Its image
            has januscl; its command is replaced.

    Raises:
        Unreachable: No region is known.
    """

    def __init__(self, queue: str, definition: str) -> None:
        self._queue, self._definition = queue, definition
        config = Config(
            connect_timeout=10,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 5},
        )
        with self._told():
            self._batch = boto3.client("batch", config=config)
            self._logs = boto3.client("logs", config=config)

    def find(self, name: str) -> str | None:
        """Return the id of the first job of this name in the queue."""
        asked = {"jobQueue": self._queue, "filters": [{"name": "JOB_NAME", "values": [name]}]}
        with self._told():
            pages = self._batch.get_paginator("list_jobs").paginate(**asked)
            found = [job for page in pages for job in page["jobSummaryList"]]
        if not found:
            return None
        return str(min(found, key=lambda job: (job["createdAt"], job["jobId"]))["jobId"])

    def start(self, name: str, command: Sequence[str]) -> str:
        """Hand a job in and return its id.

        Raises:
            InvalidInput: There is no such queue or definition.
            Unreachable: AWS does not answer, or refuses.
        """
        with self._told():
            answer = self._batch.submit_job(
                jobName=name,
                jobQueue=self._queue,
                jobDefinition=self._definition,
                containerOverrides={"command": list(command)},
            )
        return str(answer["jobId"])

    def ended(self, id: str) -> str | None:
        """Say how the job ended, or that Batch does not know it; None while it lives.

        A job that Batch tries again, after its machine was taken away, lives.
        """
        job = self._job(id)
        if job is None:
            return "AWS Batch does not know it: it ended more than a week ago"
        if job["status"] not in ("SUCCEEDED", "FAILED"):
            return None
        container = job.get("container", {})
        said = [job.get("statusReason"), container.get("reason")]
        if container.get("exitCode") is not None:
            said.append(f"exit status {container['exitCode']}")
        return "; ".join(dict.fromkeys(part for part in said if part)) or job["status"].lower()

    def stop(self, id: str) -> None:
        """Take the job out of the queue, or ask it to end (SIGTERM, and SIGKILL after 30 s)."""
        with self._told():
            self._batch.terminate_job(jobId=id, reason="cancelled")

    def log(self, id: str) -> str:
        """Return the last lines that the job printed."""
        container = (self._job(id) or {}).get("container", {})
        stream = container.get("logStreamName")
        if stream is None:
            return ""
        options = container.get("logConfiguration", {}).get("options", {})
        try:
            found = self._logs.get_log_events(
                logGroupName=options.get("awslogs-group", _LOG_GROUP),
                logStreamName=stream,
                limit=_LOG_LINES,
                startFromHead=False,
            )
        except (BotoCoreError, ClientError):  # it may be gone, or not ours to read
            return ""
        return "\n".join(event["message"] for event in found["events"])

    def _job(self, id: str) -> dict[str, Any] | None:
        with self._told():
            found: list[dict[str, Any]] = self._batch.describe_jobs(jobs=[id])["jobs"]
        return found[0] if found else None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn boto3's errors into ours."""
        try:
            yield
        except ClientError as error:
            answer = error.response.get("Error", {})
            code, message = answer.get("Code", "an error"), str(answer.get("Message", ""))[:200]
            if code == "ClientException":
                raise InvalidInput(
                    f"AWS Batch queue {self._queue} and job definition {self._definition}",
                    "ones that exist in this account and region",
                    message,
                    "Check both names and AWS_REGION.",
                ) from None
            raise Unreachable(f"AWS refused ({code}): {message}") from None
        except BotoCoreError as error:
            raise Unreachable(
                f"AWS Batch does not answer ({type(error).__name__}). Check the network, and the "
                "credentials and region in the environment."
            ) from None
