import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from januscl.core import (
    Conflict,
    DeckItem,
    Frame,
    Instances,
    InvalidInput,
    Kind,
    NotFound,
    Observation,
    Outcome,
    Pick,
    Taxonomy,
    Ticket,
    encode_mask,
    new_id,
)
from januscl.core.wire import (
    canonical,
    digest_of,
    instances_from_json,
    instances_to_json,
    item_from_json,
    item_to_json,
    rle_from_json,
    rle_to_json,
    taxonomy_from_json,
    taxonomy_to_json,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MASK = encode_mask(np.eye(4, 5))


def seen(**changes):
    values = {
        "masks": (MASK,),
        "boxes": np.asarray([[0, 0, 4, 4]], np.float32),
        "scores": np.asarray([0.5], np.float32),
        "labels": np.asarray([1]),
    }
    return Instances(**(values | changes))


def frame(**changes):
    values = {"image": np.zeros((4, 5, 3), np.uint8), "camera": "c", "robot": "r", "at": NOON}
    return Frame(**(values | changes))


def through_text(value):
    return json.loads(json.dumps(value))


# Wire


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30), st.floats(0, 1))
def test_a_mask_survives_json_to_the_pixel(seed, height, width, share):
    rle = encode_mask(np.random.default_rng(seed).random((height, width)) < share)
    assert rle_from_json(through_text(rle_to_json(rle))) == rle
    plain = {"size": [height, width], "counts": rle.counts.tolist()}
    assert rle_from_json(through_text(plain)) == rle


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, r'bag 3: expected {"size": \[H, W\], "counts": text or list}, found None'),
        ({"size": [4], "counts": ""}, r"expected {.size"),
        ({"size": [4, 5.0], "counts": [20]}, r"expected {.size"),
        ({"size": [4, True], "counts": [4]}, r"expected {.size"),
        ({"size": [4, 5], "counts": 20}, r"expected {.size"),
        ({"size": [4, 5], "counts": [10.5, 9.5]}, "whole-number runs"),
        ({"size": [4, 5], "counts": [float("nan")]}, "whole-number runs"),
        ({"size": [4, 5], "counts": [21]}, "sum to 4x5=20, found a sum of 21"),
        ({"size": [4, 5], "counts": [30, -10]}, "non-negative runs"),
        ({"size": [4, 5], "counts": [2**70]}, "runs of at most 64000000 pixels, found"),
        ({"size": [10**6, 10**7], "counts": []}, "at most 64000000 pixels, found 1000000x10000000"),
        ({"size": [4, 5], "counts": "o" * 7 + "0"}, "runs of at most 64000000 pixels"),
        ({"size": [0, 5], "counts": []}, "a size of at least 1x1, found 0x5"),
        ({"size": [4, 5], "counts": "\x07"}, "COCO compressed text"),
        ({"size": [4, 5], "counts": "é"}, "COCO compressed text"),
        ({"size": [4, 5], "counts": "oooooooooooo0"}, "COCO compressed text"),
        ({"size": [4, 5], "counts": "d0P"}, r"complete COCO text, found 'd0P' at its end"),
    ],
)
def test_a_mask_that_is_wrong_says_what_is_wrong(value, says):
    with pytest.raises(InvalidInput, match=says):
        rle_from_json(value, "bag 3")


