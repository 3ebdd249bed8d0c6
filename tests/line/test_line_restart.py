from dataclasses import replace
from datetime import timedelta

import pytest
from line_scenes import ALL, CELLS, EVERY, START, Person, Shift, known

from januscl.core import Conflict, Label, NoveltyState, Outcome, Ticket
from januscl.line import Line, World, recalling
from januscl.store import Workspace


def reopened(shift, model=None):
    """Close a shift's workspace and let another line go on with it, and with a model at work."""
    folder = shift.workspace.folder
    shift.close()
    shift.workspace = Workspace.open(folder)
    shift.catalogue = shift.workspace.catalogue
    shift.line = Line(
        shift.workspace,
        CELLS,
        shift.person,
        ALL,
        World(lambda: shift.now),
        shift.line.policy,
        picks_a_day=1000.0,
    )
    # Another line makes other ids.
    shift.line.observer._rng.bytes(3)
    model = model or shift.champion.id
    shift.line.observer.learn_model(model, known(model))
    return shift


@pytest.fixture
def shift(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    yield shift
    shift.close()


def test_a_novelty_outlives_its_process_with_its_members_and_its_cost(shift):
    shift.triangles_arrive(20)
    (before,) = shift.line.ledger.collecting()
    members = shift.catalogue.novelties.members(before.id)
    assert len(members) == before.instances == 20, "kept as they join, without a campaign"
    reopened(shift)
    (after,) = shift.line.ledger.collecting()
    assert after == before
    assert shift.line.ledger.waiting(after.id) == 20
    assert [n.id for n in shift.line.ready()] == [before.id]
    shift.pick((3, 2, 1, 2), 0, Outcome.MISSED)
    assert shift.line.ledger.collecting()[0].instances == 21, "the next one joins it"
    assert [n.id for n in shift.catalogue.novelties.list()] == [before.id]
    assert len(shift.catalogue.novelties.members(before.id)) == 21


def test_frames_that_turned_out_faulty_belong_to_no_novelty_after_a_restart(shift):
    shift.triangles_arrive(20)
    (before,) = shift.line.ledger.collecting()
    ids = [id for id, _ in shift.catalogue.novelties.members(before.id)]
    rows = [shift.catalogue.observations.get(id) for id in ids]
    late = Ticket("t", "camera-a", "robot-a", "dirty_lens", rows[0].at, shift.now, shift.now)
    shift.catalogue.tickets.put(late)
    sound = [row.id for row in rows if row.camera != "camera-a"]
    assert len(sound) == 10
    reopened(shift)
    assert [s.observation for s in shift.line.ledger._desk.members(before.id)] == sound
    shift.pick((3, 2, 1, 2), 0, Outcome.MISSED)
    assert shift.catalogue.novelties.get(before.id).instances == 11


def test_a_novelty_whose_events_are_old_is_still_where_it_was_after_a_restart(shift, monkeypatch):
    shift.triangles_arrive(20)
    (before,) = shift.line.ledger.collecting()
    monkeypatch.setattr(recalling, "_EVENTS", 1)
    reopened(shift)
    shift.pick((3, 2, 1, 2), 0, Outcome.MISSED)
    assert shift.catalogue.novelties.get(before.id).instances == 21


def test_a_sites_own_model_that_is_new_after_a_restart_finds_the_novelties_there(shift):
    shift.triangles_arrive(20)
    (before,) = shift.line.ledger.collecting()
    reopened(shift, "my-model-4")
    assert [n.id for n in shift.line.ledger.collecting()] == [before.id]


def test_labels_are_not_asked_for_again_after_a_restart_and_late_ones_are_used(shift):
    shift.person.annotate = lambda tasks: []
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ready()
    with pytest.raises(Conflict, match="its tasks wait"):
        shift.line.learn(novelty)
    reopened(shift)
    assert shift.line.ledger.left(novelty.id) == 0
    assert shift.line.ready() == []
    tasks = shift.catalogue.label_tasks.pending(novelty.id)
    assert shift.line.ledger.taken == {task.observation for task in tasks}
    shift.line.answer(
        [Label(t.observation, shift.person.truth[t.observation], "late", START) for t in tasks]
    )
    reopened(shift)
    assert [n.id for n in shift.line.ready()] == [novelty.id]


def test_a_cycle_that_died_with_its_process_begins_again_from_its_labels(shift):
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ready()
    frames = shift.line.ledger.choose(novelty.id, 12)
    shift.line.cycle.labeller.label(novelty, frames)
    assert shift.catalogue.novelties.get(novelty.id).state is NoveltyState.LABELLING
    asked = len(shift.person.asked)
    reopened(shift)
    (again,) = shift.line.ready()
    assert (again.id, again.state) == (novelty.id, NoveltyState.COLLECTING)
    assert shift.line.learn(again).labels == 12
    assert len(shift.person.asked) == asked


def test_what_was_not_a_novelty_yet_becomes_one_after_a_restart(shift):
    for k in range(8):
        shift.pick((3, 2, 1, 2), 0, Outcome.MISSED, k % 2)
    assert shift.catalogue.novelties.list() == []
    reopened(shift)
    for k in range(8):
        shift.pick((3, 2, 1, 2), 0, Outcome.MISSED, k % 2)
    (novelty,) = shift.catalogue.novelties.list()
    assert novelty.first_seen == START + EVERY
    assert novelty.instances >= 12


def test_a_campaign_whose_tasks_wait_for_a_person_is_not_given_up(shift):
    shift.person.annotate = lambda tasks: []
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ready()
    with pytest.raises(Conflict, match="its tasks wait"):
        shift.line.learn(novelty)
    shift.line.ledger.look(shift.now + timedelta(days=30))
    assert shift.catalogue.novelties.get(novelty.id).state is NoveltyState.COLLECTING


def test_a_routine_campaign_outlives_its_process(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, Person(), routine=30)
    shift.works_on(30, lambda k: k % 4 in (0, 1))
    (record,) = shift.line.ready()
    frames = shift.line.routine.choose(record.id, 12)
    judging = shift.line.routine.judging(frames)
    assert len(judging) == 4
    reopened(shift)
    assert shift.line.routine.records() == [shift.catalogue.novelties.get(record.id)]
    assert shift.line.routine.has(record.id)
    assert shift.line.routine.judging(frames) == judging
    shift.close()


def test_an_error_in_a_cycle_loses_no_label_and_the_novelty_can_be_learned_again(shift):
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ready()

    def breaks():
        raise RuntimeError("the power of the trainer failed")

    calm = shift.line.cycle._world
    shift.line.cycle._world = replace(calm, meanwhile=breaks)
    with pytest.raises(RuntimeError, match="power"):
        shift.line.learn(novelty)
    assert shift.catalogue.novelties.get(novelty.id).state is NoveltyState.COLLECTING
    shift.line.cycle._world = calm
    asked = len(shift.person.asked)
    (again,) = shift.line.ready()
    assert shift.line.learn(again).labels == asked == 12
    assert len(shift.person.asked) == asked, "nothing is labelled twice"


def test_a_line_that_looks_for_doubt_may_ask_what_is_ready_at_once_after_a_restart(
    tmp_path, untrained
):
    shift = Shift(tmp_path / "doubt", untrained, routine=30)
    shift.works_on(5)
    reopened(shift)
    assert shift.line.ready() == []
    shift.close()
