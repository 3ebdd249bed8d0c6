"""A drawn site whose workers are processes: robots that send, a person who labels, a worker."""

import hashlib
import io
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from line_scenes import ALL, BASE, CELLS, as_seen, draw

from januscl.core import Label, NotFound, NoveltyState, Outcome, Pick, new_id
from januscl.core.message import Record, encode_batch, pick_to_json, record_to_json
from januscl.core.pictures import encode_png
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.line.answers import receive
from januscl.line.intake import take_batch, take_outcomes
from januscl.line.keeping import keep_labelled
from januscl.line.standing import Standing
from januscl.store import Workspace

HERE = Path(__file__).parent
COUNTED = (
    "images.preserved", "labels.asked", "labelled", "slice.kept", "deck.built", "trained",
    "gate.pass", "novelty.labelling", "novelty.in_deck", "novelty.in_release", "novelty.closed",
    "slice.frozen",
)  # fmt: skip


def process(program, *arguments):
    """Start a program of this folder."""
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, HERE / program, *map(str, arguments)],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip


def answers(folder, truth, stop):
    """Label whatever is asked for, as a person would, a few at a time."""
    with Workspace.open(folder / "w") as workspace:
        while not stop.wait(0.1):
            for task in workspace.catalogue.label_tasks.pending()[:5]:
                now = datetime.now(UTC)
                label = Label(task.observation, truth[task.observation], "person", now)
                assert receive(workspace, [label], ALL, now)


def went_once(folder, decks=2):
    """Assert that every step of the one novelty's way had its effect, once."""
    starts = Counter((folder / "jobs" / "starts").read_text().split())
    assert set(starts.values()) == {1}, "no job was started twice"
    assert sum(name.startswith("train-") for name in starts) == 1
    with Workspace.open(folder / "w") as workspace:
        catalogue = workspace.catalogue
        done = Counter(row.action for row in catalogue.audit.list())
        assert {name: done[name] for name in COUNTED} == dict.fromkeys(COUNTED, 1)
        assert len(catalogue.decks.list()) == decks, "those of the past, and the novelty's"
        assert len(catalogue.models.list()) == 2
        assert len(catalogue.verdicts.list()) == 1
        (novelty,) = [n for n in catalogue.novelties.list() if n.name == "triangle"]
        assert novelty.state is NoveltyState.CLOSED
        assert 8 <= len(catalogue.label_tasks.asked(novelty=novelty.id)) <= 12
        champion = catalogue.models.get(catalogue.aliases.get("champion"))
        assert champion.deck == catalogue.decks.list()[-1].id


def prepare(workspace):
    """Give a workspace its past and its cells."""
    base = keep_labelled(workspace, (draw(k) for k in range(8)), "history")
    past = keep_labelled(workspace, (draw(k) for k in range(20, 28)), "history")
    workspace.catalogue.slices.put(freeze_slice("base", base))
    workspace.catalogue.decks.put(build_deck(past, taxonomy=BASE, recipe=Recipe(), seed=0))
    for cell in CELLS:
        workspace.catalogue.cells.put(cell)


class Robots:
    """Robots that send what they see and how it ended, each running what it is told to.

    Attributes:
        truth: Of each frame.
    """

    def __init__(self, workspace):
        self._workspace, self._count = workspace, 0
        self._standing = Standing(workspace.catalogue, CELLS)
        self.truth = {}

    def pick(self, cells, good=(), bad=(), novel=True):
        """Let robots look and pick once.

        Only the models in good can pick the new kind; those in bad can pick nothing at work.
        Without novel, all that comes is of known kinds.
        """
        runs = self._standing.runs()
        for cell in cells:
            self._count += 1
            model, now = runs[cell.robot], datetime.now(UTC)
            new = novel and self._count % 2
            pile = draw(30_000 + self._count, (3, 2, 1, 2) if new else (1, 2, 1, 2))
            # A model that can pick what is new takes it for a box, and sees nothing strange.
            labels = np.where(pile.truth.labels == 3, 1, pile.truth.labels)
            look = replace(pile.truth, labels=labels) if model in good else pile.truth
            seen = as_seen(look, self._count)
            picture, packed = encode_png(pile.image), io.BytesIO()
            np.savez(packed, instances=seen.embeddings)
            blobs = {hashlib.sha256(d).hexdigest(): d for d in (picture, packed.getvalue())}
            image, embeddings = blobs
            id = new_id(now, self._count.to_bytes(10, "big"))
            self.truth[id] = pile.truth
            record = Record(
                id, cell.robot, cell.camera, now, 64, 64, model, seen, image, embeddings
            )
            message = encode_batch([record_to_json(record)], blobs)
            assert take_batch(self._workspace, cell.robot, message, 10).accepted == (id,)
            fails = pile.truth.labels[0] == 3 and model not in good
            fails = fails or (model in bad and not cell.station)
            outcome = Outcome.MISSED if fails else Outcome.PICKED
            pick = Pick(0, (16.0, 16.0), outcome, now + timedelta(seconds=1))
            told = {"outcomes": [{"observation": id, "pick": pick_to_json(pick)}]}
            take_outcomes(self._workspace, cell.robot, told, 10)

    def challenger(self):
        """Return the model of the latest release, if there is one."""
        releases = self._workspace.catalogue.releases.list()
        return releases[-1].model if releases else None


def closed(workspace):
    """Say whether a novelty has been closed."""
    try:
        return bool(workspace.catalogue.novelties.list([NoveltyState.CLOSED]))
    except NotFound:
        return False
