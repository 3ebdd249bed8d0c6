"""Workers: what robots send becomes a model that they run, whoever is killed on the way."""

import time
from datetime import UTC, datetime
from threading import Event, Thread

import pytest
from durable_scenes import Robots, answers, closed, prepare, process, went_once
from line_scenes import ALL, CELLS

from januscl.core import NoveltyState, Stage
from januscl.line.shelf import Shelf
from januscl.release import shows_harm, who_runs
from januscl.store import Workspace
from januscl.train import CompactModel

WORKING = [cell for cell in CELLS if not cell.station]


@pytest.fixture
def site(tmp_path):
    """A workspace with a champion that does not know triangles, and robots that meet them."""
    with Workspace.open(tmp_path / "w") as workspace:
        prepare(workspace)
        model, card = CompactModel.new(ALL, input_px=64), {"name": "first"}
        first = Shelf(workspace).add(model, datetime.now(UTC), parent=None, deck=None, card=card)
        workspace.catalogue.aliases.set("champion", first.id)
        robots, stop = Robots(workspace), Event()
        person = Thread(target=answers, args=(tmp_path, robots.truth, stop))
        person.start()
        yield tmp_path, workspace, robots
        stop.set()
        person.join()


def until(true, seconds=60):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def released(robots, workspace, seconds=150):
    """Let the robots work until the novelty is closed; the challenger can pick what is new."""
    deadline = time.monotonic() + seconds
    while not closed(workspace):
        assert time.monotonic() < deadline, "it took too long"
        robots.pick(CELLS, good={robots.challenger()})
        time.sleep(0.02)


def test_what_robots_send_becomes_a_model_that_the_whole_fleet_runs(site):
    folder, workspace, robots = site
    for _ in range(20):
        robots.pick(WORKING)
    worker = process("durable_shift.py", folder, "one")
    try:
        released(robots, workspace)
    finally:
        worker.terminate()
        told, _ = worker.communicate(timeout=30)
    for line in (
        "something new was seen", "a campaign asks for 12 frames", "raw images preserved",
        "label tasks wait for a person", "the gate lets m-", "goes on: fleet",
        "triangle: learned, and closed",
    ):  # fmt: skip
        assert line in told
    went_once(folder)
    (release,) = workspace.catalogue.releases.list()
    assert release.stage is Stage.DONE
    stages = [report.stage for report in release.reports]
    assert list(dict.fromkeys(stages)) == [Stage.STATION, Stage.BETA, Stage.FLEET]
    assert all(report.challenger_picks >= 10 for report in release.reports)


def test_harm_on_a_beta_line_sends_every_robot_back_to_the_champion(site):
    folder, workspace, robots = site
    champion = workspace.catalogue.aliases.get("champion")
    for _ in range(20):
        robots.pick(WORKING)
    worker = process("durable_shift.py", folder, "one")
    deadline = time.monotonic() + 70
    gave_up = f"novelty.{NoveltyState.COLLECTING}"
    try:
        while len(workspace.catalogue.audit.list(action=gave_up)) < 2:
            assert time.monotonic() < deadline, "it took too long"
            robots.pick(CELLS, good={robots.challenger()}, bad={robots.challenger()})
            time.sleep(0.02)
    finally:
        worker.terminate()
        worker.wait(30)
    release = workspace.catalogue.releases.list()[0]
    assert (release.stage, release.reports[-1].stage) == (Stage.ROLLED_BACK, Stage.BETA)
    assert shows_harm(release.reports[-1].reasons)
    assert set(who_runs(release, CELLS).values()) == {champion}
    assert workspace.catalogue.aliases.get("champion") == champion
    (novelty,) = workspace.catalogue.novelties.list()
    assert novelty.state is not NoveltyState.CLOSED, "it is still to be learned"


def test_another_worker_goes_on_where_a_killed_one_was(site):
    folder, workspace, robots = site
    for _ in range(20):
        robots.pick(WORKING)
    first = process("durable_shift.py", folder, "one")
    until(lambda: workspace.catalogue.novelties.list([NoveltyState.LABELLING]))
    second = process("durable_shift.py", folder, "two")
    first.kill()
    first.wait()
    try:
        released(robots, workspace)
    finally:
        second.terminate()
        told, _ = second.communicate(timeout=30)
    assert "worker two leads" in told
    went_once(folder)
