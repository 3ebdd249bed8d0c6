import hashlib
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_scenes import KINDS, draw
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli.main import app
from januscl.core import Conflict, Instances, InvalidInput, NotFound, Taxonomy
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import CompactModel, Naive, Settings, fit

JANUS = Path(sys.executable).with_name("janus")


def janus(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A set of drawn pictures, a model that knows something of them and one that knows nothing."""
    folder = tmp_path_factory.mktemp("models")
    write_coco(folder / "set" / "annotations.coco.json", (draw(k) for k in range(12)), KINDS)
    naive = CompactModel.new(KINDS, input_px=64)
    naive.save(folder / "untrained.safetensors")
    settings = Settings(steps=16, batch=2, threads=1, lr=3e-3, warmup=2, frozen_norm=False)
    frames = [draw(100 + k) for k in range(12)]
    for name, seed in (("trained", 0), ("other", 1)):
        model = fit(naive, frames, [], Naive(), replace(settings, seed=seed)).model
        model.save(folder / f"{name}.safetensors")
    return folder


def train(site, out, *more):
    return janus(
        "train", site / "set", "--base", site / "untrained.safetensors", "--out", out,
        "--steps", 2, "--threads", 1, *more,
    )  # fmt: skip


def evaluate(*arguments):
    return janus("evaluate", *arguments, "--threads", 1)


def test_training_writes_a_model_that_loads_and_leaves_nothing_else(site, tmp_path):
    result = train(site, tmp_path / "new" / "model.safetensors", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["pictures"], facts["steps"], facts["rejected"]) == (12, 2, [])
    model = CompactModel.load(tmp_path / "new" / "model.safetensors")
    assert model.taxonomy == KINDS
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model.safetensors"]


def test_the_same_command_makes_the_same_model(site, tmp_path):
    one, two, other = (
        json.loads(train(site, tmp_path / f"{k}.safetensors", "--json", "--seed", seed).stdout)
        for k, seed in enumerate((0, 0, 1))
    )
    assert one["sha256"] == two["sha256"] != other["sha256"]


def test_a_kind_that_the_model_does_not_know_is_added_after_its_own(site, tmp_path):
    bags = Taxonomy().with_kind("bag", "soft")
    write_coco(tmp_path / "bags" / "annotations.json", (draw(k, (1, 1)) for k in range(3)), bags)
    result = janus(
        "train", tmp_path / "bags", "--base", site / "untrained.safetensors", "--steps", 1,
        "--out", tmp_path / "m.safetensors", "--history", site / "set", "--threads", 1,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Trained on 3 pictures" in result.stdout
    names = [kind.name for kind in CompactModel.load(tmp_path / "m.safetensors").taxonomy]
    assert names == ["box", "disc", "bag"]


def test_what_was_left_out_of_training_is_told(site, tmp_path):
    write_coco(tmp_path / "annotations.json", (draw(k) for k in range(4)), KINDS)
    (tmp_path / "images" / "2.png").write_bytes(b"no picture")
    result = train_on(tmp_path, site)
    assert result.exit_code == 0, result.output
    assert "Trained on 3 pictures" in result.stdout
    assert "1 left out:" in result.stderr
    assert "2.png" in result.stderr.replace("\n", "")


def test_a_set_without_a_label_is_refused_before_it_trains(site, tmp_path):
    write_coco(tmp_path / "annotations.json", (draw(k) for k in range(4)), KINDS)
    document = json.loads((tmp_path / "annotations.json").read_text())
    for entry in document["annotations"]:
        entry["category"] = entry.pop("category_id")
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    error = train_on(tmp_path, site).exception
    assert isinstance(error, InvalidInput)
    assert "at least one picture, found none" in str(error)


def train_on(data, site):
    return janus(
        "train", data, "--base", site / "untrained.safetensors", "--steps", 1, "--threads", 1,
        "--out", data / "m.safetensors",
    )  # fmt: skip


def test_training_goes_on_only_with_the_run_that_was_stopped(site, tmp_path):
    (tmp_path / "m.checkpoint").write_bytes((site / "untrained.safetensors").read_bytes())
    result = train(site, tmp_path / "m.safetensors")
    assert isinstance(result.exception, Conflict)
    assert "belongs to another run" in str(result.exception)


def test_a_model_that_is_there_is_replaced_only_when_told_so(site, tmp_path):
    out = tmp_path / "m.safetensors"
    out.write_bytes(b"last year's")
    result = train(site, out)
    assert isinstance(result.exception, Conflict)
    assert "m.safetensors exists. Name another file with --out, or replace it with --force" in str(
        result.exception
    )
    assert out.read_bytes() == b"last year's"
    assert train(site, out, "--force").exit_code == 0
    assert CompactModel.load(out).taxonomy == KINDS


@pytest.fixture
def kept(site, tmp_path):
    """A workspace with one model version, and its id."""
    with Workspace.open(tmp_path / "w") as workspace:
        model = CompactModel.load(site / "trained.safetensors")
        version = Shelf(workspace).add(
            model, datetime(2026, 3, 2, tzinfo=UTC), parent=None, deck=None, card={}
        )
        workspace.catalogue.aliases.set("champion", version.id)
    return tmp_path / "w", version.id


def test_a_model_of_a_workspace_is_scored_by_its_id_or_alias(site, kept):
    folder, id = kept
    file = json.loads(evaluate(site / "trained.safetensors", site / "set", "--json").stdout)
    for name in (id, id[:6], "champion"):
        result = evaluate(name, site / "set", "-w", folder, "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["table"] == file["table"]
    result = evaluate(id, site / "set", "-w", folder, "--against", "m-nothing")
    assert "no model begins with 'm-nothing'; `janus models list` shows" in str(result.exception)


def test_a_model_of_a_workspace_is_taken_out_as_the_file_that_it_was(site, kept, tmp_path):
    folder, id = kept
    out = tmp_path / "new" / "m.safetensors"
    result = janus("models", "export", "champion", "--out", out, "-w", folder, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["model"], facts["file"]) == (id, str(out))
    assert facts["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert out.read_bytes() == (site / "trained.safetensors").read_bytes()
    again = janus("models", "export", id, "--out", out, "-w", folder)
    assert isinstance(again.exception, Conflict)
    told = janus("models", "export", id, "--out", out, "-w", folder, "--force")
    assert told.stdout.startswith(f"Wrote {id} to ")


def test_a_model_is_scored_by_kind_and_in_all(site):
    result = evaluate(site / "trained.safetensors", site / "set", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["table"]
    assert [row["kind"] for row in rows] == [None, "box", "disc"]
    assert rows[0]["truths"] == 24
    assert 0.02 < rows[0]["ap"] <= rows[0]["ap50"]
    told = evaluate(site / "trained.safetensors", site / "set")
    assert "AP50" in told.stdout
    assert f"{100 * rows[0]['ap']:.1f}" in told.stdout


@pytest.mark.parametrize(
    ("model", "champion", "code", "word"),
    [
        ("trained", "untrained", 0, "pass"),
        ("untrained", "trained", 3, "fail"),
        ("trained", "trained", 0, "pass"),
    ],
)
def test_the_gate_decides_the_exit_code(site, model, champion, code, word):
    result = evaluate(
        site / f"{model}.safetensors", site / "set",
        "--against", site / f"{champion}.safetensors",
    )  # fmt: skip
    assert result.exit_code == code, result.output
    assert f"{word}: set: AP" in " ".join(result.stdout.split())


def test_a_difference_that_few_pictures_cannot_tell_exits_with_4(site, tmp_path):
    """On half of the pictures the truth is what one model saw, on half what the other did."""
    images = [draw(200 + k) for k in range(4)]
    frames = []
    models = [CompactModel.load(site / f"{name}.safetensors") for name in ("trained", "other")]
    for k, frame in enumerate(images):
        seen = models[k % 2].predict([frame.image])[0]
        top = seen.only(range(min(3, len(seen))))
        frames.append((frame, top))
    write_coco(
        tmp_path / "annotations.json",
        [type(f)(f.id, f.image, Instances.of_masks(t.masks, t.labels)) for f, t in frames],
        KINDS,
    )
    result = evaluate(
        site / "trained.safetensors", tmp_path,
        "--against", site / "other.safetensors", "--json",
    )  # fmt: skip
    assert result.exit_code == 4, result.output
    verdict = json.loads(result.stdout)["verdict"]
    assert verdict["answer"] == "inconclusive"
    assert "more frames in the slice would tell" in verdict["reasons"][0]


def test_a_set_without_pictures_cannot_be_scored(site, tmp_path):
    write_coco(tmp_path / "annotations.json", [draw(1)], KINDS)
    (tmp_path / "images" / "1.png").unlink()
    result = evaluate(site / "trained.safetensors", tmp_path)
    assert isinstance(result.exception, InvalidInput)
    assert "expected at least one picture, found none (1 rejected)" in str(result.exception)


def test_a_file_that_is_no_model_is_refused(site, tmp_path):
    (tmp_path / "odd.safetensors").write_bytes(b"\x00" * 64)
    result = evaluate(tmp_path / "odd.safetensors", site / "set")
    assert isinstance(result.exception, InvalidInput)
    assert "odd.safetensors: expected a safetensors file written by Janus" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("evaluate", "factory", "nowhere"), "nowhere does not exist"),
        (("evaluate", "no-model", "SET"), "model no-model does not exist"),
        (("evaluate", "factory", "SET", "--against", "no-model"), "model no-model does not exist"),
        (("train", "nowhere"), "nowhere does not exist"),
        (("train", "SET", "--history", "nowhere"), "nowhere does not exist"),
        (("train", "SET", "--base", "no-model"), "model no-model does not exist"),
        (("train", "SET", "--out", "SET"), "--out: expected a file to write, found the folder"),
        (("train", "."), "_annotations.coco.json"),
        (("replay", "nowhere"), "nowhere does not exist"),
        (("replay", "SET", "--labels", "nowhere"), "nowhere does not exist"),
        (("replay", "SET", "--base", "no-model"), "model no-model does not exist"),
        (("demo", "--day", "nowhere"), "day nowhere does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_bad_path_fails_before_anything_is_loaded(arguments, text, site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    result = janus(*(site / "set" if a == "SET" else a for a in arguments))
    assert isinstance(result.exception, (NotFound, InvalidInput)), result.output
    assert text in str(result.exception)
    assert time.monotonic() - began < 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("evaluate", "factory"), ("train",), ("replay",), ("demo", "--day")]
)
def test_a_bad_path_needs_no_torch_to_be_found(arguments, tmp_path):
    program = (
        "import sys; from januscl.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sorted({'torch', 'mujoco'} & sys.modules.keys()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments, tmp_path / "nowhere"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert "does not exist" in " ".join(result.stderr.split())
    assert result.stdout.strip() == ""
