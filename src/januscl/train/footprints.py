"""What a model takes on a machine: time and memory, measured in a process of its own."""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from januscl.core import Image, JobFailed

_WARM, _ROUNDS = 2, 3
_LIMIT_S = 600
_MIB = 2**20


@dataclass(frozen=True)
class Footprint:
    """What it takes to see with a model, one picture at a time.

    Attributes:
        seconds: Median for a picture, on one thread.
        megabytes: The most memory that the whole process had, Python and torch with it, MiB.
    """

    seconds: float
    megabytes: float


def footprint(model: Path, images: Sequence[Image]) -> Footprint:
    """Measure a model file on this machine, in a fresh process.

    Args:
        model: As a model's `save` wrote it.
        images: Each ``(H, W, 3) uint8`` RGB, of one size; they are gone through three times.

    Raises:
        JobFailed: The process ended in an error, or not within ten minutes.
    """
    with TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures.npy"
        np.save(pictures, np.stack(images), allow_pickle=False)
        command = [sys.executable, "-m", "januscl.train.footprints", str(model), str(pictures)]
        try:
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=_LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise JobFailed(f"measuring {model.name} took longer than {_LIMIT_S} s") from error
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise JobFailed(f"measuring {model.name} ended with {ended.returncode}: {last}")
    return Footprint(**json.loads(ended.stdout.splitlines()[-1]))


def _measured(model: Path, images: Sequence[Image]) -> Footprint:
    from januscl.train.doors import load_model

    loaded, times = load_model(model), []
    for image in [*images[:_WARM], *list(images) * _ROUNDS]:
        began = time.perf_counter()
        loaded.predict([image])
        times.append(time.perf_counter() - began)
    return Footprint(statistics.median(times[_WARM:]), _peak() / _MIB)


def _peak() -> int:
    """Return the most memory that this process had, bytes.

    On Linux ``ru_maxrss`` begins with what the process had that started this one; ``VmHWM`` does
    not.
    """
    with suppress(FileNotFoundError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    found = _measured(Path(sys.argv[1]), np.load(sys.argv[2], allow_pickle=False))
    print(json.dumps({"seconds": found.seconds, "megabytes": found.megabytes}))
