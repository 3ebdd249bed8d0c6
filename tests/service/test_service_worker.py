"""The worker of a real server: in a process of its own, begun again, and gone with its server."""

import os
import signal
import time
from pathlib import Path

import httpx
import intake_scenes as scenes
from served import served

from januscl.core.message import MEDIA_TYPE


def workers(server):
    """Return the ids of the processes that drain the inbox of a server."""
    found = []
    for thread in Path(f"/proc/{server.process.pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def eventually(true, seconds=20):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def send(server, numbers):
    message, _ = scenes.batch(numbers)
    headers = {**server.headers("robot-1"), "Content-Type": MEDIA_TYPE}
    address = f"{server.address}/api/v1/observations"
    httpx.post(address, content=message, headers=headers).raise_for_status()


def told(server, line):
    return line in httpx.get(f"{server.address}/metrics").text


def test_a_worker_that_is_killed_is_begun_again_and_its_server_goes_on(tmp_path):
    with served(tmp_path / "w", ["robot-1"], drain_seconds=0.05) as server:
        send(server, range(3))
        eventually(lambda: told(server, 'janus_drained_total{what="observations"} 3.0'))
        (first,) = workers(server)
        os.kill(first, signal.SIGKILL)
        send(server, range(3, 8))
        eventually(lambda: told(server, 'janus_drained_total{what="observations"} 8.0'))
        (second,) = workers(server)
        assert second != first
        assert server.stop() < 10
        assert not alive(second)


def test_a_worker_ends_when_its_server_was_killed(tmp_path):
    with served(tmp_path / "w") as server:
        eventually(lambda: workers(server))
        (worker,) = workers(server)
        server.process.kill()
        eventually(lambda: not alive(worker))
