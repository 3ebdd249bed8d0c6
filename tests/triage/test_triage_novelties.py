from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import Conflict, Cost, NotFound, Novelty, NoveltyState
from januscl.triage import Attempts, Kept, NoveltyDesk, Sighting, expected_cost, moved
from januscl.triage.files import File

START = datetime(2026, 1, 1, tzinfo=UTC)
CENTRES = np.random.default_rng(7).normal(size=(6, 48))
RNG_SEED = 11
# Five kinds that are known, forty instances each.
KNOWN = np.random.default_rng(5).normal(size=(5, 48))
ORDINARY = np.repeat(KNOWN, 40, axis=0) + np.random.default_rng(6).normal(0, 0.25, (200, 48))


class World:
    """Frames with stray events and, where asked, instances of new kinds."""

    def __init__(self, desk):
        self.desk = desk
        self.rng = np.random.default_rng(RNG_SEED)
        self.frame = 0
        self.changed = []
        self.turn = np.eye(48)

    def show(self, frames, kind=None, fails=0.0, tried=True):
        """Show frames with two instances of ``kind``, one of which is tried, and a stray one."""
        for _ in range(frames):
            self.frame += 1
            at, name = START + timedelta(minutes=self.frame), f"o-{self.frame:05d}"
            places = {}
            if kind is not None:
                places = {i: CENTRES[kind] + self.rng.normal(0, 0.25, 48) for i in (0, 1)}
            if self.frame % 4 == 0:
                places[9] = self.rng.normal(0, 1.2, 48)
            robot = f"r-{self.frame % 2}"
            seen = [Sighting(name, i, robot, at, self.turn @ e) for i, e in places.items()]
            self.changed += self.desk.see(seen)
            if tried:
                self.desk.tell(name, 0, bool(self.rng.random() < fails), at)


TO_CLOSED = ("collecting", "labelling", "in_deck", "in_release", "closed")


def go(desk, novelty, states=TO_CLOSED):
    for state in states:
        desk.move(novelty.id, NoveltyState(state))


def test_a_kind_that_recurs_becomes_one_novelty_and_strays_become_none():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(40)
    assert world.changed == []
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    assert novelty.state is NoveltyState.NEW
    assert novelty.instances >= 36
    assert novelty.robots == ("r-0", "r-1")
    assert [n.id for n in world.changed] == [novelty.id]
    assert 9 not in {s.instance for s in world.desk.members(novelty.id)}, "a stray joined"


def test_many_instances_in_few_frames_are_no_novelty():
    desk = NoveltyDesk(ORDINARY, 1000)
    rng = np.random.default_rng(0)
    for frame in range(4):
        at = START + timedelta(minutes=frame)
        places = CENTRES[0] + rng.normal(0, 0.2, (8, 48))
        assert desk.see([Sighting(f"o-{frame}", i, "r", at, e) for i, e in enumerate(places)]) == ()


def test_two_new_kinds_at_once_are_two_novelties_and_keep_their_identity():
    world = World(NoveltyDesk(ORDINARY, 1000))
    for _ in range(12):
        world.show(1, kind=1)
        world.show(1, kind=2)
    first = {n.id for n in world.desk.rank()}
    assert len(first) == 2
    for _ in range(15):
        world.show(1, kind=1)
        world.show(1, kind=2)
    assert {n.id for n in world.desk.rank()} == first
    assert all(50 <= n.instances <= 54 for n in world.desk.rank())


def towards(kind, part):
    """Return a place at a part of the way from what is known to a new kind."""
    return KNOWN[0] + part * (CENTRES[kind] - KNOWN[0])


def test_what_lies_nearer_to_the_ordinary_than_to_a_novelty_joins_none():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    far, near = world.desk.nearest(np.stack([towards(0, 0.45), towards(0, 0.98)]))
    assert (far, near) == (None, novelty.id)


