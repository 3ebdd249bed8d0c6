"""One novelty's way as a workflow, in processes that are killed."""

import random
import subprocess
import time
from threading import Event, Thread

import numpy as np
import pytest
from durable_scenes import answers, process, went_once
from line_scenes import ALL, Shift, known

from januscl.core import NoveltyState
from januscl.train import CompactModel


@pytest.fixture
def site(tmp_path):
    """A workspace with one novelty that has its frames, and no robot: the gate alone decides."""
    shift = Shift(tmp_path / "w", CompactModel.new(ALL, input_px=64))
    shift.triangles_arrive(20)
    assert [n.state for n in shift.line.ready()] == [NoveltyState.COLLECTING]
    (tmp_path / "champion").write_text(shift.champion.id)
    ordinary = [seen.instances.embeddings for seen in known(shift.champion.id)]
    np.save(tmp_path / "ordinary.npy", np.concatenate(ordinary))
    with shift.catalogue.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM cells")
    shift.close()
    stop = Event()
    person = Thread(target=answers, args=(tmp_path, shift.person.truth, stop))
    person.start()
    yield tmp_path
    stop.set()
    person.join()


def test_a_novelty_goes_from_its_campaign_to_the_champion_in_one_workflow(site):
    done = process("durable_worker.py", site, "one", "real")
    told, _ = done.communicate(timeout=120)
    assert done.returncode == 0, told
    assert "ERROR" not in told
    went_once(site)


def test_a_worker_killed_again_and_again_doubles_no_step(site):
    chance, until = random.Random(3), time.monotonic() + 35
    kills = 0
    while True:
        running = process("durable_worker.py", site, "one")
        running.stdout.readline()
        try:
            running.wait(chance.uniform(0.0, 0.8) if time.monotonic() < until else 60)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            kills += 1
            continue
        assert running.returncode == 0
        break
    assert kills >= 3, "the test is about a process that was killed"
    went_once(site)
