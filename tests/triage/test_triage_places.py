"""Where novelties lie: by votes of what lies nearest, each within a reach of its own."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import InvalidInput
from januscl.triage import Sighting
from januscl.triage.attempts import AttemptLog
from januscl.triage.clusters import Space, groups_of
from januscl.triage.cost import Attempts, Recent, expected_cost
from januscl.triage.held import Held
from januscl.triage.places import Places

START = datetime(2026, 1, 1, tzinfo=UTC)
RNG = np.random.default_rng(3)
KNOWN = np.repeat(RNG.normal(size=(4, 24)), 50, axis=0) + RNG.normal(0, 0.2, (200, 24))
HERE, THERE = RNG.normal(size=(2, 24))


def sightings(centre, count, frames="f", spread=0.2, a_frame=1, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Sighting(f"{frames}-{k // a_frame:03d}", k % a_frame, "r", START + timedelta(minutes=k), e)
        for k, e in enumerate(centre + rng.normal(0, spread, (count, 24)))
    ]


def taught(*novelties, waiting=()):
    places = Places(KNOWN)
    places.learn(dict(novelties), list(waiting))
    return places


def test_what_no_known_kind_shows_counts_for_more_than_what_tells_known_kinds_apart():
    axis = np.zeros((200, 3))
    axis[:, 0] = np.repeat([-5.0, 5.0], 100)
    known = axis + np.random.default_rng(0).normal(0, 0.5, (200, 3))
    space = Space(known)
    along, across = space.place(np.array([[2.0, 0, 0], [0, 2.0, 0]]))
    assert np.linalg.norm(across) > 4 * np.linalg.norm(along)


def test_a_dense_novelty_and_a_wide_one_each_have_a_reach_of_their_own():
    dense, wide = sightings(HERE, 40, "d", 0.05), sightings(THERE, 40, "w", 0.4, seed=1)
    places = taught(("dense", dense), ("wide", wide))
    beside = np.random.default_rng(2).normal(0, 0.4, (20, 24))
    assert places.nearest(THERE + beside).count("wide") >= 15
    assert places.nearest(HERE + beside).count("dense") == 0


def test_known_kinds_belong_to_no_novelty():
    places = taught(("new", sightings(HERE, 40)))
    assert places.nearest(KNOWN) == [None] * len(KNOWN)


def test_instances_of_one_frame_are_no_witnesses_for_each_other():
    once = taught(("new", sightings(HERE, 30, "one", a_frame=30)))
    often = taught(("new", sightings(HERE, 30, "many")))
    more = sightings(HERE, 1, seed=9)[0]
    same = Sighting("one-000", 99, "r", START, more.embedding)
    assert once.take([same]) == [None]
    assert often.take([more]) == ["new"]


def test_a_new_kind_that_arrives_next_to_a_novelty_is_a_group_of_its_own():
    places = taught(("first", sightings(HERE, 30, "a")))
    beside = HERE + 0.6 * (THERE - HERE)
    arriving = sightings(beside, 30, "b", seed=4)
    for sighting in arriving:
        places.take([sighting])
    waiting = [s.key for s in arriving]
    joined, groups = places.regroup(waiting, 12)
    assert not joined
    assert len(groups) == 1
    assert len(groups[0]) >= 15
    assert places.overlapping(groups[0]) is None


def test_what_waits_among_a_novelty_does_not_keep_the_next_one_out():
    members, strays = sightings(HERE, 30, "a"), sightings(HERE, 30, "b", seed=4)
    more = [s.embedding for s in sightings(HERE, 30, "c", seed=5)]
    alone, among = taught(("new", members)), taught(("new", members), waiting=strays)
    assert among.nearest(more).count("new") >= 0.8 * alone.nearest(more).count("new") > 15


def test_every_known_instance_has_a_vote():
    held = Held(Space(KNOWN).place(KNOWN))
    nowhere = np.asarray([-1])  # the frame of what is only asked for
    assert np.isfinite(held.apart(held._places[:3], nowhere)).all()


def test_strays_among_known_instances_make_no_group_and_two_kinds_make_two():
    rng = np.random.default_rng(5)
    known, strays = rng.normal(0, 6, (200, 8)), rng.normal(0, 7, (15, 8))
    kinds = [rng.normal(20, 1, (20, 8)), rng.normal(-20, 1, (14, 8))]
    points = np.concatenate([known, strays, *kinds]).astype(np.float32)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    own = np.arange(200, len(points))
    first, second = groups_of(apart[own], own, 12)
    assert set(first) <= set(range(15, 35))
    assert set(second) <= set(range(35, 49))


def test_a_novelty_keeps_only_its_latest_members():
    places = taught(("new", sightings(HERE, 300, "old", 0.05)))
    for frame in range(320):
        places.take(sightings(HERE, 1, f"later{frame}", 0.05, seed=frame))
    assert len(places._held.names) == 1
    assert int((places._held.owner >= 0).sum()) <= 300


def test_one_known_instance_is_too_few():
    with pytest.raises(InvalidInput, match="M of 2 or more"):
        Places(KNOWN[:1])


def log_of(days):
    """Return a log with 100 attempts on each day, as many on the novelty as ``days`` says."""
    log, keys = AttemptLog(), set()
    for day, met in enumerate(days):
        for k in range(100):
            name = f"o-{day}-{k}"
            log.tell(name, 0, k < met, START + timedelta(days=day, minutes=k))
            keys |= {(name, 0)} if k < met else set()
    return log, keys


def test_a_novelty_that_spreads_costs_more_than_one_that_fades_though_both_failed_as_often():
    rising, falling = log_of([2, 4, 8, 16, 32, 38]), log_of([38, 32, 16, 8, 4, 2])
    costs = []
    for log, keys in (rising, falling):
        mine, others, recent = log.divided(keys, START)
        assert (mine, others) == (Attempts(100, 100), Attempts(500, 0))
        costs.append(expected_cost(mine, others, 1000, 0, recent).expected)
    assert costs[0] > 2.5 * costs[1]


def test_recent_attempts_say_how_often_and_all_of_them_how_bad():
    novel, others = Attempts(400, 200), Attempts(3600, 180)
    cost = expected_cost(novel, others, 1000, 0, Recent(20.0, 380.0))
    assert cost.expected == pytest.approx(1000 * 0.05 * 0.45, rel=0.05)
    with pytest.raises(InvalidInput, match="recent attempts"):
        Recent(-1.0, 3.0)
