"""A labelled set becomes history: it says what it took, and leaks nothing from part to part."""

from datetime import UTC, datetime

import numpy as np
import pytest
from line_scenes import ALL, BASE, START, draw

from januscl.annotate import CocoSet, Reject, group_of, read_set, write_coco
from januscl.core import InvalidInput, LabelledFrame, Taxonomy
from januscl.decks import freeze_slice
from januscl.line.judging import Judge
from januscl.line.keeping import keep_labelled
from januscl.line.memory import has_history
from januscl.line.remembering import hold_back_groups, remember_set
from januscl.line.shelf import Shelf
from januscl.store import Workspace

NOW = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture
def site(tmp_path, untrained):
    """A workspace whose champion knows boxes and discs."""
    with Workspace.open(tmp_path / "w") as workspace:
        first = Shelf(workspace).add(untrained, START, parent=None, deck=None, card={})
        workspace.catalogue.aliases.set("champion", first.id)
        yield workspace


def named(id, seed, kinds=(1, 2, 1, 2)):
    pile = draw(seed, kinds)
    return LabelledFrame(id, pile.image, pile.truth)


def coco(folder, frames, taxonomy=BASE):
    write_coco(folder / "annotations.json", frames, taxonomy)
    return read_set(folder, BASE)


def ids_of(part):
    return {item.id for item in part.items}


def test_a_share_judges_and_the_rest_is_replayed(site, tmp_path):
    found = coco(tmp_path, [draw(k) for k in range(10)])
    done = remember_set(site, found, NOW, "night shift", 0.3)
    assert (done.slice.name, len(done.slice.items), len(done.deck.items)) == ("night shift", 3, 7)
    assert ids_of(done.slice) | ids_of(done.deck) == {p.id for p in found.pictures}
    assert site.catalogue.slices.get("night shift") == done.slice
    assert site.catalogue.decks.get(done.deck.id) == done.deck
    (told,) = site.catalogue.audit.list(action="history.remembered")
    assert told.detail == {"slice": "night shift", "judging": 3, "teaching": 7}
    assert has_history(site)


def test_what_the_champion_does_not_know_or_nobody_labelled_is_left_out_and_said(site, tmp_path):
    frames = [draw(k) for k in range(8)] + [draw(8, (3, 1, 2, 1)), draw(9, ())]
    found = coco(tmp_path, frames, ALL)
    done = remember_set(site, found, NOW)
    reasons = {reject.thing: reject.reason for reject in done.rejects}
    assert set(reasons) == {found.pictures[8].id, found.pictures[9].id}
    assert "'triangle', which the champion does not know" in reasons[found.pictures[8].id]
    assert "nothing in it is labelled" in reasons[found.pictures[9].id]
    assert len(done.slice.items) + len(done.deck.items) == 8
    assert set(done.deck.taxonomy) == set(BASE), "a replay of it fits every later model"


def test_a_set_of_other_kinds_alone_is_refused_with_both_lists_of_names(site, tmp_path):
    parcel = Taxonomy().with_kind("parcel")
    frames = [draw(k, (1, 1)) for k in range(6)]
    found = coco(tmp_path, frames, parcel)
    with pytest.raises(InvalidInput, match=r"'box', 'disc', found none .* with 'parcel'"):
        remember_set(site, found, NOW)
    assert site.catalogue.slices.list() == []


def test_the_same_pictures_again_are_no_new_history_whatever_they_are_called(site, tmp_path):
    first = remember_set(site, coco(tmp_path, [named(f"a{k}", k) for k in range(10)]), NOW)
    again = remember_set(site, coco(tmp_path, [named(f"b{k}", k) for k in range(10)]), NOW)
    assert (again.deck, again.slice, len(again.known)) == (None, first.slice, 10)
    more = coco(tmp_path, [named(f"b{k}", k) for k in range(20)])
    third = remember_set(site, more, NOW)
    assert (third.slice.name, len(third.known)) == ("history 2", 10)
    assert len(third.slice.items) + len(third.deck.items) == 10
    assert len(site.catalogue.decks.list()) == 2


