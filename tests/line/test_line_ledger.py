from dataclasses import replace
from datetime import timedelta

import cv2
import numpy as np
import pytest
from line_scenes import ALL, EVERY, START, TRIANGLE, Shift, draw, known

from januscl.core import (
    Conflict,
    Label,
    NoveltyState,
    Outcome,
    Ticket,
    decode_mask,
    encode_mask,
    mask_iou,
)
from januscl.decks import freeze_slice
from januscl.line.keeping import keep_labelled
from januscl.line.memory import known_slices
from januscl.release import open_release, roll_back


@pytest.fixture(scope="module")
def shift(tmp_path_factory, untrained):
    shift = Shift(tmp_path_factory.mktemp("ledger") / "w", untrained)
    shift.ids = shift.triangles_arrive(20)
    yield shift
    shift.close()


def test_what_recurs_becomes_one_novelty_with_what_it_costs(shift):
    (novelty,) = shift.line.ledger.collecting()
    assert shift.catalogue.novelties.get(novelty.id).state is NoveltyState.COLLECTING
    assert set(novelty.robots) == {"robot-a", "robot-b"}
    assert novelty.first_seen == START + 2 * EVERY
    assert novelty.instances == 20
    assert novelty.cost.low <= novelty.cost.expected <= novelty.cost.high
    assert 200 < novelty.cost.expected < 600, "half of 1000 picks a day fail on it"


def test_a_campaign_with_its_quota_opens_for_a_novelty_worth_one(shift):
    (novelty,) = shift.line.ledger.collecting()
    (campaign,) = shift.catalogue.campaigns.list(novelty.id)
    assert campaign.quota == 12
    assert campaign.expires - campaign.opened == timedelta(hours=72)
    rows = shift.catalogue.audit.list(subject=novelty.id)
    assert [row.action for row in rows] == ["novelty.new", "novelty.collecting"]
    (opened,) = shift.catalogue.audit.list(subject=campaign.id)
    assert (opened.action, opened.detail["novelty"]) == ("campaign.opened", novelty.id)


def test_chosen_frames_come_with_their_pixels_and_never_cost_more_labels_than_agreed(shift):
    ledger = shift.line.ledger
    (novelty,) = ledger.ready()
    frames = ledger.choose(novelty.id, 12)
    assert len({frame.id for frame in frames}) == 12
    assert {frame.id for frame in frames} <= set(shift.ids)
    assert all(frame.frame.image.shape == (64, 64, 3) for frame in frames)
    assert ledger.choose(novelty.id, 12) == [], "the quota of 12 is spent"
    assert ledger.ready() == []
    labels = [Label(f.id, shift.person.truth[f.id], "person", START) for f in frames]
    named = ledger.christen(novelty.id, labels, ALL)
    assert (named.name, named.kind) == ("triangle", TRIANGLE)
    assert shift.catalogue.novelties.get(novelty.id).name == "triangle"
    (campaign,) = shift.catalogue.campaigns.list(novelty.id)
    assert campaign.frames == tuple(f.id for f in frames)


def test_a_novelty_moves_forward_and_each_move_is_audited(shift):
    ledger = shift.line.ledger
    (novelty,) = ledger.collecting()
    for state in (NoveltyState.LABELLING, NoveltyState.IN_DECK, NoveltyState.COLLECTING):
        assert ledger.move(novelty.id, state, shift.now).state is state
        assert shift.catalogue.novelties.get(novelty.id).state is state
        assert shift.catalogue.audit.list(subject=novelty.id)[-1].action == f"novelty.{state}"
    with pytest.raises(Conflict, match="cannot become new"):
        ledger.move(novelty.id, NoveltyState.NEW, shift.now)
    assert shift.catalogue.novelties.get(novelty.id).state is NoveltyState.COLLECTING


