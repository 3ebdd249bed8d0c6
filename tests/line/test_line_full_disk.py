"""A disk that fills up while a deck is made: nothing half made shows, and it is made later."""

import resource
from contextlib import contextmanager

import numpy as np
import pytest
from line_scenes import BASE, draw

from januscl.core import DeckItem, LabelledFrame, StorageFull
from januscl.decks import Recipe, build_deck
from januscl.line.keeping import keep_labelled, load_labelled
from januscl.store import Workspace


@contextmanager
def no_file_over(size):
    """Forbid files of more bytes, as a quota would; needs no root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def frames():
    """Six frames, of which the fourth takes more room than the others."""
    for k in range(6):
        frame = draw(k)
        if k == 3:
            noise = np.random.default_rng(0).integers(0, 256, frame.image.shape, dtype=np.uint8)
            frame = LabelledFrame(frame.id, noise, frame.truth)
        yield frame


def deck_of(items):
    return build_deck(items, taxonomy=BASE, recipe=Recipe(), seed=0)


def test_no_room_for_a_picture_leaves_no_deck_and_what_was_kept_is_whole(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        with no_file_over(8000), pytest.raises(StorageFull, match="no room"):
            keep_labelled(workspace, frames(), "new")
        assert workspace.catalogue.decks.list() == []
        blobs = [p for p in (workspace.folder / "blobs").rglob("*") if p.is_file()]
        assert blobs, "what came before it is kept"
        for path in blobs:
            assert workspace.blobs.get(path.name), "whole, or `get` would tell"
        items = keep_labelled(workspace, frames(), "new")
        deck = deck_of(items)
        assert workspace.catalogue.decks.put(deck)
        assert [frame.id for frame in load_labelled(workspace, deck.items)] == [
            item.id for item in deck.items
        ]


def test_no_room_for_the_decks_row_leaves_the_earlier_decks_and_takes_it_later(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        decks = workspace.catalogue.decks
        (kept,) = keep_labelled(workspace, [draw(1)], "new")
        first = deck_of([kept])
        decks.put(first)
        large = deck_of([DeckItem(f"f-{k}", kept.image, kept.label, "new") for k in range(3000)])
        used = max(p.stat().st_size for p in workspace.folder.glob("catalogue.sqlite*"))
        with no_file_over(used + 4096), pytest.raises(StorageFull, match="free some room"):
            decks.put(large)
        assert decks.list() == [first]
        assert decks.put(large)
        assert decks.list() == [first, large]
