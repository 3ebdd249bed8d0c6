"""``janus demo`` from its first tick to its page, on a day short enough for a test."""

import json
from types import SimpleNamespace

import pytest
import torch
from typer.testing import CliRunner

from januscl.cli import demonstration
from januscl.cli.demonstration import Demonstration
from januscl.cli.main import app
from januscl.core import Answer
from januscl.core.wire import instances_from_json
from januscl.decks import Recipe, build_deck
from januscl.line.keeping import load_labelled
from januscl.sim import BASE_TAXONOMY, day_from_text
from januscl.store import Workspace

DAY = """
site: yard
start: 2026-05-04T06:00:00Z
ticks: 6
seconds_per_tick: 60
lines: [one, two, test]
cells:
  - {robot: r1, camera: c1, line: one}
  - {robot: r2, camera: c2, line: two}
  - {robot: s1, camera: c3, line: test, station: true}
mix: {box: 3, tube: 1}
arrivals:
  - {kind: black polybag, share: 0.5, lines: [one], from: 2}
faults:
  - {robot: r2, fault: defocus, severity: 0.6, at: 3, repair: 2}
"""


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(demonstration, "HISTORY", 10)
    monkeypatch.setattr(demonstration, "BASE_SLICE", 6)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def demo(folder, *arguments):
    (folder / "day.yaml").write_text(DAY)
    told = ["demo", "--day", folder / "day.yaml", "--out", folder / "out", "--threads", 1]
    result = CliRunner().invoke(app, [*map(str, [*told, *arguments])])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.mark.slow
def test_a_day_is_lived_to_its_page_and_is_the_same_under_the_same_seed(tmp_path):
    facts = json.loads(demo(tmp_path, "--json"))
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert facts["picks"]["picks"] == 12, "two robots at work, six ticks"
    assert facts["faults"] == {"scripted": 1, "ticketed_right": 0, "false_tickets": 0}
    assert facts["slices"].keys() == {"base kinds"}
    with Workspace.open(tmp_path / "out" / "workspace") as workspace:
        first = [(row.id, row.pick) for row in workspace.catalogue.observations.list()]
    again = json.loads(demo(tmp_path, "--json"))
    with Workspace.open(tmp_path / "out" / "workspace") as workspace:
        assert [(row.id, row.pick) for row in workspace.catalogue.observations.list()] == first
    assert {**again, "seconds": 0} == {**facts, "seconds": 0}
    told = demo(tmp_path, "--seed", "1")
    assert "A day of picks: " in told
    assert "report.html tells it with pictures." in told
    with Workspace.open(tmp_path / "out" / "workspace") as workspace:
        assert [(row.id, row.pick) for row in workspace.catalogue.observations.list()] != first


@pytest.mark.slow
def test_the_careless_challenger_learns_wrong_labels_without_replay_and_the_gate_holds_it(tmp_path):
    (tmp_path / "out").mkdir()
    shown = Demonstration(tmp_path / "out", day_from_text(DAY), 0, 1, lambda tick, text: None)
    shown._prepare()
    catalogue = shown.workspace.catalogue
    (history,) = catalogue.decks.list()
    deck = build_deck(
        [item for item in history.items], taxonomy=BASE_TAXONOMY, recipe=Recipe(), seed=5
    )
    champion = shown.line.champion
    challenger, verdict = shown._try_bad_challenger(SimpleNamespace(deck=deck))
    assert verdict.answer is not Answer.PASS
    assert shown.line.champion == champion
    assert catalogue.releases.list() == []
    taught = catalogue.decks.get(catalogue.models.get(challenger.id).deck)
    assert {item.source for item in taught.items} == {"mislabelled"}
    truth = {f.id: f for f in load_labelled(shown.workspace, history.items)}
    for item in taught.items:
        own = truth[item.id.removeprefix("mislabelled-")].truth
        label = instances_from_json(shown.workspace.get_json(item.label))
        assert label.masks != own.masks
    shown.workspace.close()
