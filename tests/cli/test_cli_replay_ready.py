"""A replay learns one novelty after another, for a cycle may show that the next is the same."""

import time

import pytest
from cli_scenes import KINDS, START, draw

from januscl.cli.photographs import Photographs
from januscl.cli.replaying import Budget, Replay
from januscl.core import Conflict, Cost, Novelty, NoveltyState
from januscl.train import CompactModel


def novelty(name):
    state, cost = NoveltyState.COLLECTING, Cost(1, 1, 1)
    return Novelty(name, name, state, START, START, 12, ("r",), cost)


@pytest.fixture
def replay(tmp_path):
    parts = [tuple(draw(f"{part}{k}") for k in range(4)) for part in ("h", "s", "b")]
    photographs = Photographs("drawn", KINDS, *parts, (), by_kind=False)
    base = CompactModel.new(KINDS, input_px=64)
    (tmp_path / "out").mkdir()
    budget = Budget(time.monotonic(), 3600.0, threads=1)
    replay = Replay(tmp_path / "out", photographs, base, budget, 64, 0, lambda *step: None)
    yield replay
    replay.workspace.close()


def test_a_novelty_that_the_one_before_it_took_in_is_not_learned(replay, monkeypatch):
    waiting, cycles = [novelty("bag"), novelty("part of a bag")], []

    def learn(first, steps):
        cycles.append(first.name)
        waiting.clear()  # the second is one with the first
        return first

    monkeypatch.setattr(replay.line, "ready", lambda: list(waiting))
    monkeypatch.setattr(replay.line, "learn", learn)
    replay._learn_ready(0)
    assert cycles == ["bag"]
    assert replay.workspace.catalogue.rejects.list() == []
    assert replay.budget.models == 2


def test_a_cycle_that_made_no_model_takes_no_time_to_look_at_one(replay, monkeypatch):
    def learn(first, steps):
        raise Conflict("none of 12 frames was labelled")

    monkeypatch.setattr(replay.line, "ready", lambda: [novelty("bag")])
    monkeypatch.setattr(replay.line, "learn", learn)
    replay._learn_ready(0)
    assert replay.budget.models == 1
    (reject,) = replay.workspace.catalogue.rejects.list()
    assert reject.reason == "none of 12 frames was labelled"
