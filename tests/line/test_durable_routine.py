"""Routine campaigns of workers: labels of what the champion doubts, while nothing is novel."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Thread

import pytest
from durable_scenes import Robots, answers, closed, prepare, process
from durable_shift import ROUTINE
from durable_site import POLICY, Site
from line_scenes import ALL, CELLS, known

from januscl.core import Label, NoveltyState, Outcome, Stage, Ticket
from januscl.line.answers import receive
from januscl.line.durable.floor import Floor
from januscl.line.durable.steps import NOTHING, READY, WAIT, Steps
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import CompactModel

ORDINARY = (1, 2, 1, 2)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site on which nothing is new, and whose policy asks for routine campaigns."""
    monkeypatch.setattr(Floor, "_examples", lambda self, model: known(model))
    collecting = replace(POLICY.collecting, routine_every=ROUTINE, routine_frames=12)
    monkeypatch.setattr("durable_site.POLICY", replace(POLICY, collecting=collecting))
    made = Site(tmp_path)
    prepare(made.workspace)
    yield made
    made.workspace.close()
    made.engine.dispose()


def passes_by(site, frames=ROUTINE, **given):
    for _ in range(frames):
        site.sends(kinds=ORDINARY, outcome=Outcome.PICKED, **given)
    site.works()


def record(site):
    (found,) = site.catalogue.novelties.list()
    return found


def test_what_robots_run_on_the_champion_is_taken_through_a_routine_campaign(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        prepare(workspace)
        model, card = CompactModel.new(ALL, input_px=64), {"name": "first"}
        first = Shelf(workspace).add(model, datetime.now(UTC), parent=None, deck=None, card=card)
        workspace.catalogue.aliases.set("champion", first.id)
        robots, stop = Robots(workspace), Event()
        person = Thread(target=answers, args=(tmp_path, robots.truth, stop))
        person.start()
        worker = process("durable_shift.py", tmp_path, "one", "routine")
        deadline = time.monotonic() + 150
        try:
            while not closed(workspace):
                assert time.monotonic() < deadline, "it took too long"
                robots.pick(CELLS, novel=False)
                time.sleep(0.02)
        finally:
            worker.terminate()
            told, _ = worker.communicate(timeout=30)
            stop.set()
            person.join()
        catalogue = workspace.catalogue
        done = catalogue.novelties.list([NoveltyState.CLOSED])[0]
        assert done.name == "routine-1"
        assert "routine-1: learned, and closed" in told
        assert 6 <= len(catalogue.label_tasks.asked(novelty=done.id)) <= 12
        champion = catalogue.models.get(catalogue.aliases.get("champion"))
        deck = catalogue.decks.get(champion.deck)
        taught = {item.id for item in deck.items if item.source == done.id}
        judged = {item.id for item in catalogue.slices.get("routine-1").items}
        assert taught
        assert judged
        assert not taught & judged
        (release, *_) = catalogue.releases.list()
        assert release.stage is Stage.DONE
        assert catalogue.audit.list(action="images.preserved") == [], "nothing was new"


def test_a_campaign_waits_for_its_frames_and_asks_for_labels_of_them(site):
    passes_by(site, ROUTINE - 1)
    steps, kept = Steps(site.shop), record(site)
    assert kept.name == "routine-1"
    assert steps.campaign("s-0", kept.id) == ""
    assert steps.collected("s-1", kept.id) == WAIT
    passes_by(site, 1)
    assert steps.collected("s-2", kept.id) == READY
    assert steps.ask("s-3", kept.id) == 12
    assert record(site).state is NoveltyState.LABELLING
    assert steps.labelled("s-4", kept.id) == WAIT
    now = datetime.now(UTC)
    for task in site.catalogue.label_tasks.pending(kept.id):
        label = Label(task.observation, site.truth[task.observation], "person", now)
        receive(site.workspace, [label], ALL, now)
    assert steps.labelled("s-5", kept.id) == READY
    parts = steps.divide("s-6", kept.id)
    assert (len(parts["learned"]), len(parts["kept_back"])) == (8, 4)
    assert steps.freeze("s-7", kept.id, parts) == "routine-1"
    steps.build("s-8", kept.id, parts)
    assert record(site).state is NoveltyState.IN_DECK
    site.begins()
    assert record(site).state is NoveltyState.IN_DECK, "its workflow goes on, not the campaign"
    steps = Steps(site.shop)
    assert steps.conclude("s-9", kept.id, site.champion, True, None, parts) == NoveltyState.CLOSED


def test_what_was_looked_through_before_a_restart_is_looked_through_anew(site):
    passes_by(site)
    kept = record(site)
    assert Steps(site.shop).collected("s-1", kept.id) == READY
    site.begins()
    steps = Steps(site.shop)
    assert steps.ask("s-2", kept.id) == NOTHING
    assert record(site).state is NoveltyState.COLLECTING, "it does not wait for labels of nothing"
    assert steps.collected("s-3", kept.id) == WAIT
    passes_by(site)
    assert steps.collected("s-4", kept.id) == READY
    assert len(site.catalogue.campaigns.list(kept.id)) == 1


def test_frames_chosen_before_a_kill_are_those_asked_for_after_it(site):
    passes_by(site)
    kept = record(site)
    chosen = {frame.id for frame in site.shop.routine.choose(kept.id, 12)}
    assert len(chosen) == 12
    site.begins()
    passes_by(site, 3)
    assert Steps(site.shop).ask("s-1", kept.id) == 12
    tasks = site.catalogue.label_tasks.pending(kept.id)
    assert {task.observation for task in tasks} == chosen


def test_frames_without_pixels_or_under_a_ticket_are_not_asked_for(site):
    passes_by(site, pixels=False)
    assert site.catalogue.novelties.list() == [], "nobody could label them"
    passes_by(site)
    now = datetime.now(UTC)
    began = site.catalogue.observations.list()[0].at
    site.catalogue.tickets.put(Ticket("t-1", CELLS[0].camera, CELLS[0].robot, "blur", began, now))
    kept = record(site)
    chosen = site.shop.routine.choose(kept.id, 12)
    assert {frame.frame.camera for frame in chosen} == {CELLS[1].camera}


def test_novelties_come_first(site):
    passes_by(site, 10)
    for _ in range(20):
        site.sends()
    site.works()
    assert site.shop.ledger.hungry()
    passes_by(site)
    names = {n.name: n for n in site.catalogue.novelties.list()}
    assert Steps(site.shop).collected("s-1", names["routine-1"].id) == WAIT
