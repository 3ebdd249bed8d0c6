"""Heavy work elsewhere: a function by its name, JSON in, JSON out, under a key.

Owns: the processes of jobs, on this machine, a Ray cluster or AWS Batch, and the folder or bucket
that holds their state. May call: core alone; what a job calls is the caller's affair. A job
outlives the process that submitted it. Moves nothing.

The engines `januscl.compute.ray.RayJobs` and `januscl.compute.batch.BatchJobs` are named by their
modules: few want them, and what they are made of takes long to load or is an extra.
"""

from januscl.compute.abreast import on_every_worker
from januscl.compute.choose import executor_from
from januscl.compute.inline import InlineExecutor
from januscl.compute.keepsakes import keep, kept
from januscl.compute.local import LocalExecutor
from januscl.compute.progress import report_progress
from januscl.compute.remote import Engine, RemoteExecutor

__all__ = [
    "InlineExecutor",
    "LocalExecutor",
    "RemoteExecutor",
    "Engine",
    "executor_from",
    "report_progress",
    "keep",
    "kept",
    "on_every_worker",
]
