"""One attempt of a job on several workers of a Ray cluster, by Ray Train.

Where the entry point of a Ray job runs nothing but waits: `JANUS_WORKERS` in its environment, which
`RayJobs` sets, says how many workers there are and what is kept free for each.
"""

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from januscl.compute.abreast import for_every_worker
from januscl.compute.desk import Desk
from januscl.compute.diary import Diary
from januscl.compute.job import perform
from januscl.compute.keepsakes import DeskKeeper
from januscl.compute.work import resolve
from januscl.core import MissingDependency, how_to_install
from januscl.core.wire import canonical

VARIABLE = "JANUS_WORKERS"


@dataclass(frozen=True)
class Workers:
    """How many workers a job has.

    Attributes:
        count: Of them.
        cpus, gpus: Kept free for each.
    """

    count: int
    cpus: float
    gpus: float

    def __str__(self) -> str:
        return f"{self.count}x{self.cpus:g}x{self.gpus:g}"

    @classmethod
    def read(cls, text: str) -> "Workers":
        """Return what was written by ``str``."""
        count, cpus, gpus = text.split("x")
        return cls(int(count), float(cpus), float(gpus))


def perform_together(desk: Desk, attempt: str, work: dict[str, Any], workers: Workers) -> bytes:
    """Have the work done by the workers, and return its result or error as JSON.

    The process group is of NCCL where workers have GPUs, else of Gloo. A worker that dies ends the
    attempt; the next one goes on from what was kept (see `januscl.compute.keep`).

    Args:
        desk: The place of the job, which every worker reaches.
        attempt: Path of its folder there; a worker writes the result.
        work: What `januscl.compute.work.check_work` returned, read.
        workers: A function that is not for every worker has one of them.
    """
    try:
        abreast = for_every_worker(resolve(work["function"]))
        died = _run(desk, attempt, work, workers if abreast else _one_of(workers))
    except Exception as error:
        return canonical({"error": f"{type(error).__name__}: {error}"})
    return desk.read(f"{attempt}/result.json") or canonical({"error": died})


def _one_of(workers: Workers) -> Workers:
    return Workers(1, workers.cpus, workers.gpus)


def _run(desk: Desk, attempt: str, work: dict[str, Any], workers: Workers) -> str:
    """Start the workers, wait until all have ended, and return what ended them before their time.

    Raises:
        MissingDependency: Ray Train is not installed where the job runs.
    """
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchTrainer
    except ImportError as error:
        raise MissingDependency(
            f"a job on several workers needs Ray Train ({error}); install it in the image of the "
            f"cluster with: {how_to_install('ray', 'train')}"
        ) from error
    needs = {"CPU": workers.cpus} | ({"GPU": workers.gpus} if workers.gpus else {})
    ray.init(address="auto")  # the cluster that runs this job, never one of this machine's own
    with TemporaryDirectory(prefix="janus-train-") as scratch:
        trainer = TorchTrainer(
            _worker,
            train_loop_config={"place": desk.place, "attempt": attempt, "work": work},
            scaling_config=ScalingConfig(
                num_workers=workers.count,
                use_gpu=workers.gpus > 0,
                resources_per_worker=needs,
            ),
            # Nothing is kept there: results and checkpoints are in the place of the job.
            run_config=RunConfig(
                name=re.sub(r"[^A-Za-z0-9]+", "-", attempt),
                storage_path=scratch,
                failure_config=FailureConfig(max_failures=0),
            ),
        )
        try:
            trainer.fit()
        except TrainingFailedError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return f"a worker ended without a result: {' '.join(lines)[-300:]}"
    return "its workers ended without a result"


def _worker(config: dict[str, Any]) -> None:
    """Do one worker's part; what Ray Train calls in each."""
    from ray.train import get_context

    desk, attempt = Desk(config["place"]), config["attempt"]
    first = get_context().get_world_rank() == 0
    with ExitStack() as held:
        diary = held.enter_context(Diary(desk, attempt)) if first else None
        job, _, _ = attempt.partition("/")
        outcome = perform(
            config["work"],
            diary.tell if diary is not None else _unheard,
            DeskKeeper(desk, job) if first else None,
        )
    failed = "error" in json.loads(outcome)
    if first or failed:
        # Whoever fails says so before the others miss it; the first to write is believed.
        desk.put_new(f"{attempt}/result.json", outcome)
    if failed:
        raise RuntimeError("this worker failed; the job's result says why")


def _unheard(fields: dict[str, Any]) -> None:
    pass
