"""What robots sent is watched once, in order, with its pixels or without."""

import pytest
from durable_site import Site
from line_scenes import START, known

from januscl.line.durable.floor import Floor
from januscl.line.intake import drain


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(Floor, "_examples", lambda self, model: known(model))
    made = Site(tmp_path)
    yield made
    made.workspace.close()
    made.engine.dispose()


def test_frames_whose_pixels_stayed_on_the_robot_make_a_novelty_but_no_label_task(site):
    sent = [site.sends(pixels=False) for _ in range(20)]
    assert site.works() == 20
    (novelty,) = site.collects()
    assert {id for id, _ in site.catalogue.novelties.members(novelty.id)} <= set(sent)
    assert site.shop.ledger.waiting(novelty.id) == 0
    assert all(site.catalogue.observations.get(id).image is None for id in sent)
    shown = [site.sends() for _ in range(9)]
    site.works()
    assert site.shop.ledger.waiting(novelty.id) == 9
    frames = site.shop.ledger.choose(novelty.id, 12)
    assert {frame.id for frame in frames} == set(shown)


def test_nothing_is_watched_twice_after_a_restart_but_what_waited_for_its_pick(site):
    for _ in range(5):
        site.sends()
    waits = site.sends(outcome=False)
    assert site.works() == 6
    assert len(site.catalogue.events.list()) == 5
    site.begins()
    assert site.works() == 1
    site.reports(waits, site.catalogue.observations.get(waits).robot)
    site.works()
    assert len(site.catalogue.events.list()) == 6
    site.begins()
    assert site.works() == 0


def test_what_a_robot_sends_late_is_watched_all_the_same(site):
    for _ in range(3):
        site.sends()
    assert site.works() == 3
    late = site.sends(at=START)
    assert site.works() == 1
    assert site.catalogue.events.for_observation(late)


def test_what_a_former_champion_does_not_know_is_no_news(site):
    site.shop.ledger.former = frozenset({site.champion})
    for _ in range(20):
        site.sends()
    assert site.works() == 20
    assert site.catalogue.novelties.list() == []


def test_an_observation_that_cannot_be_read_is_rejected_and_holds_up_no_other(site):
    bad = site.sends()
    while drain(site.workspace).messages:
        pass
    site.workspace.log.forget([f"{bad} {site.catalogue.observations.get(bad).image}"])
    site.sends()
    assert site.works() == 2
    (reject,) = site.catalogue.rejects.list()
    assert bad in reject.thing
    assert len(site.catalogue.events.list()) == 1
