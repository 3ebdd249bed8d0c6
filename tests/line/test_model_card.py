from datetime import UTC, datetime

import numpy as np
import pytest
from typer.testing import CliRunner

from januscl.cli.main import app
from januscl.core import (
    Answer,
    Instances,
    LabelledFrame,
    Release,
    SliceScore,
    Stage,
    StageReport,
    Taxonomy,
    Verdict,
    encode_mask,
)
from januscl.decks import Recipe, build_deck
from januscl.line.keeping import keep_labelled
from januscl.line.shelf import Shelf
from januscl.line.telling import model_card
from januscl.store import Workspace
from januscl.train import CompactModel

AT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
KINDS = Taxonomy().with_kind("box", "cuboid").with_kind("50% off | bag", "bag")


def frame(name):
    mask = np.zeros((64, 64), np.bool_)
    mask[10:30, 10:30] = True
    truth = Instances.of_masks([encode_mask(mask)], [1])
    return LabelledFrame(name, np.full((64, 64, 3), len(name), np.uint8), truth)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A champion that was brought, and a challenger that was trained, judged and tried."""
    folder = tmp_path_factory.mktemp("site")
    with Workspace.open(folder) as workspace:
        catalogue, shelf = workspace.catalogue, Shelf(workspace)
        items = [
            *keep_labelled(workspace, [frame(f"o{k}") for k in range(3)], "replay"),
            *keep_labelled(workspace, [frame("n" * 7)], "n-1"),
        ]
        deck = build_deck(items, taxonomy=KINDS, recipe=Recipe(), seed=0)
        catalogue.decks.put(deck)
        brought = shelf.add(
            CompactModel.new(KINDS, 64), AT, parent=None, deck=None, card={"name": "brought"}
        )
        card = {"strategy": "replay", "seconds": 61.4, "settings": {"steps": 250, "seed": 7}}
        learned = shelf.add(
            CompactModel.new(KINDS, 64, seed=1), AT, parent=brought.id, deck=deck.id, card=card
        )
        catalogue.aliases.set("champion", brought.id)
        score = SliceScore("old cells", 40, 0.50, 0.47, -0.03, -0.051, -0.011, 0.03)
        verdict = Verdict(Answer.FAIL, ("old cells: it forgot.",), (score,))
        catalogue.verdicts.add(learned.id, brought.id, verdict, AT)
        seen = StageReport(Stage.STATION, Answer.FAIL, ("more failed",), 20, 9, 21, 2)
        tried = Release(
            "r1", learned.id, brought.id, None, (), Stage.ROLLED_BACK, AT, reports=(seen,)
        )
        catalogue.releases.put(tried)
        yield folder, brought, learned, model_card(workspace, learned), deck


def test_a_card_says_what_a_model_learned_from_and_what_that_cost(site):
    _, brought, learned, told, deck = site
    assert f"| version | {learned.id} |" in told
    assert f"(%s), from brought model ({brought.id})" % learned.id in told
    assert f"Deck `{deck.id}`, 4 pictures" in told
    assert "| replayed from history | 3 |" in told
    assert "| labelled for n-1 | 1 |" in told
    assert "| training | 61 seconds |\n| steps | 250 |" in told


def test_a_card_says_what_a_model_was_judged_by_and_where_it_ran(site):
    told = site[3]
    assert "**fail** against brought model, 2026-03-04 05:06 UTC" in told
    assert "| old cells | 40 | 50.0 | 47.0 | -3.0 | -5.1 | -1.1 | 3.0 |" in told
    assert "- old cells: it forgot." in told
    assert "Released 2026-03-04 05:06 UTC; it was rolled back." in told
    assert "| station | fail | 9 of 20 | 2 of 21 |" in told


@pytest.mark.parametrize(
    ("card", "rows"),
    [
        ({"settings": "quick", "seconds": 61.4}, "| training | 61 seconds |"),
        ({"settings": ["steps"], "seconds": "12"}, "| training | 12 |"),
        (
            {"settings": {"steps": 250}, "tempered": "half"},
            "| steps | 250 |\n| tempered to | half |",
        ),
        ({"settings": None, "tempered": 0.5, "seconds": None}, "| tempered to | 50% |"),
    ],
)
def test_a_card_from_elsewhere_may_hold_anything(tmp_path, card, rows):
    with Workspace.open(tmp_path / "site") as workspace:
        brought = Shelf(workspace).add(
            CompactModel.new(KINDS, 64), AT, parent=None, deck=None, card=card
        )
        told = model_card(workspace, brought)
    assert f"## What it cost\n\n|  |  |\n| --- | --- |\n{rows}\n\n##" in told


def test_a_name_cannot_break_the_table_that_it_stands_in(site):
    assert "| kinds | box, 50% off \\| bag |" in site[3]


def test_the_command_shows_the_champions_card_or_writes_a_file_once(site, tmp_path):
    folder, brought, learned, told, _ = site
    shown = CliRunner().invoke(app, ["models", "card", "-w", str(folder)])
    assert shown.exit_code == 0
    assert f"| version | {brought.id} |" in shown.stdout
    assert "The gate never judged it." in shown.stdout
    assert "It runs here." in shown.stdout
    out = tmp_path / "card.md"
    arguments = ["models", "card", learned.id, "--out", str(out), "-w", str(folder)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert out.read_text() == told
    assert CliRunner().invoke(app, arguments).exit_code != 0
