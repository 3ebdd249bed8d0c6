"""What a new champion names as a kind that is closed is no second novelty."""

from dataclasses import replace

import numpy as np
import pytest
from line_scenes import ALL, START, TRIANGLE, Person, Shift, known
from test_line_restart import reopened

from januscl.compute import InlineExecutor
from januscl.core import Answer, Conflict, Label, NoveltyState, Outcome, SliceScore, Verdict
from januscl.line.judging import Judge

WAY = (NoveltyState.LABELLING, NoveltyState.IN_DECK, NoveltyState.IN_RELEASE, NoveltyState.CLOSED)
NEXT = "the next champion"


def two_looks_arrive(shift, frames=16):
    """Let triangles of two looks come, never both in one pile; return the two novelties."""
    for k in range(frames):
        shift.pick((3, 2, 1, 2), 0, Outcome.MISSED, k % 2)
        shift.pick((3, 2, 1, 2), 0, Outcome.MISSED, k % 2, odd=[0])
    return sorted(shift.line.ledger.collecting(), key=lambda n: n.first_seen)


def learned(shift, novelty):
    """Label a novelty and bring it to its end."""
    ledger = shift.line.ledger
    frames = ledger.choose(novelty.id, 12)
    labels = [Label(f.id, shift.person.truth[f.id], "person", START) for f in frames]
    ledger.christen(novelty.id, labels, ALL)
    for state in WAY:
        ledger.move(novelty.id, state, shift.now)


def eyes(shift, score=0.9, kind=TRIANGLE, blind=False):
    """Return how a model sees that knows triangles, or takes them for a kind, or sees but half."""
    looked = []

    def see(kept):
        looked.append(kept.id)
        truth, seen = shift.person.truth[kept.id], kept.instances
        if blind and len(looked) % 2:
            return replace(kept, instances=seen.only(truth.labels != TRIANGLE), model=NEXT)
        labels = np.where(truth.labels == TRIANGLE, kind, truth.labels)
        scores = np.full(len(truth), score, np.float32)
        return replace(kept, instances=replace(seen, labels=labels, scores=scores), model=NEXT)

    return see


def takes_over(shift, see, model=NEXT):
    """Let a new model be the champion."""
    shift.line.observer.learn_model(model, known(model))
    shift.line.ledger.rebase(model, see)


