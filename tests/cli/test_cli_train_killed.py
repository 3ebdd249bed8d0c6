"""The command itself, killed as the system kills: a training goes on, and a full disk is told."""

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_scenes import KINDS, draw

from januscl.annotate import write_coco
from januscl.train import CompactModel

JANUS = Path(sys.executable).with_name("janus")


@pytest.fixture
def site(tmp_path):
    write_coco(tmp_path / "set" / "annotations.json", (draw(k) for k in range(4)), KINDS)
    CompactModel.new(KINDS, input_px=64).save(tmp_path / "base.safetensors")
    return tmp_path


def command(site, out, steps):
    return [
        str(JANUS), "train", str(site / "set"), "--base", str(site / "base.safetensors"),
        "--out", str(site / out), "--steps", str(steps), "--threads", "1", "--json",
    ]  # fmt: skip


def run(site, out, steps):
    done = subprocess.run(command(site, out, steps), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_and_ends_with_the_model_of_an_unbroken_one(site):
    process = subprocess.Popen(
        command(site, "m.safetensors", 27), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (site / "m.checkpoint").exists():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (site / "m.safetensors").exists()
    went_on, unbroken = run(site, "m.safetensors", 27), run(site, "calm.safetensors", 27)
    assert went_on["sha256"] == unbroken["sha256"]
    assert went_on["seconds"] < unbroken["seconds"], "it did not begin again"
    assert not (site / "m.checkpoint").exists()


def test_a_training_whose_model_finds_no_room_says_so_in_one_line_and_keeps_the_old_file(site):
    (site / "m.safetensors").write_bytes(b"last year's")

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

    done = subprocess.run(
        [*command(site, "m.safetensors", 1), "--force"],
        capture_output=True, text=True, check=False, preexec_fn=little_room,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: no room to write")
    assert "Free some space and try again." in line
    assert done.stdout == ""
    assert (site / "m.safetensors").read_bytes() == b"last year's"
    assert [p.name for p in site.glob(".*")] == []
