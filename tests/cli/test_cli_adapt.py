"""From simulated scenes to a pretrained model, and from a few labels to a robot's own."""

import json

import pytest
import typer
from cli_scenes import KINDS, draw
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli.budget import Budget, read_budget
from januscl.cli.main import app
from januscl.core import Conflict
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
    points = json.loads(ended.stdout)["curve"]
    assert [point["pictures"] for point in points] == [0, 1, 2, 3]
    assert all(0 <= point["low"] <= point["high"] <= 1 for point in points)
    assert CompactModel.load(own).taxonomy == KINDS
    assert "Judged by 1 picture kept apart" in curve.read_text()
    assert "exists" in str(janus("adapt", made, "--labels", labels, "--out", own).exception)


@pytest.mark.parametrize(("size", "asked", "taken"), [(64, [], 192), (500, [], 384),
                                                      (500, ["--input-px", 64], 64)])  # fmt: skip
def test_the_shipped_model_is_fitted_to_the_size_of_a_robots_objects(tmp_path, size, asked, taken):
    labels, own = tmp_path / "labels.json", tmp_path / "own.safetensors"
    write_coco(labels, [draw(n, size=size) for n in range(2)], KINDS)
    ended = janus(
        "adapt", "universal", "--labels", labels, "--out", own, "--budget", "1steps",
        "--threads", 1, "--json", *asked,
    )  # fmt: skip
    assert json.loads(ended.stdout)["input_px"] == taken
    assert CompactModel.load(own).input_px == taken


def test_a_models_own_size_is_kept_when_it_is_adapted(tmp_path, labels):
    start, own = tmp_path / "start.safetensors", tmp_path / "own.safetensors"
    CompactModel.new(KINDS, input_px=64).save(start)
    ended = janus(
        "adapt", start, "--labels", labels, "--out", own, "--budget", "1steps", "--threads", 1
    )
    assert "in 1 steps at 64 px" in ended.output
    assert CompactModel.load(own).input_px == 64


def test_a_pretraining_from_nothing_is_refused(tmp_path):
    ended = janus("pretrain", "--drawn", 0, "--piles", 0, "--out", tmp_path / "x.safetensors")
    assert ended.exit_code == 2


def cut_short(labels):
    for picture in labels.parent.rglob("*.png"):
        picture.write_bytes(picture.read_bytes()[:-40])


def unlabelled(labels):
    write_coco(labels, [draw(0, kinds=())], KINDS)


@pytest.mark.parametrize(
    ("spoil", "told"), [(cut_short, "damaged"), (unlabelled, "at least one picture with a label")]
)
def test_a_real_set_is_read_before_anything_is_simulated(tmp_path, spoil, told):
    labels = tmp_path / "labels.json"
    write_coco(labels, [draw(n) for n in range(2)], KINDS)
    spoil(labels)
    ended = janus("pretrain", labels, "--drawn", 1, "--piles", 0, "--out", tmp_path / "w.st")
    assert told in str(ended.exception)
    assert "simulating" not in ended.output


def test_a_model_that_is_not_there_is_named(tmp_path, labels):
    ended = janus("adapt", tmp_path / "no.safetensors", "--labels", labels)
    assert "no.safetensors does not exist" in str(ended.exception)


@pytest.mark.parametrize("name", ["robot.checkpoint", "robot.json"])
@pytest.mark.parametrize("command", ["train", "adapt", "pretrain"])
def test_a_model_is_never_called_like_what_a_run_leaves_beside_it(tmp_path, labels, command, name):
    given = {"train": [labels], "adapt": ["universal", "--labels", labels], "pretrain": []}
    ended = janus(command, *given[command], "--out", tmp_path / name)
    assert "expected the name of a model's file" in str(ended.exception)


def test_a_set_that_has_the_cards_name_is_not_overwritten(tmp_path, labels):
    mine = tmp_path / "mine.json"
    mine.write_bytes(labels.read_bytes())
    ended = janus("pretrain", labels, "--out", mine.with_suffix(".safetensors"))
    assert isinstance(ended.exception, Conflict)
    assert mine.read_bytes() == labels.read_bytes()


def test_pretraining_starts_from_a_model_of_the_base_kinds(tmp_path, labels):
    base, out = tmp_path / "own.safetensors", tmp_path / "wide.safetensors"
    CompactModel.new(KINDS, input_px=64).save(base)
    ended = janus("pretrain", labels, "--base", base, "--piles", 0, "--out", out)
    assert "--base: expected a model of the base kinds, found one without" in str(ended.exception)
    assert not out.exists()


def test_a_curve_is_refused_before_anything_is_trained(tmp_path, labels):
    few, own = tmp_path / "few.json", tmp_path / "own.safetensors"
    write_coco(few, [draw(n) for n in range(3)], KINDS)
    told = ["adapt", "universal", "--out", own, "--budget", "1steps", "--threads", 1]
    ended = janus(*told, "--labels", few, "--curve", tmp_path / "curve.svg")
    assert "4 or more pictures for a curve" in str(ended.exception)
    ended = janus(*told, "--labels", labels, "--curve", own)
    assert "--curve: expected another file than the model's" in str(ended.exception)
    ended = janus(*told, "--labels", labels, "--curve", tmp_path)
    assert "--curve: expected a file to write" in str(ended.exception)
    assert not own.exists()
