import numpy as np
import pytest
from line_scenes import CELLS, START, Person, Shift, as_seen, draw

from januscl.core import (
    Answer,
    Conflict,
    Event,
    EventKind,
    Frame,
    Label,
    NoveltyState,
    Observation,
    Outcome,
    Pick,
    Ticket,
    new_id,
)
from januscl.line import Learning
from januscl.line.memory import latest_ordinary

EVERY = 30


def every_other(k):
    return k % 4 in (0, 1)


@pytest.fixture(scope="module")
def good(tmp_path_factory, untrained):
    """A routine cycle whose champion knows nothing, so that any training helps."""
    learning = Learning(steps=14, batch=2, threads=1, replay=6)
    shift = Shift(
        tmp_path_factory.mktemp("routine") / "w", untrained, learning=learning, routine=EVERY
    )
    shift.ids = shift.works_on(EVERY, every_other)
    (record,) = shift.line.ready()
    shift.outcome = shift.line.learn(record)
    yield shift
    shift.close()


def test_a_stream_without_novelty_still_asks_for_labels(good):
    assert [n.name for n in good.catalogue.novelties.list()] == ["routine-1"]
    assert good.outcome.labels == len(good.person.asked) == 12
    (campaign,) = good.catalogue.campaigns.list(good.outcome.novelty.id)
    assert set(campaign.frames) == {task.observation for task in good.person.asked}


def test_what_teaches_is_what_the_model_is_in_doubt_of(good):
    doubtful = {id for k, id in enumerate(good.ids) if every_other(k)}
    taught = {i.id for i in good.outcome.deck.items if i.source == good.outcome.novelty.id}
    assert len(taught) == 8
    assert taught <= doubtful
    members = good.catalogue.novelties.members(good.outcome.novelty.id)
    assert {observation for observation, _ in members} == taught


def test_what_judges_was_drawn_by_chance_and_not_by_doubt(good):
    part = good.catalogue.slices.get("routine-1")
    order = {id: k for k, id in enumerate(good.ids)}
    places = [order[item.id] for item in part.items]
    assert len(places) == 4
    assert len({every_other(place) for place in places}) == 2, "doubtful frames and others"
    assert {place % 2 for place in places} == {0, 1}, "of both robots"


def test_a_routine_campaign_goes_the_way_of_a_novelty(good):
    assert good.outcome.verdict.answer is Answer.PASS, good.outcome.verdict.reasons
    assert good.line.champion == good.outcome.challenger.id != good.champion.id
    assert good.outcome.novelty.state is NoveltyState.CLOSED
    assert good.catalogue.novelties.get(good.outcome.novelty.id) == good.outcome.novelty
    actions = [row.action for row in good.catalogue.audit.list(subject=good.outcome.novelty.id)]
    assert actions == [
        "novelty.collecting",
        "novelty.labelling",
        "labelled",
        "slice.kept",
        "novelty.in_deck",
        "novelty.in_release",
        "novelty.closed",
        "slice.frozen",
    ]


def test_a_routine_campaign_costs_no_picks_and_says_so(good):
    record = good.catalogue.novelties.get(good.outcome.novelty.id)
    assert (record.cost.expected, record.cost.high) == (0, 0)
    assert record.robots == ("robot-a", "robot-b")
    assert record.instances == 8
    assert record.kind is None


