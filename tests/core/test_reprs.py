"""What a notebook shows of the words that hold much: one short line."""

from datetime import UTC, datetime

import numpy as np

from januscl.core import (
    Answer,
    Deck,
    DeckItem,
    Frame,
    Instances,
    LabelledFrame,
    LabelTask,
    ModelVersion,
    Observation,
    Slice,
    Taxonomy,
    Verdict,
    encode_mask,
    new_id,
)

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = "3f2a" * 16
KINDS = Taxonomy().with_kind("box").with_kind("black bag")
IMAGE = np.zeros((48, 64, 3), np.uint8)


def items(*sources):
    return tuple(DeckItem(new_id(AT), DIGEST, DIGEST, source) for source in sources)


def seen(number):
    mask = np.zeros((48, 64), bool)
    mask[4:9, 4:9] = True
    return Instances.of_masks([encode_mask(mask)] * number, [1] * number)


def test_a_deck_tells_how_much_is_new_and_how_much_is_replayed():
    deck = Deck(DIGEST, items(*["n-1"] * 42, *["replay"] * 60), KINDS, {}, 0)
    assert repr(deck) == "Deck(3f2a3f2a…, 102 frames: 42 new, 60 replayed)"
    first = Deck(DIGEST, items("history"), KINDS, {}, 0)
    assert repr(first) == "Deck(3f2a3f2a…, 1 frame: 1 of history)"
    assert repr(Deck("", (), KINDS, {}, 0)) == "Deck(, 0 frames)"


def test_a_slice_tells_its_name_and_its_size():
    assert repr(Slice(DIGEST, "base", items(*["history"] * 30))) == (
        "Slice('base', 3f2a3f2a…, 30 frames)"
    )


def test_a_model_version_tells_its_kinds_and_where_it_is_from():
    first = ModelVersion("m-1", DIGEST, KINDS, None, None, AT, {"much": list(range(1000))})
    assert repr(first) == "ModelVersion(m-1, box, black bag; from nothing)"


def test_a_verdict_tells_its_first_reason():
    verdict = Verdict(Answer.FAIL, ("base: AP 70.1 to 60.2.", "It forgot."))
    assert repr(verdict) == "Verdict(fail: base: AP 70.1 to 60.2.)"
    assert repr(Verdict(Answer.PASS, ())) == "Verdict(pass: no reason given)"


def test_pictures_and_masks_are_told_by_their_sizes():
    frame = Frame(IMAGE, "camera-a", "robot-a", AT)
    assert repr(frame) == "Frame(48x64 px, camera camera-a of robot-a, 2026-03-01 12:00:00Z)"
    assert repr(seen(2)) == "Instances(2 of 48x64 px; labels 1 at 1.00, 1 at 1.00)"
    assert repr(Instances.empty()) == "Instances(0)"
    assert len(repr(seen(100))) < 120
    assert repr(LabelledFrame("a.png", IMAGE, seen(3))) == "LabelledFrame(a.png, 48x64 px, 3 masks)"
    task = LabelTask("t-1", "o-1", None, IMAGE, seen(3))
    assert repr(task) == "LabelTask(t-1, observation o-1, 3 proposals)"
    assert len(repr(Observation("o-1", frame, seen(100), "m-1"))) < 300
