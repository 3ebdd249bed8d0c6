"""`janus worker`, as a person runs it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from januscl.core import Cell, Instances, new_id
from januscl.line.intake import take_record
from januscl.store import Workspace

CELLS = """
[[cell]]
robot = "cell-7"
camera = "cam-7"
line = "line-2"
site = "Graz"

[[cell]]
robot = "bench"
camera = "cam-bench"
line = "test"
site = "Graz"
station = true
"""


def start(*words):
    program = "import sys; from januscl.cli.main import main; main()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JANUS_")}
    return subprocess.Popen(
        [sys.executable, "-c", program, "worker", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip


def sent(folder):
    """Leave one record in the inbox of a workspace; return its id."""
    record = {
        "id": new_id(), "robot": "cell-7", "camera": "cam-7", "at": "2026-05-04T12:00:00Z",
        "size": [24, 32], "model": "m-0", "image": None, "embeddings": None, "reasons": [],
        "instances": {"masks": [], "boxes": [], "scores": [], "labels": []},
    }  # fmt: skip
    with Workspace.open(folder) as workspace:
        take_record(workspace, "cell-7", record)
    return record["id"]


def test_a_worker_told_to_work_once_drains_the_inbox_and_knows_the_cells(tmp_path):
    folder, cells = tmp_path / "w", tmp_path / "cells.toml"
    cells.write_text(CELLS)
    id = sent(folder)
    done = start("-w", folder, "--once", "--cells", cells)
    out, _ = done.communicate(timeout=120)
    assert done.returncode == 0, out
    with Workspace.open(folder) as workspace:
        catalogue = workspace.catalogue
        assert catalogue.inbox.depth() == 0
        assert len(catalogue.observations.get(id).instances) == len(Instances.empty())
        assert Cell("bench", "cam-bench", "test", "Graz", True) in catalogue.cells.list()
        assert catalogue.aliases.get("champion"), "a fresh site begins with the shipped model"


def test_a_worker_ends_when_it_is_asked_to(tmp_path):
    folder = tmp_path / "w"
    sent(folder)
    running = start("-w", folder)
    with Workspace.open(folder) as workspace:
        deadline = time.monotonic() + 90
        while workspace.catalogue.inbox.depth():
            assert time.monotonic() < deadline
            assert running.poll() is None, running.stdout.read()
            time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--executor-id", "../x"], "name of the worker"),
        (["--executor", "nonsense"], "executor"),
        (["--cells", "missing.toml"], "does not exist"),
    ],
)
def test_a_worker_that_cannot_begin_says_why(tmp_path, words, told):
    done = start("-w", tmp_path / "w", "--once", *words)
    out, _ = done.communicate(timeout=120)
    assert done.returncode == 1
    assert told in " ".join(out.split())
