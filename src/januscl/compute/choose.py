"""The executor that the configuration names."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from januscl.compute.local import LocalExecutor
from januscl.compute.remote import RemoteExecutor
from januscl.core import Executor, InvalidInput


def executor_from(where: str, place: Path | str, *, threads: int | None = None) -> Executor:
    """Return the executor for one line of configuration.

    ==============================  ==============================================================
    ``local``                       processes of this machine
    ``http://head:8265``            Ray Jobs; ``?cpus=4&gpus=1`` is kept free for each job, and
                                    with ``&workers=2`` for each of so many workers of it.
                                    Likewise ``https``. The token is taken from ``RAY_AUTH_TOKEN``
    ``batch://queue/definition``    AWS Batch, names without a revision or ``definition:3``
    ==============================  ==============================================================

    Args:
        where: One of these.
        place: Where jobs keep their state: a folder for ``local``; a folder that the cluster
            mounts under the same path, or ``s3://bucket/prefix``, for Ray; the latter for Batch.
        threads: For ``local``, see `LocalExecutor`; elsewhere the machine's to choose.

    Raises:
        InvalidInput: It is none of these, or the place does not fit.
        MissingDependency: Batch is asked for without the extra ``aws``.
    """
    if where == "local":
        if "://" in str(place):
            raise _wrong("the place of local jobs", "a folder", "a URL")
        return LocalExecutor(place, threads)
    url = urlsplit(where)
    if url.scheme in ("http", "https"):
        numbers, token = _numbers(url), os.environ.get("RAY_AUTH_TOKEN") or None
        # Engines are loaded when they are asked for: they are slow to load, or extras.
        from januscl.compute.ray import RayJobs

        address = url._replace(query="").geturl()
        return RemoteExecutor(
            RayJobs(
                address,
                cpus=numbers["cpus"],
                gpus=numbers["gpus"],
                workers=int(numbers["workers"]),
                token=token,
            ),
            place,
        )
    if url.scheme == "batch" and url.netloc and url.path.strip("/") and not url.query:
        if not str(place).startswith("s3://"):
            raise _wrong("the place of jobs on AWS Batch", "s3://bucket/prefix", "a folder")
        from januscl.compute.batch import BatchJobs

        return RemoteExecutor(BatchJobs(url.netloc, url.path.strip("/")), place)
    raise _wrong(
        "executor",
        "local, http://head:8265 or batch://queue/definition",
        f"{url.scheme}://..." if url.scheme else where[:40],
    )


_KINDS: dict[str, Callable[[str], float]] = {"cpus": float, "gpus": float, "workers": int}


def _numbers(url: SplitResult) -> dict[str, float]:
    numbers = {"cpus": 1.0, "gpus": 0.0, "workers": 1}
    for name, text in parse_qsl(url.query, keep_blank_values=True):
        try:
            numbers[name] = _KINDS[name](text)
        except (KeyError, ValueError):
            raise _wrong(
                "executor", "cpus, gpus and workers after ?, as numbers", f"{name}={text}"[:60]
            ) from None
    return numbers


def _wrong(thing: str, expected: str, found: str) -> InvalidInput:
    return InvalidInput(thing, expected, found, "docs/operate.md shows how to choose one.")
