"""AWS as moto plays it, with a queue whose containers are processes of this machine."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from uuid import uuid4

import pytest

REGION = "eu-central-1"


@contextmanager
def aws():
    """Give the address of a server that speaks AWS, in this process."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def point_to(address, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret-key")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)


class Account:
    """A bucket, a queue and a job definition of one test's own."""

    def __init__(self):
        import boto3

        name = f"janus-{uuid4().hex[:12]}"
        self.bucket = self.queue = self.definition = name
        where = {"LocationConstraint": REGION}
        boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)
        policy = '{"Version": "2012-10-17", "Statement": []}'
        role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=policy)
        self.batch = boto3.client("batch")
        environment = self.batch.create_compute_environment(
            computeEnvironmentName=name, type="UNMANAGED", serviceRole=role["Role"]["Arn"]
        )["computeEnvironmentArn"]
        order = [{"order": 1, "computeEnvironment": environment}]
        self.batch.create_job_queue(
            jobQueueName=name, state="ENABLED", priority=1, computeEnvironmentOrder=order
        )
        needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "512"}]
        self.batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties={"image": "janus", "resourceRequirements": needs},
        )

    @property
    def place(self):
        return f"s3://{self.bucket}/jobs"

    def jobs(self):
        """Return every job that the queue was given, as Batch describes it."""
        filters = [{"name": "JOB_NAME", "values": ["*"]}]
        found = self.batch.list_jobs(jobQueue=self.queue, filters=filters)["jobSummaryList"]
        ids = [job["jobId"] for job in found]
        return self.batch.describe_jobs(jobs=ids)["jobs"] if ids else []


class Host:
    """Runs a job's command as Batch's container host would, without a container.

    Args:
        folder: Put on the path that Python looks for modules in.
    """

    def __init__(self, folder):
        self.folder = folder
        self.open = True
        self.processes = {}

    def run(self, job):
        job.advance()
        while not self.open and not job.stop:
            time.sleep(0.02)
        if not job.stop:
            job.job_started_at = datetime.now()
            job.status = "RUNNING"
            _, *rest = job.container_overrides["command"]
            process = self.processes[job.job_id] = subprocess.Popen(
                [sys.executable, *rest],
                env={**os.environ, "PYTHONPATH": str(self.folder), "AWS_BATCH_JOB_ID": job.job_id},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            while process.poll() is None and not job.stop:
                time.sleep(0.02)
            process.terminate()
            self._log(job, process.communicate()[0])
            job.exit_code = process.returncode
        job._mark_stopped(success=job.exit_code == 0)

    def _log(self, job, text):
        job.log_stream_name = job._stream_name
        job._log_backend.ensure_log_group(job._log_group)
        job._log_backend.ensure_log_stream(job._log_group, job.log_stream_name)
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in text.splitlines()]
        job._log_backend.put_log_events(job._log_group, job.log_stream_name, events)
