from collections import Counter
from dataclasses import replace

import pytest

from januscl.core import Conflict, DeckItem, IntegrityError, InvalidInput, Kind, Taxonomy
from januscl.decks import (
    Recipe,
    build_deck,
    check_deck,
    check_disjoint,
    check_slice,
    choose_replay,
    describe,
    diff,
    freeze_slice,
    without,
)

KINDS = Taxonomy((Kind(1, "box", "box"), Kind(2, "black bag", "soft")))


def items(prefix, count, source="new"):
    return [
        DeckItem(f"{prefix}{i:03}", f"image-{prefix}{i}", f"label-{prefix}{i}", source)
        for i in range(count)
    ]


def deck(new=None, replayed=None, **settings):
    settings = {"taxonomy": KINDS, "recipe": Recipe(), "seed": 3, "parent": "m-1"} | settings
    return build_deck(
        items("n", 4) if new is None else new,
        items("h", 6, "history") if replayed is None else replayed,
        **settings,
    )


def test_the_same_contents_are_the_same_deck_in_whatever_order_they_come():
    assert deck() == deck(items("n", 4)[::-1], items("h", 6, "history")[::-1])
    assert len(deck().id) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"parent": None},
        {"recipe": Recipe(flip=0.4)},
        {"taxonomy": KINDS.with_kind("tube")},
        {"new": items("n", 3)},
        {"new": [*items("n", 3), DeckItem("n003", "image-n3", "another label", "new")]},
    ],
)
def test_any_change_makes_another_deck(change):
    assert deck(**change).id != deck().id


def test_new_frames_come_first_and_replayed_ones_say_so():
    made = deck()
    assert [item.source for item in made.items] == ["new"] * 4 + ["replay"] * 6


def test_a_frame_that_is_new_is_not_replayed_too():
    made = deck(items("a", 2), [*items("a", 1, "history"), *items("b", 1, "history")])
    assert [(item.id, item.source) for item in made.items] == [
        ("a000", "new"),
        ("a001", "new"),
        ("b000", "replay"),
    ]


@pytest.mark.parametrize("barred", ["n002", "h001"])
def test_a_frame_taken_under_an_open_ticket_never_enters_a_deck(barred):
    with pytest.raises(
        InvalidInput, match=f"not quarantined, found 1, of which the first is {barred}"
    ):
        deck(quarantined={barred, "elsewhere"})
    new, refused = without(items("n", 4), {barred})
    history, too = without(items("h", 6), {barred})
    made = deck(new, history, quarantined={barred})
    assert barred not in {item.id for item in made.items}
    assert [item.id for item in (*refused, *too)] == [barred]


def test_an_empty_deck_and_a_frame_that_stands_twice_are_refused():
    with pytest.raises(InvalidInput, match="at least one frame, found none"):
        deck([], [])
    with pytest.raises(InvalidInput, match="n000 twice"):
        deck(items("n", 2) + items("n", 1))


@pytest.mark.parametrize(
    "change",
    [
        {"items": items("n", 3)},
        {"items": (replace(deck().items[0], label="forged"), *deck().items[1:])},
        {"seed": 99},
        {"recipe": {}},
        {"taxonomy": KINDS.with_kind("tube")},
        {"parent": "m-9"},
        {"id": "0" * 64},
    ],
)
def test_a_deck_that_was_changed_is_never_learned_from(change):
    check_deck(deck())
    with pytest.raises(IntegrityError, match="expected contents with the SHA-256"):
        check_deck(replace(deck(), **change))


def test_replay_is_the_same_for_a_seed_and_another_for_another():
    history = items("h", 50)
    one = choose_replay(history, 10, seed=1)
    assert one == choose_replay(history[::-1], 10, seed=1)
    assert one != choose_replay(history, 10, seed=2)
    assert len({item.id for item in one}) == 10
    assert len(choose_replay(history, 80, seed=1)) == 50
    assert choose_replay(history, 0, seed=1, labels={}) == ()
    with pytest.raises(InvalidInput, match="replay: expected 0 or more frames, found -1"):
        choose_replay(history, -1, seed=0)


def test_replay_shows_rare_kinds_as_often_as_common_ones():
    history = items("h", 100)
    labels = {item.id: [2] if i < 10 else [1] for i, item in enumerate(history)}
    shown = Counter(
        kind for item in choose_replay(history, 20, 5, labels) for kind in labels[item.id]
    )
    assert shown == {1: 10, 2: 10}
    uniform = Counter(kind for item in choose_replay(history, 20, 5) for kind in labels[item.id])
    assert uniform[2] < 8


def test_pictures_without_instances_are_replayed_as_a_kind_of_their_own():
    history = items("h", 60)
    labels = {item.id: [1] for item in history[:50]}
    chosen = choose_replay(history, 10, 0, labels)
    assert sum(item.id not in labels for item in chosen) == 5


def test_a_diff_names_every_change():
    a = deck()
    b = deck(
        [*items("n", 3), *items("x", 1)],
        [replace(items("h", 1)[0], label="mended"), *items("h", 6, "history")[1:]],
        seed=4,
        parent="m-2",
        recipe=Recipe(flip=0.1),
        taxonomy=KINDS.with_kind("tube"),
    )
    change = diff(a, b)
    assert [item.id for item in change.added] == ["x000"]
    assert [item.id for item in change.removed] == ["n003"]
    assert [(old.label, new.label) for old, new in change.changed] == [("label-h0", "mended")]
    assert [kind.name for kind in change.kinds_added] == ["tube"]
    assert change.kinds_removed == ()
    assert change.recipe == {"flip": (0.5, 0.1)}
    assert (change.seed, change.parent) == ((3, 4), ("m-1", "m-2"))
    assert not change.same
    assert diff(a, deck()).same


def test_a_summary_counts_pictures_and_instances_by_kind():
    summary = describe(deck(), {"n000": [1, 1, 2], "n001": [], "h000": [1]})
    assert summary.frames == 10
    assert summary.sources == {"new": 4, "replay": 6}
    assert summary.frames_of == {"box": 2, "black bag": 1}
    assert summary.instances_of == {"box": 3, "black bag": 1}
    assert summary.unlabelled == 7


def test_a_slice_is_frozen_under_the_digest_of_its_items():
    slice = freeze_slice("base", items("s", 5))
    assert slice.id == freeze_slice("other name", items("s", 5)[::-1]).id
    check_slice(slice)
    easier = (replace(slice.items[0], label="easier"), *slice.items[1:])
    with pytest.raises(IntegrityError, match="slice base: expected contents with the SHA-256"):
        check_slice(replace(slice, items=easier))


@pytest.mark.parametrize(("name", "rows"), [("", 1), ("base", 0)])
def test_a_slice_has_a_name_and_frames(name, rows):
    with pytest.raises(InvalidInput, match="a name and at least one frame"):
        freeze_slice(name, items("s", rows))


def test_no_frame_is_learned_from_and_judged_by():
    check_disjoint(deck(), [freeze_slice("base", items("s", 5))])
    with pytest.raises(Conflict, match="slice 'base' share 1 frames, of which the first is n001"):
        check_disjoint(deck(), [freeze_slice("base", [*items("s", 5), items("n", 2)[1]])])
    copy = DeckItem("renamed", "image-n0", "label", "history")
    with pytest.raises(Conflict, match="of which the first is renamed"):
        check_disjoint(deck(), [freeze_slice("base", [copy])])
