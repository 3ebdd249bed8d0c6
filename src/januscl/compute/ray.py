"""Ray Jobs, over the HTTP interface of the cluster's head node.

It is spoken to with httpx rather than with Ray's own client, whose requests have no time limit,
whose address the environment's ``RAY_ADDRESS`` overrides, and which needs all of Ray installed
where the work is only handed in. Source of the routes: Ray 2.60,
``ray/dashboard/modules/job/job_head.py``.
"""

import shlex
from collections.abc import Sequence
from typing import Any

import httpx

from januscl.compute.together import VARIABLE, Workers
from januscl.core import InvalidInput, Unreachable

_REQUEST_SECONDS = 30.0
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


class RayJobs:
    """Starts commands on a Ray cluster; an engine of `RemoteExecutor`.

    The name of a job is its ``submission_id``, which a cluster takes once: a job that is handed
    in twice is one job.

    Args:
        address: ``http://head:8265`` or ``https://...``, of the head node's dashboard.
        cpus: Kept free for each job. With 0, and no GPUs, jobs run on the head node.
        gpus: Likewise; a share such as 0.5 is possible.
        workers: Of each job. With more than one, ``cpus`` and ``gpus`` are kept free for each, by
            Ray Train, and the job's own process, which only waits for them, runs on the head node.
        token: The cluster's, where it wants one (``RAY_AUTH_MODE=token``). Without TLS it
            travels in the clear.

    Raises:
        InvalidInput: The address is no such URL, or a number is negative.
    """

    def __init__(
        self,
        address: str,
        *,
        cpus: float = 1.0,
        gpus: float = 0.0,
        workers: int = 1,
        token: str | None = None,
    ) -> None:
        url = httpx.URL(address)
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
            raise InvalidInput(
                "the address of the Ray cluster",
                "http://host:8265 or https://host",
                f"{url.scheme}://{url.host}",
                "Name the head node's dashboard; give a token by RAY_AUTH_TOKEN.",
            )
        if not (cpus >= 0 and gpus >= 0 and workers >= 1):
            raise InvalidInput(
                "cpus, gpus and workers of a Ray job",
                "0 or more, and 1 worker or more",
                f"{cpus}, {gpus} and {workers}",
                "Correct them.",
            )
        self._workers = Workers(workers, cpus, gpus)
        self.address = f"{url.scheme}://{url.netloc.decode()}"
        alone = workers == 1
        self._resources = {
            "entrypoint_num_cpus": cpus if alone else 0,
            "entrypoint_num_gpus": gpus if alone else 0,
        }
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(
            base_url=self.address, headers=headers, timeout=_REQUEST_SECONDS
        )

    def find(self, name: str) -> str | None:
        """Return the name if the cluster knows the job."""
        return None if self._info(name) is None else name

    def start(self, name: str, command: Sequence[str]) -> str:
        """Hand a job in and return its name; the second time nothing happens.

        Raises:
            Unreachable: The cluster does not answer, or refuses.
        """
        if self._workers.count > 1:
            command = ("env", f"{VARIABLE}={self._workers}", *command)
        asked = {"entrypoint": shlex.join(command), "submission_id": name, **self._resources}
        answer = self._ask("POST", "/api/jobs/", json=asked)
        # What is known already is refused, with the status of a wrong request or of an error.
        if answer.status_code != 200 and self.find(name) is None:
            raise self._refused(answer)
        return name

    def ended(self, id: str) -> str | None:
        """Say how the job ended, or that the cluster does not know it; None while it lives."""
        info = self._info(id)
        if info is None:
            return f"the cluster {self.address} does not know it: it was started anew since"
        if info["status"] not in _ENDED:
            return None
        code = info.get("driver_exit_code")
        if code is not None:
            return f"exit status {code}" if code >= 0 else f"killed by signal {-code}"
        # The first line says what; a stopped job has none.
        message = (info.get("message") or "").strip().splitlines()
        return message[0] if message and info["status"] == "FAILED" else info["status"].lower()

    def stop(self, id: str) -> None:
        """Ask the job to end (SIGTERM); Ray kills it some seconds later."""
        answer = self._ask("POST", f"/api/jobs/{id}/stop")
        if answer.status_code not in (200, 404):
            raise self._refused(answer)

    def log(self, id: str) -> str:
        """Return what the job printed; nothing once its node is gone."""
        answer = self._ask("GET", f"/api/jobs/{id}/logs")
        return str(answer.json()["logs"]) if answer.status_code == 200 else ""

    def _info(self, id: str) -> dict[str, Any] | None:
        answer = self._ask("GET", f"/api/jobs/{id}")
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise self._refused(answer)
        info: dict[str, Any] = answer.json()
        return info

    def _ask(self, method: str, path: str, json: Any = None) -> httpx.Response:
        try:
            return self._client.request(method, path, json=json)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"the Ray cluster {self.address} does not answer ({type(error).__name__}). Check "
                "the address and the network."
            ) from None

    def _refused(self, answer: httpx.Response) -> Unreachable:
        if answer.status_code in (401, 403):
            why = "it wants another token: give the cluster's by RAY_AUTH_TOKEN"
        else:
            lines = answer.text.strip().splitlines()
            why = lines[-1][:200] if lines else "without a reason"
        return Unreachable(
            f"the Ray cluster {self.address} refused (status {answer.status_code}): {why}."
        )
