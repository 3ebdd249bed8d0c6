from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from januscl.core import (
    Answer,
    Campaign,
    Conflict,
    Cost,
    Deck,
    DeckItem,
    Event,
    EventKind,
    Instances,
    InvalidInput,
    Kind,
    Label,
    LabelTask,
    ModelVersion,
    NotFound,
    Novelty,
    NoveltyState,
    Outcome,
    Release,
    Signal,
    Slice,
    SliceScore,
    Stage,
    StageReport,
    Taxonomy,
    Ticket,
    Verdict,
)

A, B = "aa" * 32, "bb" * 32
KINDS = Taxonomy((Kind(1, "box", "box"), Kind(4, "tube", "cylinder", retired=True)))
ITEM = DeckItem("o-1", A, B, "new")


@pytest.fixture
def event(noon):
    signal = Signal("camera.defocus", np.float32(3.5), 0.01, None, 0.6, "60% less sharp")
    kind, cause = EventKind.FAULT, "defocus"
    rows = (np.int64(0), np.int64(2))
    return Event("e-1", "o-1", "cam-1", "r-1", noon, kind, cause, (signal,), rows, Outcome.MISSED)


@pytest.fixture
def novelty(noon):
    robots, cost = ("r-1", "r-2"), Cost(12.5, 8.0, 17.0)
    return Novelty("n-1", "black bag", NoveltyState.NEW, noon, noon, 7, robots, cost)


@pytest.fixture
def model(noon):
    return ModelVersion("m-1", A, KINDS, None, None, noon, {"ap": 0.62, "steps": 400})


@pytest.fixture
def release(noon):
    return Release("r-1", "m-1", "m-1", None, ("line-1",), Stage.STATION, noon)


def test_an_event_comes_back_as_it_went_in_and_is_kept_once(catalogue, event):
    assert catalogue.events.add(event) is True
    assert catalogue.events.add(replace(event, cause="lamp")) is False
    assert catalogue.events.list() == [event]
    assert catalogue.events.for_observation("o-1") == [event]
    assert catalogue.events.for_observation("o-2") == []


def test_events_are_listed_by_time_and_by_what_is_asked(catalogue, event, noon):
    other = EventKind.NOVELTY
    later = replace(event, id="e-0", at=noon + timedelta(hours=1), kind=other, camera="cam-2")
    catalogue.events.add(later)
    catalogue.events.add(event)
    assert catalogue.events.list() == [event, later]
    assert catalogue.events.list(newest_first=True, limit=1) == [later]
    assert catalogue.events.list(kind=EventKind.NOVELTY) == [later]
    assert catalogue.events.list(camera="cam-1") == [event]
    assert catalogue.events.list(since=later.at) == [later]


def test_a_reading_that_is_no_number_is_refused(catalogue, event):
    broken = replace(event, signals=(Signal("camera.defocus", float("nan"), 0.5),))
    with pytest.raises(InvalidInput, match="finite numbers"):
        catalogue.events.add(broken)
    assert catalogue.events.list() == []


def test_a_ticket_is_opened_and_closed(catalogue, noon):
    ticket = Ticket(
        "t-1", "cam-1", "r-1", "lamp", noon, noon, severity=38.0, evidence="38% darker", before=A
    )
    catalogue.tickets.put(ticket)
    assert catalogue.tickets.list(open_only=True) == [ticket]
    closed = replace(ticket, closed=noon + timedelta(hours=2), after=B)
    catalogue.tickets.put(closed)
    assert catalogue.tickets.list(open_only=True) == []
    assert catalogue.tickets.get("t-1") == closed
    with pytest.raises(InvalidInput, match="closed at or after"):
        catalogue.tickets.put(replace(ticket, closed=noon - timedelta(seconds=1)))
    with pytest.raises(NotFound, match="t-2"):
        catalogue.tickets.get("t-2")


def test_novelties_are_listed_with_the_dearest_first(catalogue, novelty):
    dear = replace(novelty, id="n-2", cost=Cost(90.0, 1.0, 99.0), state=NoveltyState.CLOSED, kind=5)
    catalogue.novelties.put(novelty)
    catalogue.novelties.put(dear)
    assert catalogue.novelties.list() == [dear, novelty]
    assert catalogue.novelties.list([NoveltyState.NEW]) == [novelty]
    catalogue.novelties.put(replace(novelty, state=NoveltyState.COLLECTING))
    assert catalogue.novelties.get("n-1").state is NoveltyState.COLLECTING
    with pytest.raises(NotFound, match="n-3"):
        catalogue.novelties.get("n-3")


