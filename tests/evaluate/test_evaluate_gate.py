import time

import numpy as np
import pytest
from drawn_piles import cuts, piles

from januscl.core import Answer, Instances, InvalidInput
from januscl.evaluate import (
    SliceData,
    bootstrap_deltas,
    gate,
    match,
    paired_bootstrap,
    precision_at,
)

TRUTHS = piles(0, 40)


def matched(skill, seed, truths=TRUTHS):
    return match(truths, cuts(seed, truths, skill))


@pytest.fixture(scope="module")
def models():
    """Matches on 40 frames by skill, each of its own luck."""
    return {
        "poor": matched(0.3, 1),
        "fair": matched(0.7, 2),
        "fair again": matched(0.7, 3),
        "good": matched(0.85, 4),
    }


def test_the_same_model_twice_differs_by_nothing(models):
    assert paired_bootstrap(models["fair"], models["fair"], resamples=50) == (0, 0, 0)


def test_the_interval_holds_the_measured_difference_and_swaps_with_the_models(models):
    there = paired_bootstrap(models["poor"], models["good"], seed=5)
    back = paired_bootstrap(models["good"], models["poor"], seed=5)
    assert there.low < there.delta < there.high
    assert there == pytest.approx((-back.delta, -back.high, -back.low))
    measured = precision_at(models["good"]).mean() - precision_at(models["poor"]).mean()
    assert there.delta == pytest.approx(measured)


def test_the_bootstrap_repeats_under_its_seed_and_changes_with_it(models):
    def deltas(seed):
        return bootstrap_deltas(models["fair"], models["good"], resamples=20, seed=seed)

    assert np.array_equal(deltas(1), deltas(1))
    assert not np.array_equal(deltas(1), deltas(2))


def test_draws_without_a_truth_are_left_out():
    truths = [*piles(1, 1), *[Instances.empty()] * 3]
    found = match(truths, truths)
    deltas = bootstrap_deltas(found, found, resamples=200)
    assert 100 < len(deltas) < 170
    assert np.isfinite(deltas).all()


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    many = piles(7, 400, count=4)
    before, after = cuts(8, many, 0.6), cuts(9, many, 0.65)
    truth = precision_at(match(many, after)).mean() - precision_at(match(many, before)).mean()
    covered = 0
    for part in range(60):
        rows = np.random.default_rng(part).choice(400, 40, replace=False)
        chosen = [[series[i] for i in rows] for series in (many, before, after)]
        _, low, high = paired_bootstrap(
            match(chosen[0], chosen[1]), match(chosen[0], chosen[2]), resamples=200, seed=part
        )
        covered += low <= truth <= high
    assert 48 <= covered <= 59


def test_five_hundred_resamples_of_sixty_frames_take_a_blink():
    truths = piles(3, 60, count=10)
    champion, challenger = matched(0.5, 1, truths), matched(0.6, 2, truths)
    start = time.process_time()
    bootstrap_deltas(champion, challenger, resamples=500)
    assert time.process_time() - start < 1.5


def test_a_challenger_that_learned_the_new_and_kept_the_old_passes(models):
    slices = {
        "base": SliceData(models["fair"], models["good"]),
        "novelty-black-bag": SliceData(models["poor"], models["good"]),
    }
    verdict = gate(slices, target="novelty-black-bag")
    assert verdict.answer is Answer.PASS
    assert [s.slice for s in verdict.slices] == ["base", "novelty-black-bag"]
    assert verdict.reasons[0].startswith("base: AP ")
    assert verdict.reasons[0].endswith("no worse.")


def test_a_challenger_that_forgot_one_slice_of_many_fails_whatever_the_others_say(models):
    slices = {f"good-{i}": SliceData(models["poor"], models["good"]) for i in range(6)}
    slices["base"] = SliceData(models["fair"], models["poor"])
    verdict = gate(slices, target="good-0")
    assert verdict.answer is Answer.FAIL
    assert verdict.slices[0].slice == "base"
    assert "the loss is real" in verdict.reasons[0]


def test_a_challenger_that_did_not_learn_its_target_fails(models):
    slices = {
        "base": SliceData(models["fair"], models["good"]),
        "novelty-art": SliceData(models["good"], models["poor"]),
    }
    verdict = gate(slices, target="novelty-art")
    assert verdict.answer is Answer.FAIL
    assert "less than the 2.0 it was trained for" in verdict.reasons[0]


def test_too_few_frames_are_inconclusive_and_ask_for_more():
    truths = TRUTHS[:4]
    slices = {"base": SliceData(matched(0.7, 2, truths), matched(0.7, 3, truths))}
    verdict = gate(slices, target=None, tolerated_drop=0.5, margin=0.005)
    assert verdict.answer is Answer.INCONCLUSIVE
    assert "more frames in the slice would tell" in verdict.reasons[0]


def test_small_losses_may_not_add_up_below_what_a_slice_once_reached(models):
    same = SliceData(models["fair"], models["fair"])
    assert gate({"base": same}, target=None).answer is Answer.PASS
    once = precision_at(models["fair"]).mean() + 0.03
    held = SliceData(models["fair"], models["fair"], floor=once)
    verdict = gate({"base": held}, target=None)
    assert verdict.answer is Answer.INCONCLUSIVE
    assert "the slice once reached" in verdict.reasons[0]


def test_a_slice_may_have_a_margin_of_its_own(models):
    slices = {
        "base": SliceData(models["fair"], models["fair again"]),
        "late": SliceData(models["fair"], models["good"]),
    }

    def verdict(**margins):
        return gate(slices, target=None, margin=0.5, tolerated_drop=0.5, margins=margins)

    assert verdict().answer is verdict(late=0.1).answer is Answer.PASS
    strict = verdict(base=0.0)
    assert strict.answer is Answer.INCONCLUSIVE
    assert {s.slice: s.margin for s in strict.slices} == {"base": 0.0, "late": 0.5}
    with pytest.raises(InvalidInput, match=r"margins of the gate: .* found \['bose'\]"):
        verdict(bose=0.1)


def test_the_gate_wants_the_slice_of_what_is_to_be_learned(models):
    with pytest.raises(InvalidInput, match=r"the target 'novelty-art' and every old slice"):
        gate({"base": SliceData(models["fair"], models["good"])}, target="novelty-art")
    with pytest.raises(InvalidInput, match="at least one"):
        gate({}, target=None)


def test_models_matched_on_different_frames_are_not_compared(models):
    with pytest.raises(InvalidInput, match="the same frames with the same truths"):
        paired_bootstrap(models["fair"], matched(0.7, 2, TRUTHS[:5]))
