"""A real server in a process of its own, for tests of what happens on the wire."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx

from januscl.line.access import create_token
from januscl.store import Role, Workspace

PROGRAM = "from januscl.cli.main import main; main()"
SETTINGS = {"JANUS_MIN_FREE_BYTES": "0", "JANUS_BURST": "1000000", "JANUS_LOG_LEVEL": "error"}


class Served:
    """A server's address, its process, and tokens of an operator and of some robots."""

    def __init__(self, folder, port, process, tokens):
        self.folder, self.port, self.process, self.tokens = folder, port, process, tokens
        self.address = f"http://127.0.0.1:{port}"

    def headers(self, who="operator"):
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def stop(self):
        """Stop it as an operator would, and return how long that took, seconds."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        return time.monotonic() - start


def make_tokens(folder, robots):
    with Workspace.open(folder) as workspace:
        catalogue = workspace.catalogue
        made = {"operator": create_token(catalogue, "operator", Role.OPERATOR)[0]}
        for robot in robots:
            made[robot] = create_token(catalogue, robot, Role.ROBOT, robot)[0]
    return made


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


@contextmanager
def served(folder, robots=(), **settings):
    """Give a running server over a workspace, with a worker."""
    tokens, port = make_tokens(folder, robots), free_port()
    line = [sys.executable, "-c", PROGRAM, "serve", "-w", str(folder), "--port", str(port)]
    given = {f"JANUS_{name.upper()}": str(value) for name, value in settings.items()}
    process = subprocess.Popen(line, env={**os.environ, **SETTINGS, **given})
    try:
        until = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health")
                break
            except httpx.TransportError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.05)
        yield Served(folder, port, process, tokens)
    finally:
        process.kill()
        process.wait()
