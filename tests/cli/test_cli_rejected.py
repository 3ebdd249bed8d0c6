"""What of a set cannot be used is told, in numbers and reasons, by every command that reads one."""

import json
import re

import pytest
from cli_scenes import KINDS, draw
from typer.testing import CliRunner

from januscl.annotate import Reject, write_coco
from januscl.cli.main import app
from januscl.cli.output import errors
from januscl.cli.photographs import read_photographs
from januscl.cli.rejected import tell_rejects
from januscl.core import InvalidInput, Taxonomy
from januscl.train import CompactModel


def janus(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments), "--threads", "1"])


@pytest.fixture
def data(tmp_path):
    """Six pictures, of which four are gone and one is damaged."""
    write_coco(tmp_path / "set" / "annotations.json", (draw(f"p{k}") for k in range(6)), KINDS)
    for k in range(4):
        (tmp_path / "set" / "images" / f"p{k}.png").unlink()
    (tmp_path / "set" / "images" / "p4.png").write_bytes(b"no picture")
    CompactModel.new(KINDS, input_px=64).save(tmp_path / "m.safetensors")
    return tmp_path


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize("json_too", [True, False])
def test_evaluate_tells_what_it_left_out(data, json_too):
    more = ["--json"] if json_too else []
    result = janus("evaluate", data / "m.safetensors", data / "set", *more)
    assert result.exit_code == 0, result.output
    assert "5 left out:" in result.stderr
    assert "images/p0.png is neither at" in flat(result.stderr)
    assert "and 2 more" in result.stderr
    assert "left out" not in result.stdout
    if json_too:
        rejected = json.loads(result.stdout)["rejected"]
        assert len(rejected) == 5
        assert "p4.png" in rejected[4]


def test_nothing_is_said_of_rejects_where_there_are_none(data):
    write_coco(data / "good" / "annotations.json", [draw("x")], KINDS)
    result = janus("evaluate", data / "m.safetensors", data / "good", "--json")
    assert result.stderr == ""
    assert json.loads(result.stdout)["rejected"] == []


def test_training_tells_what_it_left_out_of_history_as_well(data):
    write_coco(data / "new" / "annotations.json", [draw("x"), draw("y")], KINDS)
    (data / "new" / "images" / "y.png").unlink()
    result = janus(
        "train", data / "new", "--history", data / "set", "--base", data / "m.safetensors",
        "--steps", 1, "--out", data / "out.safetensors", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "6 left out:" in result.stderr
    rejected = json.loads(result.stdout)["rejected"]
    assert len(rejected) == 6
    assert [("/new/" in line, "/set/" in line) for line in rejected] == [
        (True, False),
        *[(False, True)] * 5,
    ]


def test_a_set_of_which_nothing_is_left_stops_with_the_first_reasons(data):
    (data / "set" / "images" / "p5.png").unlink()
    for command in (
        ("evaluate", data / "m.safetensors", data / "set"),
        ("train", data / "set", "--base", data / "m.safetensors", "--out", data / "o.safetensors"),
    ):
        error = janus(*command).exception
        assert isinstance(error, InvalidInput)
        assert "expected at least one picture, found none (6 rejected)" in str(error)
        assert [f"p{k}.png is neither" in str(error) for k in range(4)] == [True] * 3 + [False]
        assert str(error).endswith("And 3 more.")


def read(data):
    return read_photographs(data, None, Taxonomy(), "file", lambda done, total, text: None)


def test_a_replay_of_too_few_pictures_stops_with_the_first_reasons(data):
    with pytest.raises(InvalidInput, match=r"found 1 \(5 rejected\)\. .*p0.png is neither at"):
        read(data / "set")


def test_a_replay_tells_of_pictures_without_labels_and_of_copies(tmp_path, capsys):
    names = [f"p{k:02d}.rf.{c}" for k in range(20) for c in ("aa", "bb")]
    frames = [draw(name) for name in names] + [draw("bare", ())]
    write_coco(tmp_path / "annotations.json", frames, KINDS)
    photographs = read(tmp_path)
    told = flat(capsys.readouterr().err)
    assert "1 left out:" in told
    # A long path may be broken between any two letters.
    assert "bare.png:nothinginitislabelled" in told.replace(" ", "")
    assert len(photographs.rejects) == 1
    streamed = len(photographs.stream)
    assert len(photographs.copies) == streamed
    assert re.search(rf"{streamed} not streamed, as copies of photographs that are used: p\d", told)


def test_photographs_of_two_cameras_that_number_alike_are_all_used(tmp_path, capsys):
    frames = [draw(f"cam{c}/{k:04d}") for c in (1, 2) for k in range(20)]
    write_coco(tmp_path / "annotations.json", frames, KINDS)
    photographs = read(tmp_path)
    parts = (photographs.history, photographs.stream, photographs.held_back)
    assert sum(map(len, parts)) == 40
    assert photographs.copies == ()
    assert capsys.readouterr().err == ""


def test_where_there_is_no_terminal_a_path_is_not_broken(capsys, monkeypatch):
    monkeypatch.setattr(errors, "_width", None)  # COLUMNS may have told it one
    path = f"{'a folder/' * 20}p.png"
    tell_rejects([Reject(path, "nothing in it is labelled")])
    told = capsys.readouterr().err.splitlines()
    assert told == ["1 left out:", f"  {path}: nothing in it is labelled"]
