"""Models that are still to be taught, as the command line names them."""

import json

import pytest
import torch
from cli_scenes import KINDS, draw
from typer.testing import CliRunner

from januscl.annotate import read_set, write_coco
from januscl.cli.adapt import _start
from januscl.cli.main import app
from januscl.core import NotFound
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import TransformersModel, load_model, new_model

EOMT = {
    "model_type": "eomt", "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
    "image_size": 64, "patch_size": 8, "num_upscale_blocks": 1, "num_blocks": 2,
    "train_num_points": 256, "num_queries": 12, "num_register_tokens": 1,
}  # fmt: skip

RF_DETR = {
    "model_type": "rf_detr", "d_model": 32, "decoder_ffn_dim": 64, "decoder_layers": 1,
    "decoder_self_attention_heads": 2, "decoder_cross_attention_heads": 2, "decoder_n_points": 2,
    "num_queries": 16, "group_detr": 2, "intermediate_size": 64,
    "backbone_config": {
        "model_type": "rf_detr_dinov2", "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": 84, "patch_size": 12, "num_windows": 1,
        "out_features": ["stage1", "stage2"],
    },
}  # fmt: skip


def janus(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def coco(tmp_path):
    write_coco(tmp_path / "set" / "annotations.json", [draw(f"p{k}") for k in range(10)], KINDS)
    return tmp_path / "set"


@pytest.fixture
def folder(tmp_path):
    """Weights that were trained elsewhere."""
    made = TransformersModel.new(KINDS, EOMT).network.model
    made.save_pretrained(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("base", ["compact", "hf"])
def test_a_new_model_is_taught_the_kinds_of_the_set_and_of_no_other(tmp_path, coco, folder, base):
    out = tmp_path / "m.safetensors"
    named = base if base == "compact" else f"hf:{folder}"
    done = janus("train", coco, "--base", named, "--out", out, "--steps", 1, "--threads", 1)
    assert done.exit_code == 0, done.output
    model = load_model(out)
    assert model.taxonomy == KINDS
    assert isinstance(model, TransformersModel) is (base == "hf")
    judged = janus("evaluate", out, coco, "--threads", 1, "--json")
    assert judged.exit_code == 0, judged.output


def test_a_robot_is_adapted_from_weights_that_were_trained_elsewhere(tmp_path, coco, folder):
    out = tmp_path / "m.safetensors"
    done = janus("adapt", f"hf:{folder}", "--labels", coco, "--budget", "1steps", "--out", out,
                 "--threads", 1)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert load_model(out).taxonomy == KINDS


def test_a_site_that_begins_with_another_architecture_keeps_it(tmp_path, coco, folder):
    done = janus("begin", coco, "-w", tmp_path / "w", "--base", f"hf:{folder}", "--steps", 1,
                 "--threads", 1, "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    with Workspace.open(tmp_path / "w") as workspace:
        champion = Shelf(workspace).load(json.loads(done.stdout)["champion"])
    assert isinstance(champion, TransformersModel)
    assert champion.taxonomy == KINDS


def test_any_side_that_a_model_can_take_may_be_asked_for(tmp_path, coco):
    start, out = tmp_path / "start.safetensors", tmp_path / "m.safetensors"
    TransformersModel.new(KINDS, RF_DETR).save(start)
    told = ["adapt", start, "--labels", coco, "--out", out, "--budget", "1steps", "--threads", 1]
    ended = janus(*told, "--input-px", 80)
    assert "input_px: expected a multiple of 12" in str(ended.exception)
    ended = janus(*told, "--input-px", 72)
    assert ended.exit_code == 0, ended.output
    assert load_model(out).input_px == 72


def test_a_new_model_begins_with_the_weights_of_the_seed(coco):
    found = read_set(coco)
    started = _start("compact", None, found, 7).network.state_dict()
    wanted = new_model("compact", KINDS, seed=7).network.state_dict()
    assert all(torch.equal(started[name], value) for name, value in wanted.items())


def test_a_curve_that_cannot_be_drawn_is_refused_before_a_model_is_fetched(tmp_path):
    write_coco(tmp_path / "few.json", [draw(n) for n in range(3)], KINDS)
    ended = janus("adapt", f"hf:{tmp_path}", "--labels", tmp_path / "few.json",
                  "--out", tmp_path / "m.safetensors", "--curve", tmp_path / "c.svg")  # fmt: skip
    assert "4 or more pictures for a curve" in str(ended.exception)


def test_pretraining_asks_a_model_for_both_its_sides_before_anything_is_simulated(tmp_path):
    base, out = tmp_path / "base.safetensors", tmp_path / "wide.safetensors"
    TransformersModel.new(KINDS, EOMT).save(base)
    ended = janus("pretrain", "--base", base, "--size", 64, "--out", out)
    assert "side of --base: expected 64, found 192" in str(ended.exception)
    ended = janus("pretrain", "--size", 100, "--out", out)
    assert "--size: expected a multiple of 16" in str(ended.exception)
    assert "simulating" not in ended.output


@pytest.mark.parametrize("command", ["begin", "replay"])
def test_a_side_that_the_model_cannot_take_is_refused_before_the_set_is_read(
    tmp_path, coco, monkeypatch, command
):
    monkeypatch.chdir(tmp_path)
    place = ["-w", "w"] if command == "begin" else ["--out", "r"]
    ended = janus(command, coco, *place, "--input-px", 100, "--threads", 1)
    assert "--input-px: expected a multiple of 16" in str(ended.exception)


def test_a_replay_keeps_a_model_of_ones_own_at_its_side(tmp_path, monkeypatch):
    base, coco = tmp_path / "base.safetensors", tmp_path / "labels.json"
    write_coco(coco, [draw(f"p{k}") for k in range(24)], KINDS)
    TransformersModel.new(KINDS, EOMT).save(base)
    sides = []

    class Begun(Exception):
        pass

    def begin(folder, photographs, model, budget, input_px, seed, show):
        sides.append(input_px)
        raise Begun

    monkeypatch.setattr("januscl.cli.replaying.Replay", begin)
    for named in (base, "factory"):
        out = tmp_path / f"r{len(sides)}"
        ended = janus("replay", coco.parent, "--labels", coco, "--base", named, "--out", out)
        assert isinstance(ended.exception, Begun), ended.output
    assert sides == [64, None]


def test_a_name_of_no_model_is_told_with_those_that_there_are(tmp_path, coco):
    done = janus("train", coco, "--base", "yolo", "--out", tmp_path / "m.safetensors")
    assert isinstance(done.exception, NotFound)
    assert "rf-detr-seg-nano" in str(done.exception)
