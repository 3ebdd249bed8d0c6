"""A worker that stands by moves the inbox, and says so to the one that leads."""

import time
from threading import Event, Thread

import pytest
from durable_site import POLICY, Site
from line_scenes import known

from januscl.compute import InlineExecutor
from januscl.line.durable.floor import Floor
from januscl.line.durable.lead import MOVING, Lead
from januscl.line.durable.worker import Worker


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(Floor, "_examples", lambda self, model: known(model))
    made = Site(tmp_path)
    yield made
    made.workspace.close()
    made.engine.dispose()


def until(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def worker(site):
    place = site.folder / "workflows.db"
    return Worker(site.workspace, place, "two", POLICY, InlineExecutor(), pause=0.05, lasts=1.0)


def test_who_stands_by_moves_the_inbox_and_leaves_it_to_the_leader_when_it_ends(site):
    leader, moving = (Lead(site.engine, "one", 9.0, print, *post) for post in ((), (MOVING,)))
    assert leader.take()
    stop = Event()
    running = Thread(target=worker(site).run, args=(stop,))
    running.start()
    sent = [site.sends() for _ in range(3)]
    until(lambda: not site.catalogue.inbox.depth() and moving.held())
    assert set(site.catalogue.observations.known(sent)) == set(sent)
    assert site.catalogue.events.list() == [], "only the leader watches"
    stop.set()
    running.join()
    assert not moving.held()
    leader.give_up()
