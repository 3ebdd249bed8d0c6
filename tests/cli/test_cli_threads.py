"""What a person says with --threads holds for all that torch does in the command's process."""

import pytest
import torch
from cli_scenes import KINDS, draw
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli import demonstration, factory, replaying
from januscl.cli.main import app
from januscl.core import Conflict
from januscl.train import CompactModel

ASKED = 3  # neither what a test nor what a machine with two cores has of its own


@pytest.fixture
def data(tmp_path):
    write_coco(tmp_path / "set" / "annotations.json", (draw(f"p{k:02d}") for k in range(30)), KINDS)
    CompactModel.new(KINDS, input_px=64).save(tmp_path / "m.safetensors")
    return tmp_path


def janus(*arguments):
    result = CliRunner().invoke(app, [*map(str, arguments), "--threads", str(ASKED)])
    assert torch.get_num_threads() == 1, "the command leaves the process as it was"
    return result


@pytest.fixture
def noted(monkeypatch):
    """Note torch's threads whenever one of these is called, then let it do its work, or stop."""
    threads = []

    def note(owner, name, stops=False):
        real = getattr(owner, name)

        def wrapper(*arguments, **more):
            threads.append(torch.get_num_threads())
            if stops:
                raise Conflict("far enough")
            return real(*arguments, **more)

        monkeypatch.setattr(owner, name, wrapper)
        return threads

    return note


def test_evaluate_predicts_with_the_threads_asked_for(data, noted):
    threads = noted(CompactModel, "predict")
    model = data / "m.safetensors"
    assert janus("evaluate", model, data / "set", "--against", model).exit_code in (0, 3, 4)
    assert threads == [ASKED, ASKED]


def test_train_loads_grows_and_trains_with_the_threads_asked_for(data, noted):
    threads = noted(CompactModel, "copy")  # once to grow, once to train
    out = data / "out.safetensors"
    result = janus(
        "train", data / "set", "--base", data / "m.safetensors", "--out", out, "--steps", 1
    )
    assert result.exit_code == 0, result.output
    assert threads == [ASKED] * 2


def test_making_the_factory_model_again_uses_the_threads_asked_for(noted):
    threads = noted(factory, "make_labelled", stops=True)
    assert isinstance(janus("train", "--factory").exception, Conflict)
    assert threads == [ASKED]


def test_the_demo_works_with_the_threads_asked_for(tmp_path, noted):
    threads = noted(demonstration, "SimFleet", stops=True)
    assert isinstance(janus("demo", "--out", tmp_path / "demo").exception, Conflict)
    assert threads == [ASKED]


def test_the_replay_works_with_the_threads_asked_for(data, noted):
    threads = noted(replaying.Replay, "run", stops=True)
    result = janus(
        "replay", data / "set", "--base", data / "m.safetensors", "--out", data / "replay"
    )
    assert isinstance(result.exception, Conflict)
    assert threads == [ASKED]