def test_an_instance_belongs_to_one_novelty(catalogue, novelty):
    catalogue.novelties.put(novelty)
    catalogue.novelties.put(replace(novelty, id="n-2"))
    catalogue.novelties.assign("n-1", [("o-1", 0), ("o-1", np.int64(1)), ("o-1", 0)])
    catalogue.novelties.assign("n-2", [("o-1", 1)])
    assert catalogue.novelties.members("n-1") == [("o-1", 0)]
    assert catalogue.novelties.members("n-2") == [("o-1", 1)]
    with pytest.raises(NotFound, match="not there"):
        catalogue.novelties.assign("n-3", [("o-1", 0)])
    assert catalogue.novelties.members("n-1") == [("o-1", 0)]


def test_a_campaign_collects_for_a_novelty_that_exists(catalogue, novelty, noon):
    campaign = Campaign("c-1", "n-1", 40, noon, noon + timedelta(days=2), ("o-1",))
    with pytest.raises(NotFound, match="not there"):
        catalogue.campaigns.put(campaign)
    catalogue.novelties.put(novelty)
    catalogue.campaigns.put(replace(campaign, frames=()))
    catalogue.campaigns.put(campaign)
    assert catalogue.campaigns.list() == catalogue.campaigns.list("n-1") == [campaign]
    assert catalogue.campaigns.list("n-2") == []


def test_a_label_task_is_pending_until_it_is_done(catalogue, observe):
    observation = observe()
    image, proposals = observation.frame.image, observation.instances
    for id in ("task-b", "task-a"):
        task = LabelTask(id, "o-1", None, image, proposals)
        assert catalogue.label_tasks.add(task, A) is True
    assert catalogue.label_tasks.add(task, A) is False
    assert [task.id for task in catalogue.label_tasks.pending()] == ["task-b", "task-a"]
    catalogue.label_tasks.done("task-b")
    catalogue.label_tasks.done("task-b")
    (left,) = catalogue.label_tasks.pending()
    assert (left.id, left.image, left.novelty, left.done) == ("task-a", A, None, False)
    assert left.proposals.masks == proposals.masks
    assert [task.done for task in catalogue.label_tasks.list()] == [True, False]
    assert catalogue.label_tasks.list("n-1") == catalogue.label_tasks.pending("n-1") == []
    with pytest.raises(NotFound, match="task-c"):
        catalogue.label_tasks.done("task-c")


def test_a_later_label_supersedes_an_earlier_one(catalogue, observe, noon):
    truth = observe().instances
    later = noon + timedelta(hours=1)
    catalogue.labels.add(Label("o-1", Instances.empty(), "ann", later), B)
    catalogue.labels.add(Label("o-1", truth, "simulator", noon), A)
    assert catalogue.labels.get("o-1").digest == B
    catalogue.labels.add(Label("o-1", truth, "simulator", later + timedelta(hours=1)), A)
    (row,) = catalogue.labels.list()
    assert (row.digest, row.label.annotator) == (A, "simulator")
    assert row.label.truth.masks == truth.masks
    with pytest.raises(NotFound, match="o-2 has no label"):
        catalogue.labels.get("o-2")


def test_a_deck_never_changes(catalogue):
    deck = Deck(A, (ITEM,), KINDS, {"rotate": {"degrees": 10.5}}, 7, "m-1")
    assert catalogue.decks.put(deck) is True
    assert catalogue.decks.put(deck) is False
    assert catalogue.decks.get(A) == deck
    assert catalogue.decks.list() == [deck]
    with pytest.raises(Conflict, match="decks never change"):
        catalogue.decks.put(replace(deck, seed=8))
    with pytest.raises(NotFound):
        catalogue.decks.get(B)


def test_a_slice_is_frozen_under_its_name(catalogue):
    base = Slice("s-1", "base", (ITEM,))
    bags = Slice("s-2", "novelty-black-bag", (ITEM,), "n-1")
    assert catalogue.slices.put(base) is True
    assert catalogue.slices.put(bags) is True
    assert catalogue.slices.put(base) is False
    assert catalogue.slices.list() == [base, bags]
    assert catalogue.slices.get("novelty-black-bag") == bags
    with pytest.raises(Conflict, match="frozen for ever"):
        catalogue.slices.put(replace(base, items=()))
    with pytest.raises(NotFound, match="night"):
        catalogue.slices.get("night")