@pytest.fixture
def shift(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    yield shift
    shift.close()


@pytest.fixture
def looks(shift):
    first, second = two_looks_arrive(shift)
    learned(shift, first)
    return first, second


def state(shift, novelty):
    return shift.catalogue.novelties.get(novelty.id).state


def test_what_a_new_champion_calls_by_the_name_of_a_closed_novelty_is_one_with_it(shift, looks):
    first, second = looks
    assert state(shift, second) is NoveltyState.COLLECTING, "the labels did not show it"
    takes_over(shift, eyes(shift))
    assert state(shift, second) is NoveltyState.DISMISSED
    kept = shift.catalogue.novelties.get(first.id)
    assert (kept.state, kept.name) == (NoveltyState.CLOSED, "triangle")
    assert kept.instances == first.instances + second.instances
    assert len(shift.catalogue.novelties.members(first.id)) == kept.instances
    assert shift.catalogue.novelties.members(second.id) == []
    merged = shift.catalogue.audit.list(subject=second.id)[-1]
    assert (merged.action, merged.detail["into"]) == ("novelty.merged", first.id)
    assert shift.line.ready() == [], "no training is spent on it"


@pytest.mark.parametrize(
    "unlike",
    [{"score": 0.45}, {"kind": 2}, {"blind": True}],
    ids=["it is not sure", "it gives another name", "half it does not see"],
)
def test_a_novelty_that_a_new_champion_does_not_clearly_name_stays_apart(shift, looks, unlike):
    _, second = looks
    takes_over(shift, eyes(shift, **unlike))
    assert state(shift, second) is NoveltyState.COLLECTING


def test_what_a_champion_always_gave_the_name_of_a_closed_novelty_stays_a_novelty(shift, looks):
    """Its name was no news: it is strange for another reason, and a new model changes nothing."""
    first, second = looks
    seen = shift.catalogue.novelties.members(first.id)[0][0]
    truth = shift.person.truth[seen]
    boxes = replace(truth, labels=np.ones_like(truth.labels))
    named = shift.line.ledger.christen(first.id, [Label(seen, boxes, "person", START)], ALL)
    assert named.name == "box"
    takes_over(shift, eyes(shift, kind=1))
    assert state(shift, second) is NoveltyState.COLLECTING


def test_labels_that_name_another_kind_say_more_than_a_new_champion(shift, looks):
    _, second = looks
    ledger = shift.line.ledger
    frames = ledger.choose(second.id, 6)
    truths = [shift.person.truth[f.id] for f in frames]
    discs = [replace(t, labels=np.full_like(t.labels, 2)) for t in truths]
    labels = [Label(f.id, t, "p", START) for f, t in zip(frames, discs, strict=True)]
    assert ledger.christen(second.id, labels, ALL).name == "disc"
    takes_over(shift, eyes(shift))
    assert state(shift, second) is NoveltyState.COLLECTING


def test_a_novelty_whose_labels_are_still_to_come_waits_for_them(shift, looks):
    _, second = looks
    shift.person.annotate = lambda tasks: []
    with pytest.raises(Conflict, match="its tasks wait"):
        shift.line.learn(second)
    takes_over(shift, eyes(shift))
    assert state(shift, second) is NoveltyState.COLLECTING


def test_a_closed_novelty_that_took_in_another_still_comes_back_and_may_be_labelled(shift, looks):
    first, _ = looks
    takes_over(shift, eyes(shift))
    for k in range(5):
        shift.pick((3, 2, 1, 2), 0, Outcome.MISSED, k % 2, odd=[0])
    assert state(shift, first) is NoveltyState.CLOSED
    for k in range(16):
        shift.pick((3, 2, 1, 2), 0, Outcome.MISSED, k % 2, odd=[0])
    assert state(shift, first) is NoveltyState.REGRESSED, "it may be chance that these failed"
    for k in range(20):
        shift.pick((1, 2, 1, 2), 0, Outcome.PICKED, k % 2)
    assert state(shift, first) is NoveltyState.COLLECTING
    (again,) = shift.line.ready()
    assert again.id == first.id
    assert shift.line.ledger.left(first.id) == 12
    assert len(shift.line.ledger.choose(first.id, 12)) == 12
    assert shift.line.ledger.left(first.id) == 0


def test_what_a_closed_novelty_took_in_does_not_bring_it_back_after_a_restart(shift, looks):
    first, second = looks
    for k in range(8):
        shift.pick((3, 2, 1, 2), 0, Outcome.MISSED, k % 2, odd=[0])
    takes_over(shift, eyes(shift))
    assert state(shift, second) is NoveltyState.DISMISSED
    reopened(shift)
    shift.pick((3, 2, 1, 2), 0, Outcome.MISSED, odd=[0])
    assert state(shift, first) is NoveltyState.CLOSED


def test_what_came_back_may_cost_as_many_labels_again_and_no_more_after_a_restart(
    tmp_path, untrained
):
    shift = Shift(tmp_path / "w", untrained, Person(), frames=12)
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ready()
    shift.line.cycle.labeller.label(novelty, shift.line.ledger.choose(novelty.id, 12))
    for state in WAY[1:]:
        shift.line.ledger.move(novelty.id, state, shift.now)
    assert shift.line.ledger.left(novelty.id) == 0
    shift.triangles_arrive(14)
    (again,) = shift.line.ready()
    shift.line.cycle.labeller.label(again, shift.line.ledger.choose(again.id, 7))
    reopened(shift)
    assert shift.line.ledger.left(novelty.id) == 5
    shift.close()


class Lenient(Judge):
    """Lets every challenger pass."""

    def verdict(self, challenger, champion, slices, target, seed, confidence=0.9):
        score = SliceScore(str(target), 10, 0.5, 0.6, 0.1, 0.1, 0.1, 0.03)
        return Verdict(Answer.PASS, ("better",), (score,))


def test_the_novelty_that_was_just_learned_counts_among_the_closed_ones(shift):
    line = shift.line
    line.cycle._executor = InlineExecutor()
    line.cycle._judge = Lenient(shift.workspace, line.shelf)
    first, second = two_looks_arrive(shift)
    # The challenger of two steps would see nothing: what it sees is drawn, as all that is seen.
    line.know = lambda model: line.observer.learn_model(model, known(model))
    line._again = eyes(shift)
    outcome = line.learn(first)
    assert line.champion == outcome.challenger.id
    assert state(shift, first) is NoveltyState.CLOSED
    assert state(shift, second) is NoveltyState.DISMISSED
    assert line.ready() == []
