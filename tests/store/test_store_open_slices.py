from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import (
    Conflict,
    Cost,
    DeckItem,
    Instances,
    LabelTask,
    Novelty,
    NoveltyState,
    Outcome,
    Pick,
    Slice,
)

AT = datetime(2026, 3, 2, tzinfo=UTC)
DIGEST = "ab" * 32


@pytest.fixture
def opened(catalogue):
    return catalogue


def part(*ids, name="bag", novelty="n-1"):
    items = tuple(DeckItem(id, DIGEST, DIGEST, "new") for id in ids)
    return Slice("-".join(ids), name, items, novelty)


def test_an_open_slice_grows_until_its_novelty_freezes_it(opened):
    slices = opened.slices
    assert slices.put(part("a"), open=True)
    assert not slices.put(part("a", "b"), open=True)
    assert slices.open_of("n-1") == slices.get("bag") == part("a", "b")
    assert slices.list(frozen_only=True) == []
    slices.freeze("n-1")
    assert slices.open_of("n-1") is None
    assert slices.list(frozen_only=True) == slices.list() == [part("a", "b")]
    with pytest.raises(Conflict, match="frozen for ever"):
        slices.put(part("a", "b", "c"), open=True)


def test_an_open_slice_is_not_taken_over_by_another_novelty(opened):
    opened.slices.put(part("a"), open=True)
    with pytest.raises(Conflict, match="other contents"):
        opened.slices.put(part("b", novelty="n-2"), open=True)
    opened.slices.freeze("n-2")
    assert opened.slices.open_of("n-1") == part("a")


def test_a_task_says_whether_it_was_answered_and_whether_its_label_was_used(opened):
    novelty = Novelty("n-1", "bag", NoveltyState.NEW, AT, AT, 1, ("r",), Cost(0, 0, 0))
    opened.novelties.put(novelty)
    nothing = Instances.of_masks([], [])
    for id in ("a", "b"):
        task = LabelTask(f"t-{id}", id, "n-1", np.zeros((4, 4, 3), np.uint8), nothing)
        opened.label_tasks.add(task, DIGEST)
    opened.label_tasks.done("t-a")
    opened.label_tasks.use("n-1", ["a", "unknown"])
    assert [(t.observation, t.done, t.used) for t in opened.label_tasks.asked(novelty="n-1")] == [
        ("a", True, True),
        ("b", False, False),
    ]
    assert [t.id for t in opened.label_tasks.asked(observation="b")] == ["t-b"]
    assert opened.label_tasks.asked(novelty="n-2") == []


def test_the_latest_picks_come_oldest_first(opened):
    for k in (2, 0, 1):
        opened.observations.report(
            f"o-{k}", Pick(None, None, Outcome.MISSED, AT + timedelta(minutes=k))
        )
    assert [id for id, _ in opened.observations.picks(2)] == ["o-1", "o-2"]
