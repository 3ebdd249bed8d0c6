"""Every block of docs/service.md runs as it stands, in an empty folder, from nothing to watched."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

sys.path.append(str(Path(__file__).parents[1] / "cli"))  # drawn pictures

from cli_scenes import KINDS, draw

from januscl.annotate import write_coco
from januscl.store import Workspace

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def block(language, words):
    (found,) = [text for said, text in BLOCKS if said == language and words in text]
    return found


class Newcomer:
    """Types what the page says into one shell, in one folder."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.told = {name: value for name, value in os.environ.items() if name[:6] != "JANUS_"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.told |= {"PATH": path, "JANUS_PORT": str(port), "COLUMNS": ""}

    def types(self, text, seconds=120):
        """Run a block; what it exports stays. Return what it prints."""
        script = f"set -e\n{text.replace('8321', str(self.port))}\nenv -0 > .environment"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.told, timeout=seconds,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        pairs = (self.folder / ".environment").read_text().split("\0")
        self.told = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        return done.stdout

    def unwatched(self):
        """Return how many observations the status says nobody watched."""
        told = json.loads(self.types("janus status --workspace my-site --json"))
        return told["waiting"]["observations"]

    def runs(self, *blocks):
        """Run blocks of Python as one program."""
        program = "\n".join(blocks).replace("8321", str(self.port))
        (self.folder / "robot.py").write_text(program)
        return self.types("python robot.py")

    @contextmanager
    def leaves_running(self, text):
        """Run a command in another shell until the end of the block."""
        words = text.split("#")[0].split()
        with subprocess.Popen(
            words, cwd=self.folder, env=self.told, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=60)


def until(holds, seconds=120):
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.2)


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200
    except httpx.HTTPError:
        return False


def test_whoever_follows_the_page_comes_from_an_empty_folder_to_a_watched_robot(tmp_path):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    me = Newcomer(tmp_path, port)
    pictures = [draw(f"p{k}") for k in range(10)]
    write_coco(tmp_path / "path" / "to" / "coco" / "annotations.json", pictures, KINDS)
    # For want of time: the page has it train for some minutes.
    begin = block("sh", "janus begin").replace("my-site", "my-site --steps 2 --threads 1")
    with me.leaves_running(block("sh", "janus serve")):
        until(lambda: answers(port))
        me.types(block("sh", 'janus token create "cell 7"'))
        said = me.types(block("sh", "019aaaaa-0000-7000-8000-000000000001"))
        assert said.split() == block("json", "accepted").split()
        batch, agent = block("python", "encode_batch("), block("python", "agent.report(")
        assert "'rejected': []" in me.runs(batch, agent)
        until(lambda: "3 observations" in me.types("janus status --workspace my-site"))
        assert "for no robot is named" in me.types("janus status --workspace my-site")
        assert "is champion" in me.types(begin)
        assert "disc" in me.types(block("sh", "janus kinds list"))
        assert "Nothing is new" in me.types(block("sh", "janus remember"))
        me.runs(batch, agent, block("python", "ModelSlot("))
        stream = block("sh", "curl -N").replace("curl -N", "timeout 2 curl -sN")
        assert ": from here on" in me.types(f"{stream.rstrip()} || test $? = 124")
        (tmp_path / "cells.toml").write_text(block("toml", "[[cell]]"))
        (tmp_path / "janus.toml").write_text(block("toml", "[policy]"))
        me.types("export JANUS_CONFIG=janus.toml; janus config")
        until(lambda: me.unwatched() == 6)
        with me.leaves_running(block("sh", "janus worker")):
            until(lambda: me.unwatched() == 4)  # for the others no pick was reported
    with Workspace.open(tmp_path / "my-site") as workspace:
        models = {row.model for row in workspace.catalogue.observations.list()}
        champion = workspace.catalogue.aliases.get("champion")
    assert champion in models, "the robot ran what the service trained"
