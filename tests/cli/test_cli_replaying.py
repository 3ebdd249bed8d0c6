import time
from dataclasses import dataclass

import pytest
from cli_scenes import KINDS, draw

from januscl.cli.ended import ended_run
from januscl.cli.photographs import Photographs
from januscl.cli.replay_account import account_of
from januscl.cli.replaying import LEAST_HISTORY_STEPS, Budget, Replay
from januscl.train import CompactModel

pytestmark = pytest.mark.slow


@dataclass
class FewSteps(Budget):
    """Time for 40 steps a training, or for none once history was learned."""

    after: int = 40

    def steps(self, share, least, most):
        if least == LEAST_HISTORY_STEPS:
            return 40
        return min(self.after, most)


def replayed(folder, after):
    photographs = Photographs(
        "drawn",
        KINDS,
        tuple(draw(k) for k in range(20)),
        tuple(draw(100 + k) for k in range(30)),
        tuple(draw(200 + k) for k in range(6)),
        (),
        by_kind=False,
    )
    base = CompactModel.new(KINDS, input_px=64)
    folder.mkdir()
    budget = FewSteps(time.monotonic(), 3600.0, threads=1, after=after)
    replay = Replay(folder, photographs, base, budget, 64, 0, lambda done, total, text: None)
    replay.run()
    return replay


def test_a_stream_without_novelty_is_asked_about_by_doubt_and_the_account_says_so(tmp_path):
    replay = replayed(tmp_path / "out", after=40)
    account = account_of(replay, 1.0)
    routine = [cycle for cycle in account.facts["cycles"] if cycle["routine"]]
    assert routine[0]["novelty"] == "routine-1"
    assert 0 < account.facts["labels"] <= 15, "half of the photographs at most"
    asked = replay.workspace.catalogue.label_tasks.list()
    assert len({task.observation for task in asked}) == len(asked) == account.facts["labels"]
    assert any(line.startswith("Routine  routine-1") for line in account.lines)
    assert any(
        "a photograph every 90 s from 2026-01-05 06:00 UTC" in line for line in account.lines
    )
    novel, found = account.facts["novel_photographs"], account.facts["novelties"]
    (came,) = [line for line in account.lines if line.startswith("Novel    ")]
    assert f"{novel} photograph" in came
    assert ("too few were alike" in came) == (novel > 0 and not found)
    page = account.report.read_text()
    assert f"of {novel} novel photographs" in page
    assert "object found" in page
    assert "package" not in page, "a set may show anything"
    assert "Routine campaigns" in page
    assert "Novelties, by what they cost" not in page, "what is in doubt is no novelty"
    assert {"delta", "low", "high"} < account.facts["gain_over_history"].keys()
    replay.workspace.close()


def test_no_label_is_asked_for_that_there_is_no_time_to_learn_from(tmp_path):
    replay = replayed(tmp_path / "out", after=0)
    assert replay.cycles == []
    assert replay.workspace.catalogue.label_tasks.list() == []
    assert replay.line.champion == replay.commissioned.id
    assert (replay.watched, [*replay.no_time]) == (30, ["routine-1"])
    lines = account_of(replay, 1.0).lines
    (lacking,) = [line for line in lines if line.startswith("Not learned for want of time: ")]
    assert "routine-1. 40 training steps and their judging take about " in lacking
    assert ended_run(replay.workspace) == "janus replay"
    replay.workspace.close()
