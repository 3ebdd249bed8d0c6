from math import comb, exp, log

import numpy as np
import pytest

from januscl.core import Answer, InvalidInput
from januscl.release import Tally, guardrail, shows_harm, station_guardrail
from januscl.release.guardrail import evidence_of_harm, evidence_of_safety


def ever(answer, challenger_rate, control_rate, *, days=300, picks=400, every=10):
    """Share of simulated releases in which some look, of one every ten picks, gives the answer."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(days):
        new = np.cumsum(rng.random(picks) < challenger_rate)
        old = np.cumsum(rng.random(picks) < control_rate)
        hits += any(
            guardrail(Tally(n, int(new[n - 1])), Tally(n, int(old[n - 1])))[0] is answer
            for n in range(every, picks + 1, every)
        )
    return hits / days


def test_looking_after_every_few_picks_seldom_condemns_an_equal_model():
    assert ever(Answer.FAIL, 0.15, 0.15) <= 0.1


def test_looking_after_every_few_picks_seldom_passes_a_model_worse_by_the_margin():
    assert ever(Answer.PASS, 0.25, 0.15) <= 0.1


def test_a_clearly_worse_model_is_nearly_always_caught():
    assert ever(Answer.FAIL, 0.5, 0.15, days=60, picks=120) > 0.95


def test_a_clearly_better_model_nearly_always_passes():
    assert ever(Answer.PASS, 0.15, 0.45, days=60, picks=160) > 0.95


@pytest.mark.parametrize("picks", [4, 9])
@pytest.mark.parametrize("rates", [(0.2, 0.2), (0.1, 0.7), (0.5, 0.5)])
def test_the_expected_evidence_of_harm_is_at_most_one_when_there_is_none(picks, rates):
    new, old = rates
    assert expected(evidence_of_harm, picks, new, old) <= 1


@pytest.mark.parametrize("rates", [(0.3, 0.2), (0.9, 0.1), (0.6, 0.5)])
def test_the_expected_evidence_of_safety_is_at_most_one_when_there_is_harm(rates):
    new, old = rates
    assert expected(lambda a, b: evidence_of_safety(a, b, 0.1), 9, new, old) <= 1


def expected(evidence, picks, new, old):
    """Sum the e-value over all outcomes of so many picks a side, by their exact chances."""

    def chances(rate):
        return [comb(picks, k) * rate**k * (1 - rate) ** (picks - k) for k in range(picks + 1)]

    return sum(
        p * q * exp(evidence(Tally(picks, a), Tally(picks, b)))
        for a, p in enumerate(chances(new))
        for b, q in enumerate(chances(old))
    )


def test_the_best_of_the_null_is_the_pooled_rate_when_nothing_may_differ():
    new, old = Tally(30, 12), Tally(50, 5)
    free = evidence_of_harm(new, old)
    pooled = 17 * log(17 / 80) + 63 * log(63 / 80)
    apart = 12 * log(12 / 30) + 18 * log(18 / 30) + 5 * log(5 / 50) + 45 * log(45 / 50)
    # Not knowing the rates costs about half a log of the picks for each side.
    assert 0 < (apart - pooled) - free < log(30) / 2 + log(50) / 2 + 2


def test_no_picks_are_no_evidence_and_ask_for_picks():
    answer, reasons = guardrail(Tally(0, 0), Tally(100, 5), min_picks=30)
    assert answer is Answer.INCONCLUSIVE
    assert reasons[1] == "Collect 30 more picks of the challenger."
    assert evidence_of_harm(Tally(0, 0), Tally(0, 0)) == pytest.approx(0)


def test_harm_is_told_before_the_least_number_of_picks():
    answer, reasons = guardrail(Tally(30, 25), Tally(30, 2), min_picks=100)
    assert answer is Answer.FAIL
    assert "failed 25 of 30 picks (83.3%), the champion 2 of 30 (6.7%)" in reasons[0]
    assert reasons[1].startswith("It fails more often: the evidence is ")


def test_a_model_as_good_as_its_control_waits_until_harm_is_ruled_out():
    early, reasons = guardrail(Tally(60, 6), Tally(60, 6))
    assert early is Answer.INCONCLUSIVE
    assert reasons[1] == (
        "Could it fail 10 more picks in every 100 than the champion? Perhaps: nothing rules that "
        "out, 10 to 1 is asked. Collect more picks."
    )
    answer, reasons = guardrail(Tally(300, 30), Tally(300, 30))
    assert answer is Answer.PASS
    assert "than the champion? No: the evidence against that is " in reasons[1]


@pytest.mark.parametrize(("picks", "failed"), [(3, 4), (3, -1), (-1, 0)])
def test_a_tally_that_cannot_be_is_refused(picks, failed):
    with pytest.raises(InvalidInput, match="0 <= failed <= picks"):
        Tally(picks, failed)


def test_margins_and_levels_outside_zero_and_one_are_refused():
    with pytest.raises(InvalidInput, match="alpha"):
        guardrail(Tally(1, 0), Tally(1, 0), alpha=0)
    with pytest.raises(InvalidInput, match="margin"):
        station_guardrail([True], [True], margin=1.0)


def script(picks, worse, better, both=0):
    """Outcomes of a script: alone the challenger failed, alone the champion, both."""
    new = [True] * worse + [False] * better + [True] * both
    old = [False] * worse + [True] * better + [True] * both
    rest = [False] * (picks - len(new))
    return new + rest, old + rest


@pytest.mark.parametrize(
    ("worse", "better", "both", "answer"),
    [
        (0, 0, 4, Answer.PASS),
        (1, 6, 3, Answer.PASS),
        (9, 1, 0, Answer.FAIL),
        (4, 2, 0, Answer.INCONCLUSIVE),
    ],
)
def test_the_station_compares_both_models_on_the_same_piles(worse, better, both, answer):
    assert station_guardrail(*script(30, worse, better, both))[0] is answer


def test_the_station_says_what_was_tested_and_what_was_found():
    _, (story, reason) = station_guardrail(*script(48, 5, 1, 2), margin=0.3, alpha=0.05)
    assert story == (
        "Both made 48 picks from the same test piles: the challenger failed 7, the champion 3. "
        "On 5 only the challenger failed, on 1 only the champion."
    )
    assert reason == (
        "Could it fail 30 more picks in every 100 than the champion? No: then 0.085% of such "
        "scripts would end as well as this one, 5% is the limit."
    )
    _, (_, reason) = station_guardrail(*script(24, 6, 1, 1), margin=0.3, alpha=0.05)
    assert "Perhaps: then 19% of such scripts" in reason


def test_only_what_a_guardrail_says_of_harm_counts_as_harm():
    _, harm = guardrail(Tally(40, 20), Tally(42, 4))
    _, unclear = guardrail(Tally(40, 7), Tally(42, 10))
    _, at_station = station_guardrail(*script(30, 9, 1))
    assert shows_harm(harm)
    assert shows_harm(at_station)
    assert not shows_harm((*unclear, "It stayed undecided too long; the champion goes on."))


def test_a_short_script_asks_for_more_piles_and_an_uneven_one_is_refused():
    answer, reasons = station_guardrail(*script(8, 0, 0))
    assert answer is Answer.INCONCLUSIVE
    assert reasons[1] == "Script 12 more picks."
    with pytest.raises(InvalidInput, match="Run both models on every pile"):
        station_guardrail([True], [])


def test_the_station_seldom_errs_either_way():
    rng = np.random.default_rng(1)

    def share(answer, worse, better):
        draws = rng.choice(3, size=(400, 50), p=[worse, better, 1 - worse - better])
        return np.mean(
            [
                station_guardrail(*script(50, int((d == 0).sum()), int((d == 1).sum())))[0]
                is answer
                for d in draws
            ]
        )

    assert share(Answer.FAIL, 0.1, 0.1) <= 0.12
    assert share(Answer.PASS, 0.2, 0.1) <= 0.14
    assert share(Answer.PASS, 0.02, 0.1) > 0.9