def test_the_name_is_the_kind_that_most_labels_say(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ledger.collecting()
    frames = shift.line.ledger.choose(novelty.id, 12)
    labels = []
    for k, frame in enumerate(frames):
        truth = shift.person.truth[frame.id]
        wrong = truth.only(truth.labels != TRIANGLE)
        labels.append(Label(frame.id, wrong if k < 5 else truth, "person", START))
    assert shift.line.ledger.christen(novelty.id, labels, ALL).name == "triangle"
    nowhere = [Label(f.id, shift.person.truth[f.id].only([1]), "person", START) for f in frames]
    assert shift.line.ledger.christen(novelty.id, nowhere, ALL).name == "triangle", "it keeps it"
    shift.close()


def test_what_the_labels_say_is_one_kind_becomes_one_novelty(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    for k in range(24):
        shift.pick((3, 2, 1, 3), 3 * (k % 2), Outcome.MISSED, k % 2, odd=[3])
    first, second = shift.line.ledger.collecting()
    frames = shift.line.ledger.choose(first.id, 12)
    labels = [Label(f.id, shift.person.truth[f.id], "person", START) for f in frames]
    named = shift.line.ledger.christen(first.id, labels, ALL)
    assert [n.id for n in shift.line.ledger.collecting()] == [first.id]
    assert named.instances == first.instances + second.instances
    assert shift.catalogue.novelties.get(second.id).state is NoveltyState.DISMISSED
    merged = shift.catalogue.audit.list(subject=second.id)[-1]
    assert (merged.action, merged.detail["into"]) == ("novelty.merged", first.id)
    shift.pick((3, 2, 1, 3), 0, Outcome.MISSED, odd=[3])
    assert shift.line.ledger.collecting()[0].instances == named.instances + 2
    shift.close()


def test_a_novelty_whose_labels_are_still_to_come_is_not_merged_for_they_are_paid_for(
    tmp_path, untrained
):
    shift = Shift(tmp_path / "w", untrained)
    for k in range(24):
        shift.pick((3, 2, 1, 3), 3 * (k % 2), Outcome.MISSED, k % 2, odd=[3])
    first, second = shift.line.ledger.collecting()
    shift.person.annotate = lambda tasks: []
    with pytest.raises(Conflict, match="its tasks wait"):
        shift.line.learn(second)
    frames = shift.line.ledger.choose(first.id, 12)
    labels = [Label(f.id, shift.person.truth[f.id], "person", START) for f in frames]
    assert shift.line.ledger.christen(first.id, labels, ALL).name == "triangle"
    assert {n.id for n in shift.line.ledger.collecting()} == {first.id, second.id}
    late = shift.catalogue.label_tasks.pending(second.id)
    truth = shift.person.truth
    shift.line.answer([Label(t.observation, truth[t.observation], "late", START) for t in late])
    assert [n.id for n in shift.line.ready()] == [second.id]
    shift.close()


def test_novelties_that_are_parts_of_one_kind_become_one_as_well(tmp_path, untrained):
    """To a model that does not know a kind, it may look like several things in one place."""
    shift = Shift(tmp_path / "w", untrained)
    for k in range(24):
        shift.pick((3, 2, 1, 3), 3 * (k % 2), Outcome.MISSED, k % 2, odd=[3])
    first, _ = shift.line.ledger.collecting()
    frames = shift.line.ledger.choose(first.id, 12)
    labels = [Label(f.id, grown(shift.person.truth[f.id]), "person", START) for f in frames]
    assert shift.line.ledger.christen(first.id, labels, ALL).name == "triangle"
    assert [n.id for n in shift.line.ledger.collecting()] == [first.id]
    shift.close()


def grown(truth):
    """Return packages so much larger that what was seen is less than half of each."""
    wide = (cv2.dilate(decode_mask(m).astype(np.uint8), np.ones((11, 11))) for m in truth.masks)
    larger = replace(truth, masks=tuple(encode_mask(m.astype(bool)) for m in wide))
    assert mask_iou(truth.masks, larger.masks).max() < 0.5
    return larger


def test_a_novelty_is_known_once_its_model_is_released_and_not_before(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ledger.collecting()
    items = keep_labelled(shift.workspace, (draw(k, (3, 2, 1, 3)) for k in range(3)), novelty.id)
    shift.catalogue.slices.put(freeze_slice("triangle", items, novelty.id), open=True)
    assert [part.name for part in known_slices(shift.workspace)] == ["base"]
    for state in (NoveltyState.LABELLING, NoveltyState.IN_DECK, NoveltyState.IN_RELEASE):
        shift.line.ledger.move(novelty.id, state, shift.now)
    assert [part.name for part in known_slices(shift.workspace)] == ["base", "triangle"]
    shift.line.ledger.move(novelty.id, NoveltyState.COLLECTING, shift.now)
    assert [part.name for part in known_slices(shift.workspace)] == ["base"]
    shift.close()


def test_a_novelty_of_another_kind_in_the_same_frames_stays_apart(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    for k in range(24):
        shift.pick((3, 2, 1, 2), 3 * (k % 2), Outcome.MISSED, k % 2, odd=[3])
    first, second = shift.line.ledger.collecting()
    frames = shift.line.ledger.choose(first.id, 12)
    labels = [Label(f.id, shift.person.truth[f.id], "person", START) for f in frames]
    shift.line.ledger.christen(first.id, labels, ALL)
    assert {n.id for n in shift.line.ledger.collecting()} == {first.id, second.id}
    shift.close()


def test_a_novelty_that_costs_too_little_gets_no_campaign(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained, min_cost=50)
    for k in range(20):
        shift.pick((3, 2, 1, 2), 0, Outcome.PICKED, k % 2)
        shift.pick((1, 2, 1, 2), 0, Outcome.PICKED, k % 2)
    (novelty,) = shift.catalogue.novelties.list()
    assert novelty.state is NoveltyState.NEW
    assert 0 < novelty.cost.expected < 50
    assert shift.catalogue.campaigns.list() == []
    assert shift.line.ready() == []
    shift.close()


def test_what_a_challenger_saw_on_its_trial_makes_no_novelty_then_or_later(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    champion, model = shift.champion, untrained.grown(ALL)
    trial = shift.line.shelf.add(model, START, parent=champion.id, deck=None, card={})
    shift.line.observer.learn_model(trial.id, known(trial.id))
    release = open_release(trial.id, champion.id, beta_lines=["line"], at=shift.now)
    shift.catalogue.releases.put(release)
    shift.champion = trial
    seen = shift.triangles_arrive(20)
    assert shift.catalogue.novelties.list() == []
    assert shift.catalogue.events.for_observation(seen[-1]), "its events are told all the same"
    shift.catalogue.releases.put(roll_back(release, "enough"))
    shift.triangles_arrive(20)
    assert shift.catalogue.novelties.list() == [], "what was sent before then may come late"
    shift.champion = champion
    shift.triangles_arrive(20)
    (novelty,) = shift.line.ledger.collecting()
    assert novelty.instances == 20
    shift.close()


def test_frames_under_a_ticket_are_no_candidates(tmp_path, untrained):
    shift = Shift(tmp_path / "w", untrained)
    shift.triangles_arrive(16)
    (novelty,) = shift.line.ledger.collecting()
    before = shift.line.ledger.waiting(novelty.id)
    ticket = Ticket("t-1", "camera-a", "robot-a", "defocus", START, shift.now)
    shift.catalogue.tickets.put(ticket)
    assert before == 16
    assert shift.line.ledger.waiting(novelty.id) == 8
    chosen = shift.line.ledger.choose(novelty.id, 12)
    assert {frame.frame.camera for frame in chosen} == {"camera-b"}
    shift.close()
