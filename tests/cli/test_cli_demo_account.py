"""The account and the page of a demo tell the same facts in the same units."""

import re
from datetime import UTC, datetime

import pytest

from januscl.cli.account import failed
from januscl.cli.demo_account import account_lines, state_of
from januscl.cli.demo_story import novelty_facts, tiles
from januscl.core import Cost, Novelty, NoveltyState

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def novelty(**changes):
    row = {
        "id": "n-1", "name": "black polybag", "called": "black polybag 2", "state": "collecting",
        "closed": NOON, "first_seen": NOON, "lost_picks_a_day": [45.2, 27.1, 64.0], "labels": 60,
        "failed_all_day": {"picks": 300, "failed": 66},
        "failed_before": {"picks": 80, "failed": 40}, "failed_during": {"picks": 20, "failed": 6},
        "failed_after": {"picks": 200, "failed": 20},
        "slice": "black polybag 2", "kind_ap_before": 0.005, "kind_ap_after": 0.3894,
        "kind_ap_now": 0.4567, "model": "m-1", "gate": "pass", "release": "done",
        "model_fate": "fleet",
    }  # fmt: skip
    return {**row, **changes}


def facts(**changes):
    made = {
        "seconds": 300.0, "seed": 0, "picks": {"picks": 1000, "failed": 140}, "labels": 60,
        "tickets": [], "faults": {"scripted": 2, "ticketed_right": 2, "false_tickets": 0},
        "fault_frames_in_decks": 0, "novelties": [novelty()],
        "slices": {"base": {"before": 0.458, "after": 0.4541}}, "retention": None,
        "bad_release": None,
        "releases": [{
            "called": "black polybag model", "stage": "rolled_back", "ending": "undecided",
            "stages": [
                {"stage": "beta", "challenger": {"picks": 40, "failed": 7},
                 "control": {"picks": 42, "failed": 10}},
                {"stage": "beta", "challenger": {"picks": 80, "failed": 9},
                 "control": {"picks": 82, "failed": 16}},
            ],
        }],
    }  # fmt: skip
    return {**made, **changes}


def card(told):
    state, cost = NoveltyState.COLLECTING, Cost(45.2, 27.1, 64.0)
    seen = Novelty("n-1", "black polybag", state, NOON, NOON, 9, ("a-1",), cost)
    return " ".join(f"{f.label} {f.value} {f.note}" for f in novelty_facts(told, seen))


def test_the_card_and_the_account_of_a_novelty_tell_the_same_figures():
    text, shown = "\n".join(account_lines(facts())), card(facts())
    for figure in ("20 of 200 (10%)", "40 of 80 (50%)", "38.9", "45.7", "0.5", "60"):
        assert figure in text
        assert figure in shown
    assert "45 lost picks a day (27 to 64)" in text
    assert "reached the whole fleet" in text
    assert "reached the whole fleet" in shown


def test_picks_that_failed_are_counted_everywhere_and_never_those_that_worked():
    text = "\n".join(account_lines(facts()))
    assert "140 of 1000 (14%) failed" in text
    assert "worked" not in text + card(facts())
    assert failed({"picks": 0, "failed": 0}) == failed(None) == "none of 0"


def test_ap_is_told_in_points_of_a_hundred():
    text = "\n".join(account_lines(facts()))
    assert "base: AP 45.8 with the factory model, 45.4 now." in text
    assert not re.search(r"\b0\.\d{2,}", text + card(facts()))


@pytest.mark.parametrize(
    ("state", "closed", "told"),
    [
        ("collecting", None, "collecting"),
        ("in_deck", None, "in deck"),
        (NoveltyState.CLOSED, NOON, "closed"),
        ("collecting", NOON, "closed 12:00, came back: collecting"),
    ],
)
def test_a_novelty_is_told_as_it_stands_at_the_end_of_the_day(state, closed, told):
    assert state_of(novelty(state=state, closed=closed)) == told


def test_a_release_that_stayed_undecided_is_told_by_its_last_look_and_not_as_harm():
    (line,) = [line for line in account_lines(facts()) if line.startswith("Release")]
    assert "beta, 9 of 80 (11%) failed, champion 16 of 82 (20%)" in line
    assert "7 of 40" not in line
    assert line.endswith("rolled back, undecided: harm was neither shown nor ruled out in time.")


def test_a_novelty_without_a_model_tells_that_it_still_collects():
    nothing = dict.fromkeys(("model", "failed_before", "failed_during", "failed_after"))
    told = facts(novelties=[novelty(**nothing)])
    assert "none yet" in card(told)
    assert "66 of 300 (22%) over the whole day" in card(told)
    assert not any(fact.label.startswith("Failed picks") for fact in tiles(told))
    assert "AP on it" not in "\n".join(account_lines(told))


@pytest.mark.parametrize(
    ("picks", "lost", "good"), [(8, 1, None), (100, 4, True), (100, 41, None), (100, 60, False)]
)
def test_a_share_that_chance_may_have_made_is_told_and_called_neither_good_nor_bad(
    picks, lost, good
):
    after = {"picks": picks, "failed": lost}
    told = facts(novelties=[novelty(failed_before={"picks": 60, "failed": 24}, failed_after=after)])
    (fact,) = [fact for fact in tiles(told) if fact.label.startswith("Failed picks")]
    assert fact.good is good
    assert fact.note == f"of {picks} picks; 40% of 60 before the release"
