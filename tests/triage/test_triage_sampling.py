from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import InvalidInput
from januscl.triage import Candidate, choose_frames

START = datetime(2026, 1, 1, tzinfo=UTC)
GROUPS = np.random.default_rng(0).normal(size=(10, 16))


def candidates(groups, novelty=None, noise=0.3, camera="c"):
    rng = np.random.default_rng(1)
    return [
        Candidate(
            f"o-{i:03d}",
            camera,
            START + timedelta(minutes=i),
            GROUPS[group] + rng.normal(0, noise, 16),
            0.0 if novelty is None else novelty[i],
        )
        for i, group in enumerate(groups)
    ]


def test_a_campaign_takes_every_look_before_it_takes_one_twice():
    offered = candidates([i % 10 if i < 10 else 0 for i in range(60)], noise=0.1, camera="c")
    taken = choose_frames(offered, 10, seed=0, random_share=0.0)
    assert {int(o[2:]) for o in taken} >= set(range(1, 10))


def test_the_strangest_frame_is_taken_first():
    offered = candidates(list(range(10)), novelty=[0, 0, 0, 0, 0, 9, 0, 0, 0, 0])
    assert choose_frames(offered, 3, seed=0)[0] == "o-005"


def test_of_looks_in_a_row_at_the_same_pile_one_is_taken():
    offered = candidates([0, 0, 0, 1, 1, 1, 2, 2, 2], noise=0.001)
    assert sorted(choose_frames(offered, 9, seed=0)) == ["o-000", "o-003", "o-006"]


def test_the_stated_share_is_drawn_at_random():
    offered = candidates([i % 10 for i in range(200)])
    first, second = (choose_frames(offered, 20, seed=s, random_share=0.25) for s in (0, 1))
    assert first[:15] == second[:15]
    assert first[15:] != second[15:]
    assert len(set(first)) == 20
    assert first == choose_frames(offered, 20, seed=0, random_share=0.25)


def test_a_quota_is_never_exceeded_and_may_be_empty():
    offered = candidates([0, 1, 2])
    assert len(choose_frames(offered, 99, seed=0)) == 3
    assert choose_frames(offered, 0, seed=0) == []
    assert choose_frames([], 5, seed=0) == []
    with pytest.raises(InvalidInput):
        choose_frames(offered, -1, seed=0)
