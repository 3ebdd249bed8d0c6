"""The gate itself refuses a challenger that forgot too much, and lets its tempered version pass.

Weights and their tempering are real, and so is the gate. Only what a model sees is drawn, from how
far its weights have moved: the way of a real network from learning to forgetting is not to be
foretold to a point of AP.
"""

import numpy as np
import pytest
from line_scenes import TRIANGLE, Shift
from test_line_tempering import way

from januscl.compute import InlineExecutor
from januscl.core import Answer, NoveltyState
from januscl.line.judging import TEMPERED, Judge


class Sight(Judge):
    """Every model sees the truth, but for what it has not learned and what it has forgotten.

    Args:
        most: Share of the first challenger's way from which on a package of each old frame is lost.
    """

    def __init__(self, workspace, shelf, most):
        super().__init__(workspace, shelf)
        self.champion = workspace.catalogue.aliases.get("champion")
        self.most, self.first = most, None

    def seen(self, model, part):
        moved = way(self.shelf.load(model), self.shelf.load(self.champion))
        self.first = self.first or moved or None
        share = moved / self.first if self.first else 0.0
        return [self.look(frame.truth, share, part.novelty) for frame in self.frames(part)]

    def look(self, truth, share, novelty):
        known = np.ones(len(truth), dtype=bool)
        if share < 0.3:
            known &= truth.labels != TRIANGLE
        if share > self.most and novelty is None:
            known[0] = False
        return truth.only(known)


@pytest.fixture
def learn(tmp_path, untrained):
    shifts = []

    def run(most):
        shift = Shift(tmp_path / "w", untrained)
        shifts.append(shift)
        cycle = shift.line.cycle
        cycle._executor = InlineExecutor()
        cycle._judge = Sight(shift.workspace, shift.line.shelf, most)
        shift.triangles_arrive(16)
        (novelty,) = shift.line.ready()
        return shift, cycle.run(novelty)

    yield run
    for shift in shifts:
        shift.close()


@pytest.mark.parametrize(("most", "share"), [(0.9, 0.85), (0.8, 0.7), (0.6, 0.5)])
def test_what_forgot_too_much_is_refused_and_passes_once_it_is_tempered_enough(learn, most, share):
    shift, report = learn(most)
    *refused, passed = shift.catalogue.verdicts.list()
    for row in refused:
        base = next(score for score in row.verdict.slices if score.slice == "base")
        assert row.verdict.answer is Answer.FAIL
        assert (base.champion, base.high < -0.01) == (pytest.approx(1.0), True)
        assert row.verdict.reasons[0].startswith("base: AP 100.0 to ")
        assert "the loss is real" in row.verdict.reasons[0]
    scores = {score.slice: score for score in passed.verdict.slices}
    assert passed.verdict.answer is report.verdict.answer is Answer.PASS
    assert scores["base"].delta == 0
    assert min(s.low for name, s in scores.items() if name != "base") > 0
    assert report.challenger.card["tempered"] == share
    assert len(refused) == 1 + TEMPERED.index(share)
    assert shift.line.champion == passed.model == report.challenger.id
    assert report.novelty.state is NoveltyState.CLOSED


def test_the_weights_that_passed_lie_on_the_way_to_those_that_were_refused(learn):
    shift, report = learn(0.6)
    load = shift.line.shelf.load
    refused, champion = load(shift.catalogue.verdicts.list()[0].model), load(shift.champion.id)
    again = refused.towards(champion, 0.5)
    assert way(again, load(report.challenger.id)) == 0
    assert way(again, champion) == pytest.approx(0.5 * way(refused, champion), rel=1e-3)


def test_what_forgets_at_every_share_is_held_back(learn):
    shift, report = learn(0.4)
    rows = shift.catalogue.verdicts.list()
    assert [row.verdict.answer for row in rows] == [Answer.FAIL] * (1 + len(TEMPERED))
    assert report.release is None
    assert shift.line.champion == shift.champion.id
    assert report.novelty.state is NoveltyState.COLLECTING
