from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import UNEXPLAINED, Instances, InvalidInput, Rle
from januscl.triage import Candidate, DoubtDesk, doubt_of, doubts_of, place_of

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACES = np.random.default_rng(0).normal(size=(400, 16))


def seen(scores, labels=None, **embeddings):
    masks = tuple(Rle(4, 4, np.asarray([0, 4, 12])) for _ in scores)
    sure = Instances.of_masks(masks, labels or [1] * len(scores))
    return replace(sure, scores=np.asarray(scores, np.float32), **embeddings)


def candidate(k, doubt, place=None):
    at = START + timedelta(hours=k)
    return Candidate(f"o-{k:03d}", "c", at, PLACES[k] if place is None else place, doubt)


def test_a_frame_is_in_doubt_by_what_could_as_well_be_nothing():
    assert doubt_of(seen([1.0, 1.0, 0.0])) == 0
    assert doubt_of(seen([0.5])) == 1
    assert doubt_of(seen([0.5, 0.5])) > doubt_of(seen([0.5, 0.9])) > doubt_of(seen([0.9, 0.9]))
    assert doubt_of(Instances.empty()) == 0


def test_what_the_model_did_not_explain_is_in_doubt_though_it_has_no_score():
    assert doubts_of(seen([0.9, 0.0], [1, UNEXPLAINED])) == pytest.approx([0.2, 1.0])


def test_a_frame_lies_where_its_embedding_says_or_else_amid_its_instances():
    own = np.array([5, 5], np.float32)
    each = np.array([[0, 2], [2, 0]], np.float32)
    assert place_of(seen([0.5, 0.5], embeddings=each)).tolist() == [1, 1]
    assert place_of(seen([0.5, 0.5], embeddings=each, frame_embedding=own)).tolist() == [5, 5]
    assert place_of(seen([0.5])) is None
    assert place_of(Instances.empty()) is None


def test_the_most_doubtful_frames_teach():
    desk = DoubtDesk(teaching=6, judging=2, seed=0)
    order = np.random.default_rng(3).permutation(100)
    for k in order.tolist():
        desk.see(candidate(k, doubt=float(k)), judges=False)
    teaching, judging = desk.choose(barred=set())
    assert len(teaching) == 6
    assert min(teaching) >= "o-088", "of the twelve most doubtful"
    assert judging == []
    assert desk.seen == 100


def test_of_copies_of_a_doubtful_frame_one_is_asked_for():
    desk = DoubtDesk(teaching=6, judging=1, seed=0)
    for k in range(3):
        desk.see(candidate(k, 1.0), judges=False)
    for k in range(3, 9):
        desk.see(candidate(k, 9.0, PLACES[3] + 1e-4 * PLACES[k]), judges=False)
    teaching, _ = desk.choose(barred=set())
    assert sorted(teaching) == ["o-000", "o-001", "o-002", "o-003"]


def test_those_that_judge_are_drawn_by_chance_and_not_by_doubt():
    means = []
    for seed in range(200):
        desk = DoubtDesk(teaching=1, judging=5, seed=seed)
        for k in range(40):
            desk.see(candidate(k, doubt=float(k)), judges=True)
        teaching, judging = desk.choose(barred=set())
        assert teaching == []
        means.append(np.mean([int(id[2:]) for id in judging]))
    assert len(set(means)) > 50
    assert np.mean(means) == pytest.approx(19.5, abs=1.5), "all frames alike, doubtful or not"


def test_a_barred_frame_is_never_chosen_and_another_takes_its_place():
    desk = DoubtDesk(teaching=4, judging=2, seed=0)
    for k in range(30):
        desk.see(candidate(k, doubt=float(k)), judges=k % 3 == 1)
    teaching, judging = desk.choose(barred=set())
    barred = {teaching[0], judging[0]}
    assert barred < desk.kept()
    again = desk.choose(barred)
    assert not barred & {*again[0], *again[1]}
    assert (len(again[0]), len(again[1])) == (4, 2)


def test_few_frames_are_kept_of_many_that_pass():
    desk = DoubtDesk(teaching=4, judging=2, seed=0)
    rng = np.random.default_rng(0)
    kept = sum(desk.see(candidate(k, rng.random()), judges=k % 3 == 1) for k in range(400))
    assert kept < 70
    assert len(desk.kept()) == 12


def test_a_campaign_that_nothing_could_judge_is_refused():
    with pytest.raises(InvalidInput, match="to judge by"):
        DoubtDesk(teaching=12, judging=0, seed=0)