def test_instances_survive_json():
    given = seen(
        masks=(MASK, encode_mask(np.ones((4, 5)))),
        boxes=np.asarray([[0, 0, 4.125, 4], [0, 0, 5, 4]], np.float32),
        scores=np.asarray([0.75, 0.5], np.float32),
        labels=np.asarray([3, 1]),
    )
    found = instances_from_json(through_text(instances_to_json(given)))
    assert found.masks == given.masks
    for name in ("boxes", "scores", "labels"):
        assert np.array_equal(getattr(found, name), getattr(given, name))
    assert len(instances_from_json(instances_to_json(Instances.empty()))) == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"scores": [float("nan")]},
            r"scores: expected numbers in 0\.\.1, found \[nan\]",
        ),
        ({"scores": [1.5]}, r"instances\.scores: expected numbers in 0\.\.1"),
        ({"scores": [-0.1]}, r"instances\.scores: expected numbers in 0\.\.1"),
        ({"scores": []}, r"instances\.scores: expected shape \(1,\) for 1 masks, found \(0,\)"),
        ({"scores": ["high"]}, "answer: expected numbers in boxes"),
        ({"scores": None}, "answer: expected an object with the lists masks, boxes"),
        ({"labels": [1, 2]}, r"instances\.labels: expected shape \(1,\)"),
        ({"labels": [None]}, "answer: expected numbers in boxes"),
        ({"labels": [2**70]}, "answer: expected numbers in boxes"),
        ({"boxes": [[0, 0, 1, 10**400]]}, "answer: expected numbers in boxes"),
        ({"boxes": [[0, 0, float("inf"), 1]]}, r"instances\.boxes: expected finite numbers"),
        ({"boxes": [[0, 0, 1]]}, "answer: expected numbers in boxes"),
        ({"masks": [{"size": [4, 5], "counts": [3]}]}, "mask run lengths: expected"),
        ({"masks": ["x"]}, r"answer\.masks\[0\]: expected"),
    ],
)
def test_instances_that_are_wrong_name_their_field(change, says):
    value = instances_to_json(seen()) | change
    with pytest.raises(InvalidInput, match=says):
        instances_from_json(value, "answer")


@pytest.mark.parametrize("value", [None, [], "masks", {}])
def test_what_are_no_instances_is_refused(value):
    with pytest.raises(InvalidInput, match="an object with the lists masks, boxes, scores, labels"):
        instances_from_json(value)


def test_equal_values_have_equal_digests():
    assert digest_of({"b": 1, "a": "é"}) == digest_of({"a": "é", "b": 1})
    assert digest_of([1, 2]) != digest_of([2, 1])
    assert canonical({"b": [1.5, None], "a": "é"}) == '{"a":"é","b":[1.5,null]}'.encode()
    with pytest.raises(ValueError, match="Out of range float"):
        digest_of({"score": float("nan")})


def test_a_manifest_line_survives_json_and_a_damaged_one_is_refused():
    item = DeckItem("o1", "i", "l", "new")
    assert item_from_json(through_text(item_to_json(item))) == item
    for bad in (None, {}, item_to_json(item) | {"label": 3}):
        with pytest.raises(InvalidInput, match="line 4: expected an object with the texts id"):
            item_from_json(bad, "line 4")


# Taxonomy

KINDS = Taxonomy((Kind(1, "box", "box"), Kind(4, "old bag", "soft", retired=True)))


def test_a_taxonomy_survives_json():
    assert taxonomy_from_json(through_text(taxonomy_to_json(KINDS))) == KINDS


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        [1],
        [{"id": 1}],
        [{"id": "x", "name": "a", "shape": "b", "retired": 0}],
        [{"id": float("inf"), "name": "a", "shape": "b", "retired": 0}],
    ],
)
def test_what_is_no_taxonomy_is_refused(value):
    with pytest.raises(InvalidInput, match="taxonomy: expected a list of kinds with id, name"):
        taxonomy_from_json(value)


def test_a_new_kind_gets_an_id_that_was_never_used():
    grown = KINDS.with_kind("tube", "cylinder")
    assert grown.named("tube") == Kind(5, "tube", "cylinder")
    assert grown.kinds[:2] == KINDS.kinds
    assert Taxonomy().with_kind("box").kind(1).name == "box"
    assert (len(grown), [kind.id for kind in grown]) == (3, [1, 4, 5])


def test_names_and_ids_are_never_used_again():
    with pytest.raises(Conflict, match="kind 'old bag' exists already; names are never used again"):
        KINDS.with_kind("old bag")
    for kinds in ((Kind(1, "a"), Kind(1, "b")), (Kind(1, "a"), Kind(2, "a")), (Kind(0, "a"),)):
        with pytest.raises(InvalidInput, match="taxonomy: expected unique names and unique ids"):
            Taxonomy(kinds)


def test_what_the_taxonomy_does_not_know_is_named():
    with pytest.raises(NotFound, match=r"class id 2 is not in the taxonomy \[1, 4\]"):
        KINDS.kind(2)
    with pytest.raises(NotFound, match="kind 'tube' is not in the taxonomy"):
        KINDS.named("tube")
    KINDS.check_labels([1, 4, 1])
    with pytest.raises(InvalidInput, match=r"deck: expected class ids .* found \[2, 9\]"):
        KINDS.check_labels([9, 1, 2], "deck")


