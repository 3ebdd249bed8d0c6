"""A robot's agent and the service over a network that does whatever networks do."""

import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from faulty_proxy import FaultyProxy
from served import served

from januscl.core import Frame, Instances, Outcome, Pick, encode_mask
from januscl.edge import Agent, Limits, agent
from januscl.edge.backoff import Backoff
from januscl.line.intake import drain
from januscl.store import Workspace, fsck

ROBOTS = ("robot-1", "robot-2")
ENOUGH_SECONDS = 60


@pytest.fixture
def impatient(monkeypatch):
    """Let agents try again at once, as the test has no minutes to wait."""
    monkeypatch.setattr(agent, "Backoff", lambda rng, most=0.2: Backoff(rng, 0.05, 0.2))


def see(number, robot):
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    mask = np.zeros((24, 32), bool)
    mask[2:9, 3 : 5 + number % 20] = True
    at = datetime.now(UTC) + timedelta(milliseconds=number)
    return Frame(image, f"cam-{robot}", robot, at), Instances.of_masks([encode_mask(mask)], [1])


def work(robots, rounds):
    """Let robots observe and report; return what was acknowledged: ids, and picks by id."""
    ids, picks = [], {}
    for number in range(rounds):
        for robot, running in robots.items():
            frame, seen = see(number, robot)
            id = running.observe(frame, seen, "m-0", ("event",) if number % 3 == 0 else ())
            assert id is not None
            ids.append(id)
            if number % 2:
                picks[id] = Pick(0, (4.0, 5.0), Outcome.MISSED, frame.at)
                assert running.report(id, picks[id])
        time.sleep(0.02)
    return ids, picks


def arrived(server, ids, picks):
    with Workspace.open(server.folder) as workspace:
        counts = workspace.catalogue.observations.counts()
    return counts["observations"] >= len(ids) and counts["missed"] >= len(picks)


def test_no_fault_of_the_network_loses_or_doubles_what_was_acknowledged(tmp_path, impatient):
    limits = Limits(send_every_s=0.02, check_in_s=0.5, random_share=0.0)
    with served(tmp_path / "w", ROBOTS, drain_seconds=0.05) as server:
        proxy = FaultyProxy(server.port, seed=7)
        address = f"http://127.0.0.1:{proxy.port}"
        robots = {
            name: Agent(name, f"cam-{name}", address, tmp_path / name, server.tokens[name], limits)
            for name in ROBOTS
        }
        ids, picks = work(robots, 30)
        until = time.monotonic() + ENOUGH_SECONDS
        while min(proxy.seen.values()) < 2:
            assert time.monotonic() < until, f"too few faults for a test: {proxy.seen}"
            time.sleep(0.05)
            more, told = work(robots, 2)
            ids, picks = ids + more, picks | told
        proxy.faulty = False
        while not arrived(server, ids, picks):
            assert time.monotonic() < until, f"some did not arrive: {proxy.seen}"
            time.sleep(0.1)
        for running in robots.values():
            running.close()
        proxy.send_what_is_late()
        proxy.close()
        server.stop()
    with Workspace.open(tmp_path / "w") as workspace:
        while drain(workspace).messages:
            pass
        seen = {row.id: row for row in workspace.catalogue.observations.list()}
        assert sorted(seen) == sorted(ids)
        assert {id: row.pick for id, row in seen.items() if row.pick} == picks
        assert sorted(row["id"] for row in workspace.log.scan(["id"])) == sorted(ids)
        assert workspace.catalogue.rejects.list() == []
        assert fsck(workspace, on_its_way=timedelta(0)).findings == ()
        pixels = [id for id, row in seen.items() if row.image is not None]
        assert len(pixels) > 10, "pictures came through as well"
        for id in pixels:
            assert workspace.observation(id).frame.image.shape == (24, 32, 3)
