import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cli_scenes import KINDS, START, draw
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli.main import app
from januscl.core import InvalidInput, NotFound
from januscl.decks import freeze_slice
from januscl.line.judging import Judge
from januscl.line.keeping import keep_labelled
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import CompactModel, Naive, Settings, fit

STEPS = Settings(steps=16, batch=2, threads=1, lr=3e-3, warmup=2, frozen_norm=False)


def janus(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A workspace whose gate judged one model on one slice, and the same models as files."""
    folder = tmp_path_factory.mktemp("judged")
    write_coco(folder / "set" / "annotations.coco.json", (draw(k) for k in range(6)), KINDS)
    first = CompactModel.new(KINDS, input_px=64)
    frames = [draw(100 + k) for k in range(8)]
    models = [fit(first, frames, [], Naive(), replace(STEPS, seed=seed)).model for seed in (0, 1)]
    with Workspace.open(folder / "workspace") as workspace:
        shelf = Shelf(workspace)
        ids = []
        for model, name in zip(models, ("champion", "challenger"), strict=True):
            model.save(folder / f"{name}.safetensors")
            parent = ids[-1] if ids else None
            ids.append(shelf.add(model, START, parent=parent, deck=None, card={}).id)
        workspace.catalogue.aliases.set("champion", ids[0])
        items = keep_labelled(workspace, (draw(k) for k in range(6)), "history")
        part = freeze_slice("ordinary work", items)
        workspace.catalogue.slices.put(part)
        verdict = Judge(workspace, shelf).verdict(ids[1], ids[0], [part], None, 0)
        workspace.catalogue.verdicts.add(ids[1], ids[0], verdict, datetime(2026, 3, 3, tzinfo=UTC))
    return folder, ids, verdict


def test_a_verdict_is_told_with_its_page(site, tmp_path):
    folder, ids, verdict = site
    page = tmp_path / "new" / "verdict.html"
    result = janus("verdict", ids[1], "-w", folder / "workspace", "--page", page, "--threads", 1)
    assert result.exit_code == {"pass": 0, "fail": 3, "inconclusive": 4}[verdict.answer]
    assert result.stdout.startswith(f"{verdict.answer}: {ids[1]} against {ids[0]}")
    text = page.read_text()
    assert "ordinary work" in text
    assert "What got worse, what got better" in text
    assert "disc" in text


def test_all_verdicts_are_listed(site):
    folder, ids, verdict = site
    rows = json.loads(janus("verdict", "-w", folder / "workspace", "--json").stdout)
    assert [(r["model"], r["champion"], r["answer"]) for r in rows] == [
        (ids[1], ids[0], verdict.answer)
    ]


def test_a_model_that_was_never_judged_has_no_verdict(site):
    folder, ids, _ = site
    result = janus("verdict", ids[0], "-w", folder / "workspace")
    assert isinstance(result.exception, NotFound)
    assert "`janus verdict` lists what it judged" in str(result.exception)


def test_a_page_is_of_one_model(tmp_path):
    result = janus("verdict", "--page", tmp_path / "verdict.html", "-w", tmp_path)
    assert isinstance(result.exception, InvalidInput)
    assert "expected a model version" in str(result.exception)


def test_two_model_files_are_compared_on_a_page(site, tmp_path):
    folder, _, _ = site
    page = tmp_path / "verdict.html"
    result = janus(
        "evaluate", folder / "challenger.safetensors", folder / "set", "--threads", 1,
        "--against", folder / "champion.safetensors", "--page", page,
    )  # fmt: skip
    assert result.exit_code in (0, 3, 4), result.output
    assert "Judging the model challenger" in page.read_text()


def test_a_page_needs_a_champion(site, tmp_path):
    folder, _, _ = site
    page = tmp_path / "verdict.html"
    result = janus("evaluate", "factory", folder / "set", "--page", page)
    assert isinstance(result.exception, InvalidInput)
    assert "--against" in str(result.exception)
    assert not page.exists()