# Observation


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 4), np.uint8),
        np.zeros((4, 5, 3), np.float32),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_a_frame_is_eight_bit_rgb(image):
    with pytest.raises(InvalidInput, match=r"frame image: expected \(H, W, 3\) uint8") as caught:
        frame(image=image)
    assert "read_image" in caught.value.fix


def test_a_frame_without_a_time_zone_or_with_foreign_depth_is_refused():
    with pytest.raises(InvalidInput, match="frame time: expected a time with a time zone"):
        frame(at=datetime(2026, 3, 1, 12))
    with pytest.raises(InvalidInput, match=r"frame depth: expected shape \(4, 5\), found \(5, 4\)"):
        frame(depth=np.zeros((5, 4), np.float32))


def test_times_are_kept_in_utc():
    local = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert frame(at=local).at.utcoffset() == timedelta(0)
    assert Pick(0, (1.0, 2.0), Outcome.MISSED, local).at == NOON
    with pytest.raises(InvalidInput, match="pick time: expected a time with a time zone"):
        Pick(0, None, Outcome.MISSED, datetime(2026, 3, 1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"boxes": np.zeros((2, 4), np.float32)}, r"boxes: expected shape \(1, 4\) for 1 masks"),
        ({"embeddings": np.zeros((2, 8), np.float32)}, r"embeddings: expected 1 rows"),
        ({"embeddings": np.full((1, 8), np.nan, np.float32)}, "embeddings: expected finite"),
        ({"frame_embedding": np.full(8, np.inf, np.float32)}, "frame_embedding: expected finite"),
    ],
)
def test_instances_whose_parts_disagree_are_refused(change, says):
    with pytest.raises(InvalidInput, match=rf"instances\.{says}"):
        seen(**change)


def test_an_observation_has_masks_of_its_frame_and_a_pick_of_its_instances():
    pick = Pick(0, (2.0, 2.0), Outcome.PICKED, NOON)
    assert not Observation("o1", frame(), seen(), "m", pick).pick.outcome.failed
    with pytest.raises(InvalidInput, match=r"mask 0 of observation o1: expected size 5x5"):
        Observation("o1", frame(image=np.zeros((5, 5, 3), np.uint8)), seen(), "m")
    for row in (1, -1):
        with pytest.raises(InvalidInput, match=rf"an instance in 0\.\.0, found {row}"):
            Observation("o1", frame(), seen(), "m", Pick(row, None, Outcome.MISSED, NOON))


def test_choosing_instances_keeps_their_rows_together():
    both = Instances.of_masks([MASK, encode_mask(np.ones((4, 5)))], [1, 2])
    for index in (np.asarray([False, True]), np.asarray([1])):
        one = both.only(index)
        assert (one.masks, one.labels.tolist()) == (both.masks[1:], [2])
        assert one.boxes.tolist() == [[0, 0, 5, 4]]
    assert len(both.only(np.asarray([], dtype=int))) == 0


def test_only_a_pick_that_came_up_is_no_failure():
    assert [outcome for outcome in Outcome if not outcome.failed] == [Outcome.PICKED]


def test_a_ticket_covers_its_camera_from_the_fault_to_its_closing():
    hour = timedelta(hours=1)
    ticket = Ticket("t", "c", "r", "defocus", began=NOON, opened=NOON + hour)
    assert ticket.covers("c", NOON)
    assert ticket.covers("c", NOON + 90 * hour)
    assert not ticket.covers("other", NOON + hour)
    assert not ticket.covers("c", NOON - timedelta(seconds=1))
    closed = Ticket("t", "c", "r", "defocus", NOON, NOON + hour, closed=NOON + 2 * hour)
    assert not closed.covers("c", NOON + 3 * hour)


def test_ids_sort_by_time_and_say_what_they_are():
    ids = [new_id(NOON + timedelta(milliseconds=k)) for k in range(5)]
    assert ids == sorted(ids)
    assert len({new_id() for _ in range(100)}) == 100
    made = new_id(NOON, entropy=bytes(10))
    assert made == new_id(NOON, entropy=bytes(10))
    assert (len(made), made[14], made[19]) == (36, "7", "8")
    with pytest.raises(InvalidInput, match="entropy: expected 10 bytes, found 3"):
        new_id(NOON, entropy=b"abc")
