"""``janus remember``, as a person at a new site calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_scenes import KINDS, START, draw
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli.main import app
from januscl.core import InvalidInput, ModelVersion, NotFound
from januscl.store import Workspace

sys.path.append(str(Path(__file__).parents[1] / "store"))  # a PostgreSQL server

from store_servers import cluster, missing


def janus(*words):
    return CliRunner().invoke(app, ["remember", *map(str, words)])


@pytest.fixture(params=["sqlite", "postgresql"])
def folder(request, tmp_path, monkeypatch):
    """A workspace with a champion, on either database, as the settings say."""
    monkeypatch.setenv("JANUS_WORKSPACE", str(tmp_path / "w"))
    if request.param == "sqlite":
        fill(tmp_path / "w", None)
        yield tmp_path / "w"
        return
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with cluster() as running:
        monkeypatch.setenv("JANUS_DATABASE", running.url(running.fresh()))
        fill(tmp_path / "w", os.environ["JANUS_DATABASE"])
        yield tmp_path / "w"


def fill(folder, database):
    with Workspace.open(folder, catalogue=database) as workspace:
        weights = workspace.blobs.put(b"weights")
        workspace.catalogue.models.put(ModelVersion("m-1", weights, KINDS, None, None, START))
        workspace.catalogue.aliases.set("champion", "m-1")


def a_set(folder, number=10):
    write_coco(folder / "annotations.json", [draw(f"p{k}") for k in range(number)], KINDS)
    return folder


def test_a_set_becomes_history_and_what_was_taken_and_left_out_is_said(folder, tmp_path):
    pictures = a_set(tmp_path / "set")
    text = json.loads((pictures / "annotations.json").read_text())
    text["images"].append({"id": 99, "file_name": "gone.png"})
    (pictures / "annotations.json").write_text(json.dumps(text))
    with Workspace.open(folder, catalogue=os.environ.get("JANUS_DATABASE")) as running:
        done = janus(pictures, "--slice", "spring")
        assert done.exit_code == 0, done.exception
        told = " ".join(done.output.split())
        for words in (
            "10 pictures are history now: 2 judge, in slice spring, and 8 are replayed",
            "1 left out",
            "gone.png",
        ):
            assert words in told
        assert len(running.catalogue.slices.get("spring").items) == 2, "others see it at once"
    again = janus(pictures, "--json")
    assert again.exit_code == 0
    told = json.loads(again.stdout)
    assert (told["slice"], told["deck"], told["judging"], told["teaching"]) == (
        "spring",
        None,
        0,
        0,
    )
    assert (len(told["known"]), len(told["rejected"])) == (10, 1)
    half = json.loads(janus(a_set(pictures, 20), "--held-back", "0.5", "--json").stdout)
    assert (half["slice"], half["judging"], half["teaching"]) == ("history", 5, 5)


@pytest.mark.parametrize(
    ("words", "error", "told"),
    [
        (["nowhere"], NotFound, "does not exist"),
        ([".", "--slice", "x"], InvalidInput, "instances_"),
        (["SET", "--held-back", "1"], InvalidInput, "share that judges"),
        (["SET", "--slice", ""], InvalidInput, "name of the slice"),
    ],
)
def test_what_cannot_be_history_is_refused_with_its_reason(
    tmp_path, monkeypatch, words, error, told
):
    (tmp_path / "empty").mkdir()
    a_set(tmp_path / "set")
    monkeypatch.chdir(tmp_path / "empty")
    given = [str(tmp_path / "set") if word == "SET" else word for word in words]
    done = janus(*given, "-w", tmp_path / "w")
    assert isinstance(done.exception, error)
    assert told in str(done.exception)
    assert not (tmp_path / "w").exists() or "SET" in words


def test_a_worker_begun_after_it_no_longer_misses_the_past(tmp_path):
    pictures, folder = a_set(tmp_path / "set"), tmp_path / "w"
    fill(folder, None)
    assert janus(pictures, "-w", folder).exit_code == 0
    program = "import sys; from januscl.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "worker", "-w", folder, "--once"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "worker" in done.stdout
    assert "no labelled frames of ordinary work" not in done.stdout
