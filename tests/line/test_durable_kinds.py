"""A kind that no model knows becomes one that the next model learns, by a person's word."""

from datetime import UTC, datetime

import pytest
from durable_scenes import prepare
from durable_site import Site
from line_scenes import BASE, TRIANGLE, known

from januscl.core import InvalidInput, ModelVersion
from januscl.core.wire import rle_to_json
from januscl.line.answering import take_label
from januscl.line.durable.floor import Floor
from januscl.line.durable.steps import READY, Steps
from januscl.line.kinds import kinds_of, name_kind


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(Floor, "_examples", lambda self, model: known(model))
    made = Site(tmp_path, BASE)
    prepare(made.workspace)
    yield made
    made.workspace.close()
    made.engine.dispose()


def test_a_name_that_a_champion_from_elsewhere_hides_can_be_given_again(site):
    tyre = name_kind(site.catalogue, "tyre", "ring", "ann", datetime.now(UTC))
    assert (tyre.id, site.catalogue.kinds.list()) == (3, [tyre])
    weights = site.workspace.blobs.put(b"elsewhere")
    elsewhere = BASE.with_kind("drum")
    version = ModelVersion("m-9", weights, elsewhere, None, None, datetime.now(UTC))
    site.catalogue.models.put(version)
    site.catalogue.aliases.set("champion", "m-9")
    assert not kinds_of(site.catalogue).has("tyre")
    again = name_kind(site.catalogue, "tyre", "ring", "ann", datetime.now(UTC))
    assert again.id == 4
    assert kinds_of(site.catalogue).named("tyre") == again
    told = site.catalogue.audit.list(action="kind.named")
    assert [row.detail["id"] for row in told] == [3, 4], "who named it, and when, is told"


def answer(site, id, named):
    truth = site.truth[id]
    entries = [
        {"segmentation": rle_to_json(mask)}
        | ({"category": named} if kind == TRIANGLE else {"category_id": int(kind)})
        for mask, kind in zip(truth.masks, truth.labels, strict=True)
    ]
    take_label(site.workspace, id, {"instances": entries}, "ann", datetime.now(UTC))


def test_a_kind_named_while_the_worker_runs_is_in_the_deck_that_its_labels_make(site):
    for _ in range(20):
        site.sends()
    site.works()
    (novelty,) = site.collects()
    steps = Steps(site.shop)
    assert steps.ask("s-1", novelty.id) == 12
    tasks = site.catalogue.label_tasks.pending(novelty.id)
    with pytest.raises(InvalidInput, match="a kind that there is"):
        answer(site, tasks[0].observation, "triangle")
    kind = name_kind(site.catalogue, "triangle", "flat", "ann", datetime.now(UTC))
    assert kind.id == 3
    for task in tasks:
        answer(site, task.observation, "triangle")
    assert steps.labelled("s-2", novelty.id) == READY
    parts = steps.divide("s-3", novelty.id)
    steps.freeze("s-4", novelty.id, parts)
    named = site.catalogue.novelties.get(novelty.id)
    assert (named.name, named.kind) == ("triangle", 3)
    deck = site.catalogue.decks.get(steps.build("s-5", novelty.id, parts))
    assert [(k.id, k.name) for k in deck.taxonomy] == [(1, "box"), (2, "disc"), (3, "triangle")]
    champion = site.catalogue.models.get(site.champion)
    assert len(champion.taxonomy) == 2, "no model knows it yet"
