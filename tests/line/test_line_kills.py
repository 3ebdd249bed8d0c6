"""Processes killed while they make a deck: the workspace shows all of it, or none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from januscl.core import DeckItem, Instances, LabelledFrame, Taxonomy, masks_of
from januscl.decks import Recipe, build_deck
from januscl.line.keeping import keep_labelled, load_labelled
from januscl.store import Workspace

FRAMES = 6
BASE = Taxonomy().with_kind("box", "box")


def draw(k: int) -> LabelledFrame:
    ids = np.zeros((32, 32), np.int32)
    ids[k : k + 9, 4:16] = 1
    image = np.full((32, 32, 3), 90 + k, np.uint8)
    return LabelledFrame(f"drawn-{k}", image, Instances.of_masks(masks_of(ids, 1), [1]))


MAKER = """
import os, signal, sys
from test_line_kills import BASE, draw
from januscl.decks import Recipe, build_deck
from januscl.line.keeping import keep_labelled
from januscl.store import Workspace

folder, moment, frames = sys.argv[1], sys.argv[2], int(sys.argv[3])

def die_at(now):
    if now == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def drawn():
    for k in range(frames):
        if k == frames // 2:
            die_at("pictures")
        yield draw(k)

workspace = Workspace.open(folder)
items = keep_labelled(workspace, drawn(), "new")
deck = build_deck(items, taxonomy=BASE, recipe=Recipe(), seed=0)
die_at("built")
with workspace.catalogue.transaction() as tx:
    tx.decks.put(deck)
    die_at("row")
    tx.audit.record("line", "deck.built", deck.id, {})
die_at("kept")
"""

WRITER = """
import sys
from test_line_kills import BASE
from januscl.core import DeckItem
from januscl.decks import Recipe, build_deck
from januscl.store import Workspace

workspace = Workspace.open(sys.argv[1])
kept = [DeckItem(*line.split()) for line in sys.stdin]
for seed in range(10**6):
    deck = build_deck(kept, taxonomy=BASE, recipe=Recipe(), seed=seed)
    workspace.catalogue.decks.put(deck)
    print(deck.id, flush=True)
"""


def python(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "decks"), [("pictures", 0), ("built", 0), ("row", 0), ("kept", 1)]
)
def test_a_deck_whose_maker_is_killed_is_there_whole_or_not_at_all(tmp_path, moment, decks):
    maker = python(MAKER, tmp_path / "w", moment, FRAMES)
    maker.communicate(timeout=60)
    assert maker.returncode == -signal.SIGKILL
    with Workspace.open(tmp_path / "w") as workspace:
        catalogue = workspace.catalogue
        assert len(catalogue.decks.list()) == len(catalogue.audit.list()) == decks
        items = keep_labelled(workspace, (draw(k) for k in range(FRAMES)), "new")
        deck = build_deck(items, taxonomy=BASE, recipe=Recipe(), seed=0)
        assert catalogue.decks.put(deck) is (decks == 0), "made again, it is the same deck"
        assert catalogue.decks.list() == [deck]
        assert [frame.id for frame in load_labelled(workspace, deck.items)] == [
            item.id for item in deck.items
        ]


@pytest.mark.parametrize("acknowledged", [1, 12])
def test_a_writer_of_decks_killed_at_any_moment_leaves_only_whole_decks(tmp_path, acknowledged):
    with Workspace.open(tmp_path / "w") as workspace:
        (kept,) = keep_labelled(workspace, [draw(1)], "new")
    items = [DeckItem(f"frame-{k}", kept.image, kept.label, "new") for k in range(500)]
    writer = python(WRITER, tmp_path / "w")
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.writelines(f"{i.id} {i.image} {i.label} {i.source}\n" for i in items)
    writer.stdin.close()
    given = [writer.stdout.readline().strip() for _ in range(acknowledged)]
    writer.kill()
    given += [line.strip() for line in writer.stdout if line.endswith("\n")]
    writer.wait(timeout=60)
    writer.stdout.close()
    with Workspace.open(tmp_path / "w") as workspace:
        decks = workspace.catalogue.decks.list()
        assert [deck.id for deck in decks][: len(given)] == given, "what was acknowledged is there"
        assert len(decks) <= len(given) + 1, "at most the one that it had no time to name"
        for seed, deck in enumerate(decks):
            assert deck == build_deck(items, taxonomy=BASE, recipe=Recipe(), seed=seed)