@pytest.mark.parametrize(("strange", "drawn_in"), [(False, False), (True, True)])
def test_what_was_only_collected_with_a_novelty_counts_and_draws_in_nothing(strange, drawn_in):
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    # Each of these is near the last one: a novelty that followed them would drift away.
    for step, part in enumerate(np.linspace(0.98, 0.5, 25)):
        at = START + timedelta(days=1, minutes=step)
        places = towards(0, part) + world.rng.normal(0, 0.1, (4, 48))
        name = f"c-{step}"
        world.desk.see([Sighting(name, i, "r", at, e, strange) for i, e in enumerate(places)])
        world.show(1, kind=0)
    world.show(16, kind=1)
    assert world.desk.novelty(novelty.id).instances > novelty.instances + 50
    assert (world.desk.nearest(towards(0, 0.5)[None]) == [novelty.id]) is drawn_in


def test_the_same_events_make_the_same_novelties():
    ids = []
    for _ in range(2):
        world = World(NoveltyDesk(ORDINARY, 1000))
        world.show(20, kind=0, fails=0.5)
        ids.append(world.desk.rank())
    assert ids[0] == ids[1]


def test_an_instance_that_is_delivered_twice_counts_once():
    desk = NoveltyDesk(ORDINARY, 1000)
    rng = np.random.default_rng(0)
    for frame in list(range(20)) * 2:
        at = START + timedelta(minutes=frame)
        desk.see([Sighting(f"o-{frame}", 0, "r", at, CENTRES[0] + rng.normal(0, 0.25, 48))])
    assert desk.rank()[0].instances <= 20


def test_novelties_are_ranked_by_the_picks_they_lose():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(60, fails=0.05)
    for _ in range(20):
        world.show(1, kind=1, fails=0.1)
        world.show(1, kind=2, fails=0.9)
        world.show(2, fails=0.05)
    worst, mild = world.desk.rank()
    assert worst.cost.expected > 4 * mild.cost.expected
    assert worst.cost.low < worst.cost.expected < worst.cost.high


def test_when_nothing_was_worth_a_try_the_novelty_in_the_frame_pays():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0, tried=False)
    (novelty,) = world.desk.rank()
    for frame in range(1, 11):
        world.desk.tell(f"o-{frame:05d}", None, True, START + timedelta(minutes=frame))
    assert world.desk.attempts(novelty.id)[0] == Attempts(10, 10)


def test_cost_follows_the_share_and_the_extra_failures():
    cost = expected_cost(Attempts(2000, 1000), Attempts(8000, 800), picks_a_day=1000, seed=0)
    assert cost.expected == pytest.approx(1000 * 0.2 * 0.4, rel=0.03)
    assert cost.low < 80 < cost.high < 90
    harmless = expected_cost(Attempts(2000, 200), Attempts(8000, 800), picks_a_day=1000, seed=0)
    assert harmless.expected < 5


def test_a_closed_novelty_that_comes_back_is_regressed_and_keeps_its_identity():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    go(world.desk, novelty)
    world.show(3, kind=0)
    assert world.desk.novelty(novelty.id).state is NoveltyState.CLOSED
    world.show(10, kind=0)
    (again,) = world.desk.rank()
    assert (again.id, again.state) == (novelty.id, NoveltyState.REGRESSED)
    assert world.changed[-1].id == novelty.id


def test_odd_instances_now_and_then_do_not_bring_a_closed_novelty_back():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    go(world.desk, novelty)
    for _ in range(20):
        world.show(1, kind=0)
        world.show(4)
    assert world.desk.novelty(novelty.id).state is NoveltyState.CLOSED
    world.show(11, kind=0)
    back = world.desk.novelty(novelty.id)
    assert back.state is NoveltyState.REGRESSED
    mine, _ = world.desk.attempts(novelty.id)
    assert mine.tried < 20, "what it costs counts from when it came back"


