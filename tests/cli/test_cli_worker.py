"""`janus worker`, as a person runs it."""

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from januscl.core import Cell, Instances, new_id
from januscl.line.intake import take_batch, take_record
from januscl.line.wanting import RULE
from januscl.store import HealthMinute, Workspace

sys.path.append(str(Path(__file__).parents[1] / "line"))  # the scenes of what robots send

import intake_scenes as scenes

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


def start(*words, stdout=subprocess.PIPE, **settings):
    program = "import sys; from januscl.cli.main import main; main()"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JANUS_")}
    environment |= {f"JANUS_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-c", program, "worker", *map(str, words)],
        stdout=stdout, stderr=subprocess.STDOUT, text=True, env=environment,
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


def watched(folder):
    """Return the ids of the observations that were watched."""
    with closing(sqlite3.connect(folder / "workflows.db")) as connection:
        return [id for (id,) in connection.execute("SELECT observation FROM januscl_watched")]


def test_a_worker_told_to_work_once_drains_the_inbox_and_knows_the_cells(tmp_path):
    folder, cells = tmp_path / "w", tmp_path / "cells.toml"
    cells.write_text(CELLS)
    id = sent(folder)
    done = start("-w", folder, "--once", "--cells", cells)
    out, _ = done.communicate(timeout=120)
    assert done.returncode == 0, out
    lines = [json.loads(line) for line in out.splitlines()]
    (taken,) = [line for line in lines if line["event"].startswith("taken in: 1 observations")]
    assert (taken["observations"], taken["watched"], taken["level"]) == (1, 1, "info")
    with Workspace.open(folder) as workspace:
        catalogue = workspace.catalogue
        assert catalogue.inbox.depth() == 0
        assert len(catalogue.observations.get(id).instances) == len(Instances.empty())
        assert Cell("bench", "cam-bench", "test", "Graz", True) in catalogue.cells.list()
        assert catalogue.aliases.get("champion"), "a fresh site begins with the shipped model"


@pytest.mark.parametrize("as_json", [False, True])
def test_on_a_terminal_a_worker_says_in_plain_lines_what_it_does(tmp_path, as_json):
    folder = tmp_path / "w"
    sent(folder)
    ours, theirs = pty.openpty()
    words = ["-w", folder, "--once", *(["--json"] if as_json else [])]
    running = start(*words, stdout=theirs, executor_id="night-shift")
    os.close(theirs)
    said = b""
    with suppress(OSError):  # the last of it was read
        while some := os.read(ours, 65536):
            said += some
    os.close(ours)
    assert running.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", said.decode())
    lines = " ".join(text.split())
    for told in ("worker night-shift", "no labelled frames of ordinary work", "taken in: 1"):
        assert told in lines
    assert ('{"' in text) == as_json
    if not as_json:
        assert re.match(r"\d\d:\d\d:\d\d worker night-shift on ", text)


def test_without_cells_nothing_is_used_up_and_a_worker_says_once_what_is_missing(tmp_path):
    folder, cells = tmp_path / "w", tmp_path / "cells.toml"
    cells.write_text(CELLS)
    sent(folder)
    told, _ = start("-w", folder, "--once").communicate(timeout=120)
    lines = [json.loads(line) for line in told.splitlines()]
    warned = [line for line in lines if "no cells are known" in line["event"]]
    assert [line["level"] for line in warned] == ["warning"]
    taken = [line for line in lines if line["event"].startswith("taken in: 1 observations")]
    assert [line.get("watched", 0) for line in taken] == [0], "kept, and not watched"
    running = start("-w", folder)
    try:
        while "no cells are known" not in (line := running.stdout.readline()):
            assert line, "it ended"
        # Another shell names them while this one runs.
        other = start("-w", folder, "--once", "--cells", cells, executor_id="other")
        other.communicate(timeout=120)
        while '"watched": 1' not in (line := running.stdout.readline()):
            assert line, "it waited, and is watched now"
    finally:
        running.send_signal(signal.SIGTERM)
        told, _ = running.communicate(timeout=60)
    assert "no cells are known" not in told, "once is enough"


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


def test_a_worker_forgets_old_pictures_and_readings_where_no_service_does(tmp_path):
    folder = tmp_path / "w"
    message, records = scenes.batch(range(3))
    with Workspace.open(folder) as workspace:
        take_batch(workspace, "robot-1", message, 10)
        workspace.catalogue.pins.add([records[1]["id"]], RULE)
        health = workspace.catalogue.camera_health
        health.add([HealthMinute("cam-robot-1", scenes.NOON, 1, 0, {})])
        running = start("-w", folder, tend_seconds=0.2, keep_days=0.0001, keep_health_days=0.0001)
        observations, deadline = workspace.catalogue.observations, time.monotonic() + 90
        try:
            while [observations.counts()[name] for name in ("observations", "pictures")] != [3, 1]:
                assert time.monotonic() < deadline, "it took too long"
                time.sleep(0.1)
        finally:
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=60)
        assert observations.get(records[1]["id"]).image is not None, "it is under a rule"
        assert health.last() is None


@pytest.mark.parametrize(
    ("words", "settings", "told"),
    [
        (["--executor-id", "../x"], {}, "name of the worker"),
        ([], {"executor": "nonsense"}, "executor"),
        (["--cells", "missing.toml"], {}, "does not exist"),
        (["--picks-a-day", "-1"], {}, "picks_a_day"),
        ([], {"policy": '{"frame": 30}'}, "policy.frame"),
    ],
)
def test_a_worker_that_cannot_begin_says_why(tmp_path, words, settings, told):
    done = start("-w", tmp_path / "w", "--once", *words, **settings)
    out, _ = done.communicate(timeout=120)
    assert done.returncode == 1
    assert told in " ".join(out.split())
