"""A replay learns one novelty after another, for a cycle may show that the next is the same."""

import time

import pytest
from cli_scenes import KINDS, START, draw

from januscl.cli.ended import ended_run
from januscl.cli.photographs import Photographs
from januscl.cli.replay_account import stopped_lines
from januscl.cli.replaying import LEAST_STEPS, REPORT_SECONDS, Budget, Replay
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

    def learn(first, steps, progress):
        cycles.append(first.name)
        waiting.clear()  # the second is one with the first
        return first

    monkeypatch.setattr(replay.line, "ready", lambda: list(waiting))
    monkeypatch.setattr(replay.line, "learn", learn)
    replay._learn_ready(0)
    assert cycles == ["bag"]
    assert replay.workspace.catalogue.rejects.list() == []
    assert replay.budget.models == 2


def test_a_replay_stops_when_its_time_is_used_and_says_after_how_many_photographs(
    replay, monkeypatch
):
    def arrive(frame):
        if frame.id == "s1":
            replay.budget.seconds = 0.0

    monkeypatch.setattr(replay, "_commission", lambda: None)
    monkeypatch.setattr(replay, "_arrive", arrive)
    replay.run()
    assert replay.watched == 2
    assert ended_run(replay.workspace) == "janus replay"
    parts = {"watched": replay.watched, "stream": 4}
    lacking = {"name": "bag", "wanted_seconds": 95.0, "left_seconds": 61.0}
    facts = {"photographs": parts, "budget_minutes": 1.0, "no_time": [lacking]}
    assert stopped_lines(facts) == [
        "Stopped after 2 of 4 photographs: the budget of 1 minute was used.",
        "Not learned for want of time: bag. 40 training steps and their judging take about 95 s "
        "here, and 61 s were left, the report's own time apart. Try --budget 2.",
    ]
    facts = {"photographs": {"watched": 4, "stream": 4}, "budget_minutes": 15.0, "no_time": []}
    assert stopped_lines(facts) == [], "there was time for all"


def test_nothing_is_learned_in_time_that_is_not_there(replay, monkeypatch):
    learned = []
    monkeypatch.setattr(replay.line, "ready", lambda: [novelty("bag")])
    monkeypatch.setattr(replay.line, "learn", lambda *given: learned.append(given))
    replay.budget.beside, replay.budget.step = 20.0, 0.5
    used = time.monotonic() - replay.budget.began
    replay.budget.seconds = used + REPORT_SECONDS + 20 + 0.5 * LEAST_STEPS
    replay._learn_ready(0)
    assert (learned, [*replay.no_time]) == ([], ["bag"]), "a fifth is kept for what else it takes"
    lack = replay.no_time["bag"]
    assert lack.wanted == pytest.approx(20 + 0.5 * LEAST_STEPS / 0.8)
    assert lack.left < lack.wanted


def test_a_cycle_that_made_no_model_takes_no_time_to_look_at_one(replay, monkeypatch):
    def learn(first, steps, progress):
        raise Conflict("none of 12 frames was labelled")

    monkeypatch.setattr(replay.line, "ready", lambda: [novelty("bag")])
    monkeypatch.setattr(replay.line, "learn", learn)
    replay._learn_ready(0)
    assert replay.budget.models == 1
    (reject,) = replay.workspace.catalogue.rejects.list()
    assert reject.reason == "none of 12 frames was labelled"