def test_a_closed_novelty_remembers_no_more_odd_instances_than_could_bring_it_back():
    novelty = Novelty("n", "n", NoveltyState.CLOSED, START, START, 0, (), Cost(0, 0, 0))
    file = File(novelty, START, set(), pace=1.0)
    for hour in range(100):
        odd = Sighting(f"o-{hour}", 0, "r", START + timedelta(hours=hour), np.zeros(4))
        assert not file.join([odd], returns=12)
    assert [s.observation for s in file.returned] == [f"o-{hour}" for hour in range(88, 100)]


def test_what_was_seen_before_a_novelty_was_closed_does_not_bring_it_back_when_it_comes_late():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    go(world.desk, novelty)
    for k in range(10):
        place = CENTRES[0] + world.rng.normal(0, 0.25, 48)
        world.desk.see([Sighting(f"late-{k}", 0, "r", START + timedelta(minutes=k), place)])
    late = world.desk.novelty(novelty.id)
    assert late.instances >= novelty.instances + 9, "it counts"
    assert late.state is NoveltyState.CLOSED
    world.show(14, kind=0)
    assert world.desk.novelty(novelty.id).state is NoveltyState.REGRESSED


def test_a_dismissed_novelty_stays_quiet():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    world.desk.move(novelty.id, NoveltyState.DISMISSED)
    world.show(20, kind=0)
    assert [n.state for n in world.desk.rank()] == [NoveltyState.DISMISSED]


WAY = {
    "new": {"collecting", "dismissed"},
    "collecting": {"labelling", "dismissed"},
    "labelling": {"in_deck", "collecting", "dismissed"},
    "in_deck": {"in_release", "collecting", "dismissed"},
    "in_release": {"closed", "collecting", "dismissed"},
    "regressed": {"collecting", "dismissed"},
    "closed": set(),
    "dismissed": set(),
}


@pytest.mark.parametrize("state", NoveltyState)
def test_a_novelty_moves_one_step_at_a_time_and_every_other_move_is_refused(state):
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    here = replace(novelty, state=state)
    for there in NoveltyState:
        if there in WAY[state]:
            assert moved(here, there).state is there
        else:
            with pytest.raises(Conflict, match=f"is {state}; it cannot become {there}"):
                moved(here, there)


def test_a_refused_move_leaves_the_novelty_where_it_was():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    with pytest.raises(Conflict, match="cannot become closed"):
        world.desk.move(novelty.id, NoveltyState.CLOSED)
    go(world.desk, novelty, ("collecting", "labelling"))
    assert world.desk.in_state(NoveltyState.NEW) == ()
    with pytest.raises(NotFound):
        world.desk.novelty("nobody")


def test_asking_which_novelties_are_in_a_state_counts_no_attempt(monkeypatch):
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0, fails=0.5)
    ranked = world.desk.rank()
    monkeypatch.setattr(world.desk, "attempts", None)
    assert world.desk.in_state(NoveltyState.NEW) == ranked
    assert world.desk.in_state(NoveltyState.CLOSED) == ()


def test_a_desk_that_goes_on_from_what_was_kept_says_what_the_first_one_would():
    whole, stopped = (World(NoveltyDesk(ORDINARY, 1000)) for _ in range(2))
    for world in (whole, stopped):
        world.show(20, kind=0, fails=0.5)
    (novelty,) = stopped.desk.rank()
    members = stopped.desk.members(novelty.id)
    stopped.desk = NoveltyDesk(ORDINARY, 1000)
    keys = stopped_keys(whole, novelty.id)
    stopped.desk.restore([Kept(novelty, novelty.first_seen, keys, members)])
    for world in (whole, stopped):
        world.show(10, kind=0)
    (told,), (again,) = whole.desk.rank(), stopped.desk.rank()
    assert (again.id, again.state, again.instances) == (told.id, told.state, told.instances)