def test_without_the_policy_there_is_no_routine_campaign(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    shift.works_on(2 * EVERY, every_other)
    assert shift.line.ready() == []
    assert shift.catalogue.campaigns.list() == []
    assert shift.line.routine.kept == set()
    shift.close()


def test_a_campaign_is_ready_when_it_has_looked_through_its_frames(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, routine=EVERY)
    shift.works_on(EVERY - 1, every_other)
    assert shift.line.ready() == []
    assert shift.line.routine.waiting() == 12
    shift.works_on(1)
    (record,) = shift.line.ready()
    assert shift.line.routine.has(record.id)
    shift.close()


def test_novelties_come_first(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, routine=EVERY)
    shift.works_on(EVERY - 10, every_other)
    shift.triangles_arrive(18)
    (novelty,) = shift.line.ready()
    assert not shift.line.routine.has(novelty.id)
    assert shift.line.ledger.hungry()
    shift.line.ledger.choose(novelty.id, 12)
    assert not shift.line.ledger.hungry(), "its labels are spent"
    shift.works_on(EVERY, every_other)
    (record,) = shift.line.ready()
    assert record.name == "routine-1"
    shift.close()


def test_a_frame_under_a_ticket_is_never_asked_for(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, routine=EVERY)
    ids = shift.works_on(EVERY, every_other)
    ticket = Ticket("t-1", "camera-a", "robot-a", "defocus", START, shift.now)
    shift.catalogue.tickets.put(ticket)
    (record,) = shift.line.ready()
    frames = shift.line.routine.choose(record.id, 12)
    assert frames
    assert {frame.frame.camera for frame in frames} == {"camera-b"}
    assert {frame.id for frame in frames} <= set(ids)
    shift.close()


@pytest.mark.parametrize(
    ("kind", "cause", "taken"),
    [
        (EventKind.FAULT, "defocus", False),
        (EventKind.AMBIGUOUS, "defocus", False),
        (EventKind.AMBIGUOUS, "failed_pick", True),
        (EventKind.NOVELTY, "novel", True),
    ],
)
def test_frames_of_a_fault_are_passed_by_before_there_is_a_ticket(
    tmp_path, untrained, kind, cause, taken
):
    shift = Shift(tmp_path / "w", untrained, routine=EVERY)
    pile = draw(1)
    frame = Frame(pile.image, "camera-a", "robot-a", shift.now)
    seen = Observation(new_id(shift.now), frame, as_seen(pile.truth, 1), shift.champion.id)
    shift.workspace.catalogue.observations.add(seen)
    event = Event(new_id(), seen.id, "camera-a", "robot-a", shift.now, kind, cause, ())
    shift.line.routine.take(seen, event)
    assert (seen.id in shift.line.routine.kept) is taken
    shift.close()


def test_what_another_model_was_in_doubt_of_does_not_count(tmp_path, untrained, trained):
    shift = Shift(tmp_path / "w", untrained, routine=EVERY)
    shift.works_on(EVERY, every_other)
    (record,) = shift.line.ready()
    first = shift.line.adopt(trained, {"name": "second"})
    shift.works_on(1)
    assert shift.line.ready() == [record], "frames of a model that no longer runs change nothing"
    shift.champion = first
    shift.works_on(1)
    assert shift.line.ready() == []
    assert shift.line.routine.collecting() == [record], "the campaign looks anew"
    shift.close()


def test_a_frame_is_asked_for_once_and_a_refused_model_leaves_the_campaign_open(
    tmp_path, untrained
):
    shift = Shift(tmp_path / "w", untrained, Person(), routine=EVERY)
    shift.works_on(EVERY, every_other)
    (record,) = shift.line.ready()
    outcome = shift.line.learn(record)  # of two steps: nothing is learned
    assert outcome.verdict.answer is not Answer.PASS
    assert outcome.novelty.state is NoveltyState.COLLECTING
    first = {task.observation for task in shift.person.asked}
    assert shift.line.ready() == []
    shift.works_on(EVERY, every_other)
    (again,) = shift.line.ready()
    assert again.id == record.id
    second = {frame.id for frame in shift.line.routine.choose(again.id, 12)}
    assert len(second) == 12
    assert not first & second
    assert len(shift.catalogue.campaigns.list(record.id)) == 2
    shift.close()


def test_a_campaign_whose_tasks_all_wait_for_a_person_is_not_ready_for_more(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, Person(), routine=EVERY)
    shift.person.annotate = lambda tasks: []
    shift.works_on(EVERY, every_other)
    (record,) = shift.line.ready()
    with pytest.raises(Conflict, match="its tasks wait"):
        shift.line.learn(record)
    shift.works_on(2 * EVERY, every_other)
    assert shift.line.ready() == []
    late = shift.catalogue.label_tasks.pending(record.id)
    truth = shift.person.truth
    shift.line.answer([Label(t.observation, truth[t.observation], "late", START) for t in late])
    assert [n.id for n in shift.line.ready()] == [record.id]
    shift.close()


def test_what_is_kept_for_its_doubt_does_not_say_what_is_ordinary(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, routine=EVERY)
    ids = shift.works_on(EVERY, every_other)
    kept = {row.id for row in shift.catalogue.observations.list() if row.image is not None}
    ordinary = {seen.id for seen in latest_ordinary(shift.workspace, shift.line.routine.kept)}
    assert shift.line.routine.kept <= kept
    assert len(shift.line.routine.kept) >= 12
    assert not ordinary & shift.line.routine.kept
    assert ordinary < set(ids)
    shift.close()


def test_a_model_without_embeddings_has_no_routine_campaign(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, routine=4)
    for k in range(6):
        pile = draw(k)
        frame = Frame(pile.image, CELLS[0].camera, CELLS[0].robot, shift.now)
        id = shift.line.observe(frame, pile.truth, shift.champion.id)
        shift.line.report(id, Pick(0, (20.0, 20.0), Outcome.PICKED, shift.now))
    assert shift.line.ready() == []
    assert np.all([row.image is None for row in shift.catalogue.observations.list()][1:3])
    shift.close()
