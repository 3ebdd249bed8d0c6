"""Each observation is watched once, and to find that nothing came is cheap however many came."""

import pytest
from line_scenes import START, draw
from sqlalchemy import event

from januscl.core import Frame, Instances, Observation
from januscl.line.durable import fed as fed_module
from januscl.line.durable.engine import engine_of
from januscl.line.durable.fed import Fed
from januscl.store import Workspace


@pytest.fixture
def site(tmp_path):
    engine = engine_of(tmp_path / "workflows.db")
    with Workspace.open(tmp_path / "w") as workspace:
        yield workspace, engine
    engine.dispose()


def came(workspace, *ids):
    frame = Frame(draw(1).image, "camera-a", "robot-a", START)
    for id in ids:
        workspace.catalogue.observations.add(Observation(id, frame, Instances.empty(), "m-1"))


def names(*numbers):
    return [f"{number:08d}-0000-7000-8000-000000000000" for number in numbers]


def test_what_is_late_is_found_behind_what_was_watched(site):
    workspace, engine = site
    fed = Fed(engine, workspace)
    came(workspace, *names(5, 6, 7))
    assert fed.waiting(10, set()) == names(5, 6, 7)
    fed.mark(names(5, 6, 7))
    assert fed.waiting(10, set()) == []
    came(workspace, *names(2, 8, 1))
    assert fed.waiting(10, set()) == names(8), "what is newest in time goes on first"
    fed.mark(names(8))
    assert fed.waiting(1, set()) == names(1)
    assert fed.waiting(10, set(names(1))) == names(2)
    fed.mark(names(2))
    assert fed.waiting(10, set(names(1))) == []
    fed.mark(names(1))
    assert fed.waiting(10, set()) == []


def test_what_waited_for_its_pick_when_a_process_ended_is_watched_by_the_next(site):
    workspace, engine = site
    first = Fed(engine, workspace)
    came(workspace, *names(1, 2, 3, 4))
    first.mark(names(2, 4))
    assert first.waiting(10, set(names(1, 3))) == []
    first.mark(names(1))
    second = Fed(engine, workspace)
    assert second.waiting(10, set()) == names(3)
    second.mark(names(3))
    assert Fed(engine, workspace).waiting(10, set()) == []


def test_many_that_came_late_are_all_found(site, monkeypatch):
    monkeypatch.setattr(fed_module, "_CHUNK", 4)
    workspace, engine = site
    fed = Fed(engine, workspace)
    came(workspace, *names(50))
    fed.mark(names(50))
    came(workspace, *names(*range(30, 10, -1)))
    found = []
    while some := fed.waiting(3, set()):
        fed.mark(some)
        found += some
    assert sorted(found) == names(*range(11, 31))
    assert len(found) == 20


def test_an_idle_look_reads_no_more_the_more_was_watched(site):
    workspace, engine = site
    asked = []
    event.listen(
        workspace.catalogue.database.engine, "before_cursor_execute",
        lambda _c, _k, statement, values, *_: asked.append((statement, values)),
    )  # fmt: skip
    fed = Fed(engine, workspace)
    came(workspace, *names(*range(1, 40)))
    fed.mark(names(*range(1, 40)))
    assert fed.waiting(10, set()) == []
    asked.clear()
    assert fed.waiting(10, set()) == []
    selects = [(text, values) for text, values in asked if text.startswith("SELECT")]
    assert len(selects) == 2
    with workspace.catalogue.database.read() as connection:
        for text, values in selects:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all()
            assert all("SEARCH" in row[3] for row in plan), "it walks through no table"


def test_a_new_process_begins_where_all_was_watched(site):
    workspace, engine = site
    fed = Fed(engine, workspace)
    came(workspace, *names(*range(1, 10)))
    fed.mark(names(*range(1, 10)))
    assert fed.waiting(10, set()) == []
    came(workspace, *names(20))
    fed.mark(names(20))
    assert Fed(engine, workspace)._looked >= 9, "not with the first of all"