def test_an_alias_points_to_a_model_that_exists(catalogue, model):
    with pytest.raises(NotFound, match="champion"):
        catalogue.aliases.get("champion")
    with pytest.raises(NotFound, match="not there"):
        catalogue.aliases.set("champion", "m-1")
    catalogue.models.put(model)
    newer = replace(model, id="m-2", weights=B, parent="m-1", deck=A)
    catalogue.models.put(newer)
    catalogue.aliases.set("champion", "m-1")
    catalogue.aliases.set("champion", "m-2")
    assert catalogue.aliases.get("champion") == "m-2"
    assert catalogue.aliases.list() == {"champion": "m-2"}
    assert catalogue.models.list() == [model, newer]
    assert catalogue.models.get("m-2") == newer


def test_a_model_keeps_its_weights(catalogue, model):
    catalogue.models.put(model)
    catalogue.models.put(replace(model, card={"ap": 0.7}))
    assert catalogue.models.get("m-1").card == {"ap": 0.7}
    with pytest.raises(NotFound, match="m-9"):
        catalogue.models.get("m-9")


def test_of_a_kept_model_only_the_card_and_the_time_change(catalogue, model, noon):
    catalogue.models.put(model)
    first = replace(model, id="m-0", weights=A)
    catalogue.models.put(first)
    later = replace(model, made=noon + timedelta(hours=1), card={"ap": 0.8})
    catalogue.models.put(later)
    assert catalogue.models.get("m-1") == later
    for name, value in (
        ("weights", B),
        ("parent", "m-0"),
        ("deck", B),
        ("taxonomy", model.taxonomy.with_kind("another")),
    ):
        with pytest.raises(Conflict, match=f"m-1 is kept with another {name}"):
            catalogue.models.put(replace(model, **{name: value}))
    assert catalogue.models.list() == [later, first]
    with pytest.raises(InvalidInput, match="model m-2: expected another model as its parent"):
        catalogue.models.put(replace(model, id="m-2", parent="m-2"))


def test_verdicts_come_back_with_their_reasons_and_scores(catalogue, noon):
    score = SliceScore("base", 40, 0.6, 0.62, 0.02, 0.0, 0.04, 0.01)
    verdict = Verdict(Answer.PASS, ("no slice fell",), (score,))
    catalogue.verdicts.add("m-2", "m-1", verdict, noon)
    catalogue.verdicts.add("m-3", "m-1", Verdict(Answer.FAIL, ("base fell",)), noon)
    (row,) = catalogue.verdicts.list("m-2")
    assert (row.model, row.champion, row.verdict, row.at) == ("m-2", "m-1", verdict, noon)
    assert [row.verdict.answer for row in catalogue.verdicts.list()] == [Answer.PASS, Answer.FAIL]


def test_a_release_moves_through_its_stages(catalogue, model, release):
    with pytest.raises(NotFound, match="not there"):
        catalogue.releases.put(release)
    catalogue.models.put(model)
    catalogue.releases.put(release)
    assert catalogue.releases.list(open_only=True) == [release]
    report = StageReport(Stage.STATION, Answer.FAIL, ("9 of 20 failed",), 20, 9, 20, 1)
    stopped = replace(release, stage=Stage.STOPPED, reports=(report,))
    catalogue.releases.put(stopped)
    assert catalogue.releases.list(open_only=True) == []
    assert catalogue.releases.list() == [stopped]
    assert catalogue.releases.get("r-1") == stopped
    with pytest.raises(NotFound, match="r-2"):
        catalogue.releases.get("r-2")


def test_the_audit_log_tells_who_did_what_and_why(catalogue, noon):
    catalogue.audit.record("triage", "ticket.opened", "t-1", {"p": np.float32(0.5)}, noon)
    catalogue.audit.record("anna", "ticket.closed", "t-1", {})
    catalogue.audit.record("gate", "model.passed", "m-1", {})
    first, second = catalogue.audit.list(subject="t-1")
    assert (first.actor, first.action, first.detail, first.at) == (
        "triage",
        "ticket.opened",
        {"p": 0.5},
        noon,
    )
    assert second.at > noon
    assert [row.actor for row in catalogue.audit.list(action="model.passed")] == ["gate"]
    assert len(catalogue.audit.list(limit=2)) == 2


def test_what_is_refused_is_kept_with_its_reason(catalogue, noon):
    catalogue.rejects.add("photo-7.png", "the file is empty", blob=A, at=noon)
    (row,) = catalogue.rejects.list()
    assert (row.thing, row.reason, row.blob, row.at) == (
        "photo-7.png",
        "the file is empty",
        A,
        noon,
    )
