"""A challenger that learned what is new at the cost of what is old is led back towards it."""

import pytest
from line_scenes import Shift

from januscl.compute import InlineExecutor
from januscl.core import Answer, NoveltyState, SliceScore, Verdict
from januscl.line.judging import Judge


def way(model, origin):
    """Return how far a model's weights lie from another's, over those that both have."""
    left, right = (m.network.state_dict() for m in (model, origin))
    shared = [k for k, v in left.items() if k in right and v.shape == right[k].shape]
    return sum(float(((left[k].double() - right[k].double()) ** 2).sum()) for k in shared) ** 0.5


class Forgetting(Judge):
    """Judges by weights: what moved too far has forgotten, what moved at all has learned.

    Args:
        most: Share of the first challenger's way that forgets nothing.
        gain: What every challenger gains on what is new.
    """

    def __init__(self, workspace, shelf, most, gain):
        super().__init__(workspace, shelf)
        self.most, self.gain, self.first = most, gain, None

    def verdict(self, challenger, champion, slices, target, seed, confidence=0.9):
        moved = way(self.shelf.load(challenger), self.shelf.load(champion))
        self.first = self.first or moved
        self.share = moved / self.first
        answer = Answer.PASS if self.gain > 0 and self.share <= self.most else Answer.FAIL
        scores = [
            SliceScore(part.name, 10, 0.5, 0.5 + gain, gain, gain - 0.01, gain + 0.01, 0.03)
            for part in slices
            for gain in [self.gain if part.name == target else 0.0]
        ]
        return Verdict(answer, (f"{self.share:.2f} of the way",), tuple(scores))


@pytest.fixture
def learn(tmp_path, untrained):
    shifts = []

    def run(most, gain=0.2):
        shift = Shift(tmp_path / "w", untrained)
        shifts.append(shift)
        cycle = shift.line.cycle
        cycle._executor = InlineExecutor()
        cycle._judge = shift.strict = Forgetting(shift.workspace, shift.line.shelf, most, gain)
        shift.triangles_arrive(16)
        (novelty,) = shift.line.ready()
        return shift, cycle.run(novelty)

    yield run
    for shift in shifts:
        shift.close()


def test_a_challenger_that_forgets_is_tempered_and_passes(learn):
    shift, report = learn(most=0.9)
    assert report.verdict.answer is Answer.PASS
    assert shift.strict.share == pytest.approx(0.85, abs=0.01), "of the way from the champion's"
    assert shift.line.champion == report.challenger.id
    assert report.novelty.state is NoveltyState.CLOSED
    told = [row.action for row in shift.catalogue.audit.list() if row.action.startswith("gate")]
    assert told == ["gate.fail", "gate.pass"]


def test_the_card_of_a_tempered_challenger_says_so_and_its_parent_is_the_champion(learn):
    shift, report = learn(most=0.9)
    tempered = shift.catalogue.models.get(report.challenger.id)
    (first, second) = shift.catalogue.verdicts.list()
    trained = shift.catalogue.models.get(first.model)
    assert second.model == tempered.id != trained.id
    assert tempered.parent == trained.parent == shift.champion.id
    assert tempered.deck == trained.deck == report.deck.id
    assert tempered.card == trained.card | {"tempered": 0.85, "tempered_from": trained.id}
    assert tempered.taxonomy == trained.taxonomy


def test_a_challenger_that_forgets_however_much_it_is_tempered_is_held_back(learn):
    shift, report = learn(most=0.1)
    assert report.verdict.answer is Answer.FAIL
    assert len(shift.catalogue.verdicts.list()) == 4, "as trained, and tempered three times"
    assert shift.line.champion == shift.champion.id
    assert report.novelty.state is NoveltyState.COLLECTING


def test_a_challenger_that_learned_nothing_is_not_tempered(learn):
    shift, report = learn(most=1.0, gain=0.0)
    assert report.verdict.answer is Answer.FAIL
    assert [row.model for row in shift.catalogue.verdicts.list()] == [report.challenger.id]
    assert "tempered" not in report.challenger.card