def test_a_new_copy_of_a_photograph_goes_the_way_that_the_first_one_went(site, tmp_path):
    def export(version, number):
        frames = [named(f"p{k}.rf.{version}{k}", 100 * version + k) for k in range(number)]
        return remember_set(site, coco(tmp_path, frames), NOW)

    first, second = export(1, 10), export(2, 15)
    judge = {group_of(id) for id in ids_of(first.slice) | ids_of(second.slice)}
    teach = {group_of(id) for id in ids_of(first.deck) | ids_of(second.deck)}
    assert not judge & teach
    assert {group_of(id) for id in ids_of(first.slice)} < judge


def test_a_picture_that_a_novelty_is_judged_by_never_teaches(site, tmp_path):
    mine = keep_labelled(site, [named("robot-frame", 3)], "n-1")
    site.catalogue.slices.put(freeze_slice("bag", mine, "n-1"), open=True)
    done = remember_set(site, coco(tmp_path, [draw(k) for k in range(10)]), NOW)
    assert len(done.known) == 1
    assert mine[0].image not in {item.image for item in done.deck.items}


def test_a_name_that_a_novelty_has_gets_a_number(site, tmp_path):
    mine = keep_labelled(site, [named("robot-frame", 300)], "n-1")
    site.catalogue.slices.put(freeze_slice("history", mine, "n-1"))
    assert not has_history(site)
    done = remember_set(site, coco(tmp_path, [draw(k) for k in range(10)]), NOW)
    assert done.slice.name == "history 2"
    assert has_history(site)


@pytest.mark.parametrize(
    ("name", "share", "told"),
    [
        ("", 0.2, "name of the slice"),
        (" x", 0.2, "name of the slice"),
        ("a\nb", 0.2, "name of the slice"),
        ("x", 0.0, "share that judges"),
        ("x", 1.0, "share that judges"),
        ("x", float("nan"), "share that judges"),
    ],
)
def test_a_name_or_share_that_makes_no_sense_is_refused(site, tmp_path, name, share, told):
    with pytest.raises(InvalidInput, match=told):
        remember_set(site, coco(tmp_path, [draw(k) for k in range(10)]), NOW, name, share)


def test_nothing_but_rejects_is_refused_with_the_first_reason(site):
    with pytest.raises(InvalidInput, match="no such picture"):
        remember_set(site, CocoSet(BASE, (), (Reject("p", "no such picture"),)), NOW)


def test_one_that_a_label_hides_wholly_is_left_out(site, tmp_path):
    bad = draw(9)
    bad = LabelledFrame(bad.id, bad.image, bad.truth.only(np.array([0, 0, 1])))
    found = coco(tmp_path, [*(draw(k) for k in range(9)), bad])
    done = remember_set(site, found, NOW)
    (reject,) = done.rejects
    assert "pixels that no later mask covers" in reject.reason


@pytest.mark.parametrize(
    ("share", "first"), [(0.2, [0, 5]), (0.5, [0, 2, 4, 6, 8]), (0.3, [0, 3, 6])]
)
def test_what_judges_is_spread_over_the_set(share, first):
    assert hold_back_groups([f"p{k}.png" for k in range(10)], share) == {f"p{k}" for k in first}


def test_a_running_line_no_longer_says_that_nothing_of_the_past_was_tested(site, tmp_path, trained):
    shelf = Shelf(site)
    better = shelf.add(trained, START, parent=None, deck=None, card={})
    champion, judge = site.catalogue.aliases.get("champion"), Judge(site, shelf)
    target = freeze_slice(
        "bag", keep_labelled(site, [draw(k) for k in range(60, 64)], "n-1"), "n-1"
    )
    site.catalogue.slices.put(target)

    def first_reason():
        slices = site.catalogue.slices.list()
        return judge.verdict(better.id, champion, slices, "bag", 0).reasons[0]

    assert "Nothing of the past was tested" in first_reason()
    found = coco(tmp_path, [draw(k) for k in range(10)])
    with Workspace.open(site.folder) as elsewhere:
        remember_set(elsewhere, found, NOW)
    assert "Nothing of the past was tested" not in first_reason()
