"""What the tests of remote engines share: work to do, and a Ray cluster of their own."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import httpx

WORK = """
import os, signal, sys, time
from pathlib import Path
from januscl.compute import keep, kept, on_every_worker, report_progress

def count(path, value):
    with open(path, "a") as file:
        file.write("ran\\n")
    return value

def steps(count):
    for step in range(count):
        report_progress(step=step)
    return count

def broken(path):
    if not Path(path).exists():
        Path(path).touch()
        print("about to divide", file=sys.stderr)
        raise ZeroDivisionError("first time")
    return "mended"

def until(path, runs):
    with open(runs, "a") as file:
        file.write("ran\\n")
    report_progress(at="gate")
    deadline = time.monotonic() + 60
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return "gone through"

def killed(path):
    if not Path(path).exists():
        Path(path).touch()
        print("using all memory", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"

@on_every_worker
def learn(mark):
    # With whoever else there is; the second dies at step 3 of the first attempt.
    import hashlib
    import numpy as np
    import torch
    import torch.distributed as dist
    from januscl.core import Instances, LabelledFrame, Taxonomy, masks_of
    from januscl.train import Checkpoint, CompactModel, Naive, Settings, fit, team

    ids = np.zeros((64, 64), np.int32)
    ids[16:40, 20:44] = 1
    truth = Instances.of_masks(masks_of(ids, 1), [1])
    pictures = [np.where(ids[..., None] > 0, 40 * k, 90) for k in range(1, 5)]
    frames = [
        LabelledFrame(f"f-{k}", np.repeat(image.astype(np.uint8), 3, axis=2), truth)
        for k, image in enumerate(pictures)
    ]
    crew, path = team(), Path(mark).with_name(f"checkpoint-{team().rank}")
    earlier = kept("run")
    if earlier is not None:
        path.write_bytes(earlier)
    first = not Path(mark).exists()

    def told(done, steps, loss):
        report_progress(step=done)
        if first and done == 3 and crew.rank == 1:
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    report = fit(
        CompactModel.new(Taxonomy().with_kind("box", "box"), input_px=64), frames, [], Naive(),
        Settings(steps=4, batch=2, threads=1), None,
        Checkpoint(path, 1, lambda path: keep("run", path.read_bytes())), told,
    )
    weights = [t.numpy().tobytes() for t in report.model.network.state_dict().values()]
    digest = hashlib.sha256(b"".join(weights)).digest()
    mine = torch.frombuffer(bytearray(digest), dtype=torch.uint8)
    all_of = [torch.zeros_like(mine) for _ in range(crew.size)]
    dist.all_gather(all_of, mine)
    same = all(torch.equal(mine, other) for other in all_of)
    backend = dist.get_backend()
    return {"size": crew.size, "same": same, "backend": backend, "resumed": report.resumed_at}

@on_every_worker
def torn():
    import torch.distributed as dist

    if dist.get_rank() == 1:
        raise ZeroDivisionError("the second worker's own")
    dist.barrier()

def halting(path):
    again = Path(path).exists()
    report_progress(run=2 if again else 1)
    if not again:
        Path(path).touch()
        time.sleep(1.5)  # what was told a second ago is safe
        os.kill(os.getpid(), signal.SIGKILL)
    return 2
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def ray_cluster(work, token):
    """Give the address of a Ray head of its own that wants a token; nothing of it is left."""
    folder = Path(mkdtemp(prefix="janus-ray-", dir="/tmp"))  # a socket's path must be short
    binaries = Path(sys.executable).parent
    port, dashboard = free_port(), free_port()
    environment = {
        **os.environ,
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "PYTHONPATH": str(work),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
        # What Ray starts is known by it, whoever its parent is by then.
        "JANUS_TEST_CLUSTER": folder.name,
    }
    environment.pop("RAY_ADDRESS", None)
    start = [
        binaries / "ray", "start", "--head", "--block", f"--port={port}", "--num-cpus=1",
        "--object-store-memory=80000000", "--node-ip-address=127.0.0.1",
        f"--dashboard-port={dashboard}", f"--temp-dir={folder}", "--disable-usage-stats",
        "--no-monitor",  # nothing here grows or shrinks
    ]  # fmt: skip
    address = f"http://127.0.0.1:{dashboard}"
    log = folder.with_suffix(".log")
    try:
        with log.open("wb") as output:
            head = subprocess.Popen(
                start, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=end_with_parent,
            )  # fmt: skip
        try:
            answering(address, token, head, log)
            yield address
        finally:
            # Nothing of it is wanted any more, and to end in good order takes it ten seconds.
            head.kill()
            head.wait(60)
    finally:
        left = end_what_is_left(folder)
        shutil.rmtree(folder, ignore_errors=True)
        log.unlink()
        assert not left, f"Ray left {left} behind"


def end_with_parent():
    """Let the kernel end Ray when the tests are killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def end_what_is_left(folder):
    """Kill what still runs of a cluster, and return what could not be ended."""
    deadline = time.monotonic() + 20
    while (left := started_in(folder)) and time.monotonic() < deadline:
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.2)
    return left


def started_in(folder):
    """Return the processes that bear the cluster's mark or hold a file in its folder open."""
    mark = f"JANUS_TEST_CLUSTER={folder.name}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            opened = [os.readlink(handle) for handle in (process / "fd").iterdir()]
            marked = mark in (process / "environ").read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        if marked or any(path.startswith(f"{folder}/") for path in opened):
            found.append(int(process.name))
    return found


def answering(address, token, head, log):
    deadline = time.monotonic() + 120
    headers = {"Authorization": f"Bearer {token}"}
    while True:
        try:
            if httpx.get(f"{address}/api/jobs/", headers=headers, timeout=10).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        assert head.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def wait_for(path, seconds=60):
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size):
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)
    return path
