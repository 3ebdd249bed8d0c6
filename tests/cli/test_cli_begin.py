"""`janus begin` and `janus kinds`, as a team with kinds of its own runs them."""

import json
from datetime import UTC, datetime

import pytest
from cli_scenes import KINDS, draw
from typer.testing import CliRunner

from januscl.annotate import write_coco
from januscl.cli.main import app
from januscl.core import Conflict, InvalidInput, NotFound
from januscl.line.beginning import kinds_to_begin
from januscl.store import Workspace
from januscl.train import CompactModel, factory_model

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
FACTORY = [kind.name for kind in factory_model().taxonomy]


def janus(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def coco(tmp_path):
    """Pictures of a kind that the shipped model knows, and of one that it does not."""
    write_coco(tmp_path / "set" / "annotations.json", [draw(f"p{k}") for k in range(10)], KINDS)
    return tmp_path / "set"


@pytest.fixture
def base(tmp_path):
    """A small model that knows the first kind alone."""
    path = tmp_path / "base.safetensors"
    CompactModel.new(type(KINDS)(KINDS.kinds[:1]), input_px=64).save(path)
    return path


def test_a_site_begins_with_its_own_kinds_and_with_pictures_that_judge(tmp_path, coco, base):
    done = janus("begin", coco, "-w", tmp_path / "w", "--base", base, "--steps", 3,
                 "--threads", 1, "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["kinds"] == ["box", "disc"]
    assert (told["teaching"], told["judging"]) == (8, 2)
    with Workspace.open(tmp_path / "w") as workspace:
        catalogue = workspace.catalogue
        champion = catalogue.models.get(catalogue.aliases.get("champion"))
        assert champion.id == told["champion"]
        taught = catalogue.decks.get(champion.deck)
        (part,) = catalogue.slices.list()
        assert not {item.id for item in part.items} & {item.id for item in taught.items}
        assert catalogue.models.get(champion.parent).card["untaught"]
    shown = json.loads(janus("kinds", "list", "-w", tmp_path / "w", "--json").stdout)
    assert [(kind["id"], kind["name"]) for kind in shown] == [(1, "box"), (2, "disc")]
    again = janus("begin", coco, "-w", tmp_path / "w", "--base", base, "--steps", 3)
    assert isinstance(again.exception, Conflict)
    assert "has begun already" in str(again.exception)


def test_what_was_stopped_before_its_training_goes_on_with_the_same_division(tmp_path, coco, base):
    line = ("begin", coco, "-w", tmp_path / "w", "--base", base, "--threads", 1, "--json")
    stopped = janus(*line, "--steps", 0)
    assert stopped.exit_code == 0, stopped.output
    with Workspace.open(tmp_path / "w") as workspace:
        catalogue = workspace.catalogue
        (before,) = catalogue.slices.list()
        champion = catalogue.models.get(catalogue.aliases.get("champion"))
        assert not champion.card["untaught"], "it was to be taken as it is"
        catalogue.models.put(type(champion)(**{**vars(champion), "card": {"untaught": True}}))
    assert janus(*line, "--steps", 2).exit_code == 0
    with Workspace.open(tmp_path / "w") as workspace:
        assert workspace.catalogue.slices.list() == [before]
        assert workspace.catalogue.aliases.get("champion") != champion.id


def test_a_model_that_gives_an_id_another_meaning_begins_no_site(tmp_path, base):
    with Workspace.open(tmp_path / "w") as workspace:
        assert [kind.name for kind in kinds_to_begin(workspace, factory_model())] == FACTORY
    other = CompactModel.new(type(KINDS)().with_kind("tyre", "cylinder"), input_px=64)
    done = janus("kinds", "name", "black bag", "-w", tmp_path / "w")
    assert isinstance(done.exception, Conflict), "without a champion there are no kinds"
    with Workspace.open(tmp_path / "w") as workspace:
        from januscl.line.shelf import Shelf

        known = Shelf(workspace).add(CompactModel.load(base), NOW, parent=None, deck=None, card={})
        workspace.catalogue.aliases.set("champion", known.id)
        with pytest.raises(InvalidInput, match="kind 1 'box'"):
            kinds_to_begin(workspace, other)
    named = janus("kinds", "name", "black bag", "--shape", "soft", "-w", tmp_path / "w")
    assert named.stdout == "black bag is kind 2 for ever.\n"
    with Workspace.open(tmp_path / "w") as workspace:
        kinds = kinds_to_begin(workspace, CompactModel.load(base))
        assert [(kind.id, kind.name) for kind in kinds] == [(1, "box"), (2, "black bag")]


def test_a_wrong_path_makes_no_workspace(tmp_path):
    done = janus("begin", tmp_path / "gone", "-w", tmp_path / "w")
    assert isinstance(done.exception, NotFound)
    assert not (tmp_path / "w").exists()
