"""`janus serve`, `janus token` and `janus config`, as a person runs them."""

import json
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
from typer.testing import CliRunner

from januscl.cli.main import app
from januscl.core import Instances, new_id
from januscl.store import Workspace

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    import os

    for name in os.environ:
        if name.startswith("JANUS_"):
            monkeypatch.delenv(name)
    return tmp_path / "w"


def janus(*words):
    done = RUN.invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_first_token_is_made_by_the_command_shown_once_and_kept_as_a_hash(folder):
    line = ("token", "create", "cell 7", "--role", "robot", "--robot", "robot-7", "-w", folder)
    out = janus(*line)
    secret = out.splitlines()[0]
    assert re.fullmatch(r"janus_[0-9a-f]{32}_[A-Za-z0-9_-]{43}", secret)
    assert "public key" in out
    for path in folder.rglob("*"):
        assert path.is_dir() or secret[-43:].encode() not in path.read_bytes()
    (row,) = json.loads(janus("token", "list", "-w", folder, "--json"))
    assert (row["name"], row["role"], row["robot"]) == ("cell 7", "robot", "robot-7")
    assert "Revoked" in janus("token", "revoke", row["id"][:13], "-w", folder)
    (row,) = json.loads(janus("token", "list", "-w", folder, "--json"))
    assert row["revoked"] is not None


def test_a_token_that_makes_no_sense_is_not_made(folder):
    for line in (("--role", "robot"), ("--role", "admin", "--robot", "r"), ("--role", "king")):
        assert RUN.invoke(app, ["token", "create", "x", *line, "-w", str(folder)]).exit_code != 0
    king = RUN.invoke(app, ["token", "create", "x", "--role", "king", "-w", str(folder)])
    said = " ".join(king.stderr.replace("│", " ").split())
    assert "'king' is not one of robot, annotator, operator, admin" in said
    assert "Value error" not in said
    assert "No tokens" in janus("token", "list", "-w", folder)


def test_config_shows_every_setting_with_its_source_and_no_secret(folder, monkeypatch):
    monkeypatch.setenv("JANUS_DATABASE", "postgresql+psycopg://janus:hunter2@db/janus")
    out = janus("config", "-w", folder, "--port", "9000", "--no-worker", "--json")
    assert "hunter2" not in out
    shown = json.loads(out)
    assert shown["port"] == {"value": "9000", "source": "option"}
    assert shown["worker"] == {"value": "False", "source": "option"}
    assert shown["database"]["source"] == "JANUS_DATABASE"
    assert shown["executor"] == {"value": "local", "source": "default"}
    assert shown["policy.frames"] == {"value": "60", "source": "default"}
    assert "hunter2" not in janus("config")


def free_port():
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


def wait_for(ready):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.05)
    raise AssertionError("it did not happen within 30 s")


def test_a_service_takes_an_observation_in_drains_it_and_stops_when_it_is_asked_to(folder):
    secret = janus(
        "token", "create", "x", "--role", "robot", "--robot", "robot-7", "-w", folder
    ).splitlines()[0]
    port = free_port()
    program = "import sys; from januscl.cli.main import main; main()"
    line = [sys.executable, "-c", program, "serve", "-w", folder, "--port", str(port)]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: httpx.get(f"{address}/ready").status_code == 200)
        record = {
            "id": new_id(), "robot": "robot-7", "camera": "cam-7", "at": "2026-05-04T12:00:00Z",
            "size": [24, 32], "model": "m-0", "image": None, "embeddings": None, "reasons": [],
            "instances": {"masks": [], "boxes": [], "scores": [], "labels": []},
        }  # fmt: skip
        answer = httpx.post(
            f"{address}/api/v1/observations",
            json=record,
            headers={"Authorization": f"Bearer {secret}"},
        )
        assert answer.json() == {"accepted": [record["id"]], "rejected": []}
        assert httpx.get(f"{address}/api/v1/tickets").status_code == 401
        wait_for(lambda: "janus_inbox_depth 0.0" in httpx.get(f"{address}/metrics").text)
    finally:
        server.send_signal(signal.SIGTERM)
        out, _ = server.communicate(timeout=30)
    lines = [json.loads(line) for line in out.splitlines()]
    assert any(line.get("route") == "/api/v1/observations" for line in lines)
    assert secret[-43:] not in out
    with Workspace.open(folder) as workspace:
        row = workspace.catalogue.observations.get(record["id"])
        assert len(row.instances) == len(Instances.empty())
