"""The doors of ``janus replay``: any sound picture comes in, and a run goes from end to end."""

import json
import re

import numpy as np
import pytest
from cli_scenes import KINDS, draw
from PIL import Image as Pillow
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli import replaying
from januscl.cli.main import app
from januscl.cli.photographs import read_photographs
from januscl.core import Taxonomy, decode_mask
from januscl.store import Workspace
from januscl.train import CompactModel


def stored(image, path, how):
    """Keep a picture as another camera would: deeper, grey, with alpha, lying, as JPEG."""
    if how == "deep":
        grey = image.mean(axis=2).astype(np.uint16) * 257
        Pillow.fromarray(grey).save(path, format="PNG")
    elif how == "lying":
        exif = Pillow.Exif()
        exif[0x0112] = 6
        turned = Pillow.fromarray(np.ascontiguousarray(np.rot90(image)))
        turned.save(path, format="PNG", exif=exif)
    else:
        plain = Pillow.fromarray(image)
        mode = {"grey": "L", "alpha": "RGBA"}.get(how, "RGB")
        picture = plain.quantize(64) if how == "palette" else plain.convert(mode)
        picture.save(path, format="JPEG" if how == "jpeg" else "PNG")


def write(folder, count=30):
    """Write a set in which each photograph is stored in another way and has another size."""
    names, hows = [], ["deep", "grey", "alpha", "palette", "lying", "jpeg"]
    frames = [draw(f"p{k:02d}", size=64 + 8 * (k % 4)) for k in range(count)]
    write_coco(folder / "annotations.coco.json", frames, KINDS)
    for k, frame in enumerate(frames):
        how = hows[k % 6]
        stored(frame.image, folder / "images" / f"{frame.id}.png", how)
        names.append((frame, how))
    return names


def test_sixteen_bits_grey_alpha_palettes_and_exif_rotations_are_streamed_upright(tmp_path):
    given = {frame.id: (frame, how) for frame, how in write(tmp_path)}
    photographs = read_photographs(tmp_path, None, Taxonomy(), "file", lambda *step: None)
    assert photographs.rejects == ()
    parts = (*photographs.history, *photographs.stream, *photographs.held_back)
    assert {frame.id for frame in parts} == given.keys()
    for frame in parts:
        drawn, how = given[frame.id]
        assert frame.image.shape == drawn.image.shape
        assert frame.image.dtype == np.uint8
        wanted = drawn.image.astype(float)
        if how in ("deep", "grey"):
            weights = (0.299, 0.587, 0.114) if how == "grey" else (1 / 3, 1 / 3, 1 / 3)
            wanted = (wanted @ weights)[:, :, None]
        for mask in frame.truth.masks:
            inside = decode_mask(mask)
            off = np.abs(frame.image.astype(float) - wanted)[inside].mean()
            assert off < 12, f"{frame.id}, stored {how}, lies elsewhere than its masks"


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(replaying.Budget, "steps", lambda self, share, least, most: 3)
    write(tmp_path / "set")
    (tmp_path / "set" / "images" / "p07.png").write_bytes(b"no picture")
    CompactModel.new(KINDS, input_px=64).save(tmp_path / "m.safetensors")
    return tmp_path


def replay(data, *arguments):
    told = ["replay", *arguments, "--base", data / "m.safetensors", "--out", data / "out"]
    told += ["--input-px", 64, "--threads", 1]
    result = CliRunner().invoke(app, [*map(str, told)])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.mark.slow
def test_a_folder_is_replayed_from_its_first_photograph_to_the_page_and_told_as_json(data):
    result = replay(data, data / "set", "--json")
    facts = json.loads(result.stdout)
    parts = facts["photographs"]
    assert parts["history"] + parts["stream"] + parts["held_back"] == 29
    assert [("p07.png" in line) for line in parts["rejected"]] == [True]
    assert "1 left out:" in result.stderr
    assert {"delta", "low", "high"} < facts["gain"].keys()
    page = (data / "out" / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    with Workspace.open(data / "out" / "workspace") as workspace:
        asked = workspace.catalogue.label_tasks.list()
        assert workspace.catalogue.observations.counts()["observations"] == parts["stream"]
    assert len({task.observation for task in asked}) == facts["labels"]


@pytest.mark.slow
def test_a_folder_of_pictures_is_replayed_with_labels_from_elsewhere(data):
    path = data / "set" / "annotations.coco.json"
    document = json.loads(path.read_text())
    for image in document["images"]:
        image["file_name"] = image["file_name"].removeprefix("images/")
    (data / "labels.json").write_text(json.dumps(document))
    path.unlink()
    asked = (data / "set" / "images", "--labels", data / "labels.json")
    told = " ".join(replay(data, *asked).stdout.split())
    assert re.search(r"images: \d+ photographs of history, \d+ streamed, \d+ held back", told)
    assert "Gain over the base:" in told
    assert "report.html tells it with pictures." in told
