"""From simulated scenes to a pretrained model, and from a few labels to a robot's own."""

import json

import pytest
import typer
from cli_scenes import KINDS, draw
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli.budget import Budget, read_budget
from januscl.cli.main import app
from januscl.train import CompactModel


def janus(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    file = tmp_path_factory.mktemp("labels") / "labels.json"
    write_coco(file, [draw(n) for n in range(4)], KINDS)
    return file


@pytest.mark.parametrize(
    ("text", "budget"),
    [("60s", Budget(100_000, 60.0)), ("5 min", Budget(100_000, 300.0)), ("150steps", Budget(150))],
)
def test_a_budget_is_read_as_people_write_it(text, budget):
    assert read_budget(text) == budget


@pytest.mark.parametrize("text", ["", "fast", "0s", "-5s", "1e3steps", "nan", "999999steps", "60"])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(typer.BadParameter, match="no budget such as"):
        read_budget(text)


def test_a_pretrained_model_is_adapted_to_a_robot_with_a_curve(tmp_path, labels):
    made = tmp_path / "wide.safetensors"
    ended = janus(
        "pretrain", labels, "--out", made, "--drawn", 3, "--piles", 4, "--size", 64,
        "--budget", "2steps", "--threads", 1, "--json",
    )  # fmt: skip
    assert ended.exit_code == 0, ended.output
    card = json.loads((tmp_path / "wide.json").read_text())
    assert card["steps"] == 2
    assert card["pictures"] == 3 + 4 + 4
    assert 0 <= card["mask_ap_wild"] <= 1
    assert "--drawn 3 --piles 4 --size 64 --budget 2steps --seed 0" in card["command"]
    model = CompactModel.load(made)
    assert model.input_px == 192
    assert {"box", "thing"} <= {kind.name for kind in model.taxonomy}

    own, curve = tmp_path / "own.safetensors", tmp_path / "curve.svg"
    ended = janus(
        "adapt", made, "--labels", labels, "--budget", "1steps", "--out", own, "--curve", curve,
        "--threads", 1, "--json",
    )  # fmt: skip
    assert ended.exit_code == 0, ended.output
    assert [point["pictures"] for point in json.loads(ended.stdout)["curve"]] == [0, 1, 2, 3]
    assert CompactModel.load(own).taxonomy == KINDS
    assert curve.read_text().startswith("<svg")
    assert "exists" in str(janus("adapt", made, "--labels", labels, "--out", own).exception)


def test_a_pretraining_from_nothing_is_refused(tmp_path):
    ended = janus("pretrain", "--drawn", 0, "--piles", 0, "--out", tmp_path / "x.safetensors")
    assert ended.exit_code == 2


def test_a_model_that_is_not_there_is_named(tmp_path, labels):
    ended = janus("adapt", tmp_path / "no.safetensors", "--labels", labels)
    assert "no.safetensors does not exist" in str(ended.exception)
