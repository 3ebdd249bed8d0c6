"""Which worker leads, on both databases."""

import sys
import time
from pathlib import Path
from threading import Event

import pytest

from januscl.line.durable.engine import engine_of
from januscl.line.durable.lead import MOVING, Lead
from januscl.line.durable.place import place_of
from januscl.store.engines import url_of

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
from store_servers import cluster, missing


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request, tmp_path):
    """The workflows' database, which is made when it is first asked for."""
    if request.param == "sqlite":
        made = engine_of(place_of(url_of(tmp_path / "catalogue.sqlite"), tmp_path))
        yield made
        made.dispose()
        return
    if missing() is not None:
        pytest.skip(missing())
    with cluster() as postgres:
        made = engine_of(place_of(url_of(postgres.url(postgres.fresh())), tmp_path))
        yield made
        made.dispose()


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_worker_leads_and_another_when_its_heart_stops(engine):
    lost = Event()
    one, two = (Lead(engine, name, 1.0, lost.set) for name in ("one", "two"))
    assert one.take()
    time.sleep(1.5)
    assert not two.take(), "it is heard of, for longer than a lead lasts"
    one._stop.set()  # killed
    until(two.take)
    two.give_up()
    assert one.take(), "what is given up is free at once"
    one.give_up()
    assert not lost.is_set()


def test_a_restarted_worker_leads_at_once_and_its_former_process_is_told(engine):
    lost = Event()
    former = Lead(engine, "one", 4.0, lost.set)
    assert former.take()
    assert not Lead(engine, "on", 4.0, lost.set).take(), "another worker's name begins alike"
    again = Lead(engine, "one", 4.0, lambda: None)
    assert again.take()
    assert lost.wait(5)
    again.give_up()


def test_each_post_has_a_holder_of_its_own(engine):
    lost = Event()
    leads, moves = (Lead(engine, "one", 4.0, lost.set, *post) for post in ((), (MOVING,)))
    asks = Lead(engine, "two", 4.0, lost.set, MOVING)
    assert leads.take()
    assert leads.held()
    assert not asks.held(), "who leads the line does not move the inbox by that"
    assert moves.take()
    assert asks.held()
    moves.give_up()
    assert not asks.held()
    assert leads.held()
    leads.give_up()
    assert not lost.is_set()
