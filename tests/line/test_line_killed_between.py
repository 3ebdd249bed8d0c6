"""A line killed between two steps, or out of room for one, loses nothing and does not stand."""

from datetime import timedelta

import numpy as np
import pytest
from line_scenes import TRIANGLE, Shift, known
from test_line_recognition import NEXT, WAY, Lenient, eyes, learned, takes_over, two_looks_arrive
from test_line_restart import reopened

from januscl.compute import InlineExecutor
from januscl.core import Instances, NoveltyState, Release, Stage, StorageFull
from januscl.line import novelties
from januscl.line.campaigns import Campaigns
from januscl.line.novelties import NoveltyLedger


class Killed(BaseException):
    """The process ends here; nothing that it would do afterwards happens."""


@pytest.fixture
def shift(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    yield shift
    shift.close()


def state(shift, novelty):
    return shift.catalogue.novelties.get(novelty.id).state


def test_what_came_back_as_its_line_was_killed_collects_under_a_campaign_of_its_own(
    shift, monkeypatch
):
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ready()
    shift.line.cycle.labeller.label(novelty, shift.line.ledger.choose(novelty.id, 12))
    for step in WAY[1:]:
        shift.line.ledger.move(novelty.id, step, shift.now)
    shift.now += timedelta(days=4)  # its first campaign has run out

    def dies(*given):
        raise Killed

    monkeypatch.setattr(Campaigns, "open", dies)
    with pytest.raises(Killed):
        shift.triangles_arrive(14)
    monkeypatch.undo()
    reopened(shift)
    shift.line.ledger.look(shift.now)
    assert state(shift, novelty) is NoveltyState.COLLECTING
    assert len(shift.catalogue.campaigns.list(novelty.id)) == 2
    assert shift.line.ledger.left(novelty.id) == 12


def test_a_line_killed_before_it_could_close_a_novelty_still_has_its_labels(shift, monkeypatch):
    shift.line.cycle._executor = InlineExecutor()
    shift.line.cycle._judge = Lenient(shift.workspace, shift.line.shelf)
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ready()
    keep, dead = novelties.keep_move, []

    def dies(workspace, moved, *given):
        if dead or moved.state is NoveltyState.CLOSED:
            dead.append(moved)
            raise Killed
        keep(workspace, moved, *given)

    monkeypatch.setattr(novelties, "keep_move", dies)
    with pytest.raises(Killed):
        shift.line.learn(novelty)
    monkeypatch.undo()
    reopened(shift)
    assert [n.id for n in shift.line.ready()] == [novelty.id]
    assert len(shift.line.ledger.answers.unused(novelty.id)) == 12


def test_a_novelty_closed_after_its_line_was_killed_has_used_its_labels(shift):
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ready()
    shift.line.cycle.labeller.label(novelty, shift.line.ledger.choose(novelty.id, 12))
    for step in WAY[1:3]:
        shift.line.ledger.move(novelty.id, step, shift.now)
    runs = shift.champion.id
    done = Release("r-1", runs, runs, novelty.id, ("line-1",), Stage.DONE, shift.now)
    shift.catalogue.releases.put(done)
    reopened(shift)
    assert state(shift, novelty) is NoveltyState.CLOSED
    assert shift.line.ledger.answers.unused(novelty.id) == []


def test_a_move_that_finds_no_room_leaves_the_novelty_where_it_can_be_learned(shift, monkeypatch):
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ready()

    def full(*given):
        raise StorageFull("no room")

    monkeypatch.setattr(novelties, "keep_move", full)
    with pytest.raises(StorageFull):
        shift.line.ledger.move(novelty.id, NoveltyState.LABELLING, shift.now)
    monkeypatch.undo()
    assert [n.id for n in shift.line.ready()] == [novelty.id]


def gone_on(shift):
    """Let another process go on from what was kept, with a champion that knows triangles."""
    truths = {
        shift.workspace.observation(id).frame.image.tobytes(): shift.person.truth[id]
        for novelty in shift.catalogue.novelties.list()
        for id, _ in shift.catalogue.novelties.members(novelty.id)
    }

    def sees(model: str, image: np.ndarray) -> Instances:
        truth = truths[image.tobytes()]
        assert TRIANGLE in truth.labels
        return truth

    ledger = NoveltyLedger(shift.workspace, shift.line.policy.collecting, 1000.0, predict=sees)
    ordinary = np.concatenate([seen.instances.embeddings for seen in known(NEXT)])
    ledger.know(NEXT, ordinary)


def test_a_line_killed_before_its_new_champion_named_the_novelties_goes_on_with_that(shift):
    first, second = two_looks_arrive(shift)
    learned(shift, first)
    gone_on(shift)
    assert state(shift, second) is NoveltyState.DISMISSED
    kept = shift.catalogue.novelties.get(first.id)
    assert kept.instances == first.instances + second.instances


def test_what_a_champion_was_asked_once_it_is_not_asked_again_after_a_restart(shift):
    first, second = two_looks_arrive(shift)
    learned(shift, first)
    takes_over(shift, eyes(shift, score=0.45))
    gone_on(shift)
    assert state(shift, second) is NoveltyState.COLLECTING
