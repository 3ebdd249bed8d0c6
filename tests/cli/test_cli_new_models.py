"""Models that are still to be taught, as the command line names them."""

import json

import pytest
from cli_scenes import KINDS, draw
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli.main import app
from januscl.core import NotFound
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import TransformersModel, load_model

EOMT = {
    "model_type": "eomt", "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
    "image_size": 64, "patch_size": 8, "num_upscale_blocks": 1, "num_blocks": 2,
    "train_num_points": 256, "num_queries": 12, "num_register_tokens": 1,
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


def test_a_name_of_no_model_is_told_with_those_that_there_are(tmp_path, coco):
    done = janus("train", coco, "--base", "yolo", "--out", tmp_path / "m.safetensors")
    assert isinstance(done.exception, NotFound)
    assert "rf-detr-seg-nano" in str(done.exception)