def test_a_closed_novelty_that_was_kept_still_comes_back():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    keys = stopped_keys(world, novelty.id)
    go(world.desk, novelty)
    world.show(2, kind=0)
    closed, members = world.desk.novelty(novelty.id), world.desk.members(novelty.id)
    world.desk = NoveltyDesk(ORDINARY, 1000)
    at = START + timedelta(minutes=20)
    world.desk.restore([Kept(closed, closed.first_seen, keys, members, at)])
    world.show(10, kind=0)
    assert world.desk.novelty(novelty.id).state is NoveltyState.REGRESSED


def stopped_keys(world, novelty):
    """Return what joined a novelty so far."""
    return set(world.desk.joined()[novelty])


def test_what_joins_a_novelty_is_told_once():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    assert len(stopped_keys(world, novelty.id)) == novelty.instances
    assert world.desk.joined() == {}
    world.show(1, kind=0)
    assert world.desk.joined() == {novelty.id: [("o-00021", 0), ("o-00021", 1)]}


def test_a_novelty_keeps_its_identity_when_a_new_model_sees_it_elsewhere():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    old = {s.key: s.embedding for s in world.desk.members(novelty.id)}
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(48, 48)))[0]
    world.desk.rebase(ORDINARY @ turn.T, lambda keys: {k: turn @ old[k] for k in keys if k in old})
    world.turn = turn
    world.show(20, kind=0)
    (again,) = world.desk.rank()
    assert again.id == novelty.id
    assert again.instances >= novelty.instances + 30


def test_a_name_and_a_class_id_come_with_the_labels():
    world = World(NoveltyDesk(ORDINARY, 1000))
    world.show(20, kind=0)
    (novelty,) = world.desk.rank()
    named = world.desk.name(novelty.id, "black polybag", kind=7)
    assert (named.id, named.name, named.kind) == (novelty.id, "black polybag", 7)


def test_two_novelties_that_are_one_share_their_sightings_under_the_first_identity():
    world = World(NoveltyDesk(ORDINARY, 1000))
    for _ in range(12):
        world.show(1, kind=1)
        world.show(1, kind=2)
    first, second = world.desk.rank()
    kept, gone = world.desk.merge(first.id, second.id)
    assert (kept.id, kept.instances) == (first.id, first.instances + second.instances)
    assert gone.state is NoveltyState.DISMISSED
    world.show(5, kind=1)
    world.show(5, kind=2)
    assert kept.instances + 18 <= world.desk.novelty(first.id).instances <= kept.instances + 20
    assert world.desk.members(second.id) == ()


def test_a_novelty_is_merged_neither_with_itself_nor_after_it_was_closed():
    world = World(NoveltyDesk(ORDINARY, 1000))
    for _ in range(12):
        world.show(1, kind=1)
        world.show(1, kind=2)
    first, second = world.desk.rank()
    with pytest.raises(Conflict, match="itself"):
        world.desk.merge(first.id, first.id)
    go(world.desk, second)
    with pytest.raises(Conflict, match="cannot become dismissed"):
        world.desk.merge(first.id, second.id)


def test_a_closed_novelty_that_takes_in_another_stays_closed_until_more_of_it_is_seen():
    world = World(NoveltyDesk(ORDINARY, 1000))
    for _ in range(12):
        world.show(1, kind=1)
        world.show(1, kind=2)
    first, second = sorted(world.desk.rank(), key=lambda n: n.first_seen)
    go(world.desk, first)
    world.show(3, kind=1)
    kept, gone = world.desk.merge(first.id, second.id)
    assert (kept.state, gone.state) == (NoveltyState.CLOSED, NoveltyState.DISMISSED)
    assert kept.last_seen >= second.last_seen
    times = [sighting.at for sighting in world.desk.members(first.id)]
    assert times == sorted(times)
    world.show(11, kind=2)
    assert world.desk.novelty(first.id).state is NoveltyState.CLOSED
    world.show(1, kind=2)
    assert world.desk.novelty(first.id).state is NoveltyState.REGRESSED
