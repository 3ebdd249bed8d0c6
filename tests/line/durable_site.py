"""A drawn site in one process, whose robots send through the service's doors."""

import hashlib
import io
from datetime import UTC, datetime

import numpy as np
from line_scenes import ALL, CELLS, START, as_seen, draw

from januscl.compute import InlineExecutor
from januscl.core import NoveltyState, Outcome, Pick, new_id
from januscl.core.message import Record, encode_batch, pick_to_json, record_to_json
from januscl.core.pictures import encode_png
from januscl.line.durable import LastingLedger, Shop
from januscl.line.durable.drained import Drained
from januscl.line.durable.engine import engine_of
from januscl.line.durable.fed import Fed
from januscl.line.durable.floor import Floor
from januscl.line.intake import drain, take_batch, take_outcomes
from januscl.line.judging import Judge
from januscl.line.policy import Collecting, Policy, Watching
from januscl.line.shelf import Shelf
from januscl.store import Workspace
from januscl.train import CompactModel

POLICY = Policy(Watching(cameras=False, seed=0), Collecting(frames=12, least=8, patience=0.0))


class Site:
    """A workspace and the floor over it."""

    def __init__(self, folder, taxonomy=ALL):
        self.folder = folder
        self.workspace = Workspace.open(folder / "w")
        self.catalogue, self.count, self.truth = self.workspace.catalogue, 0, {}
        for cell in CELLS:
            self.catalogue.cells.put(cell)
        shelf, model = Shelf(self.workspace), CompactModel.new(taxonomy, input_px=64)
        self.champion = shelf.add(model, START, parent=None, deck=None, card={}).id
        self.catalogue.aliases.set("champion", self.champion)
        self.engine = engine_of(folder / "workflows.db")
        self.begins()

    def begins(self):
        """Begin, or begin again after a restart."""
        ledger = LastingLedger(Drained(self.workspace), POLICY.collecting, 1000.0)
        self.shop = Shop(
            self.workspace, ledger, InlineExecutor(), POLICY, lambda: datetime.now(UTC)
        )
        judge = Judge(self.workspace, Shelf(self.workspace))
        self.floor = Floor(self.shop, judge, Fed(self.engine, self.workspace))
        self.floor.follow()

    def sends(self, pixels=True, outcome=Outcome.MISSED, at=None, kinds=(3, 2, 1, 2)):
        """Let a robot send a frame whose first package, a triangle, it could not pick; its id."""
        self.count += 1
        cell, now = CELLS[self.count % 2], at or datetime.now(UTC)
        pile = draw(30_000 + self.count, kinds)
        seen, packed = as_seen(pile.truth, self.count), io.BytesIO()
        np.savez(packed, instances=seen.embeddings)
        data = [packed.getvalue(), *([encode_png(pile.image)] if pixels else [])]
        blobs = {hashlib.sha256(each).hexdigest(): each for each in data}
        embeddings, image = [*blobs, None][:2]
        id = new_id(now, self.count.to_bytes(10, "big"))
        self.truth[id] = pile.truth
        record = Record(
            id, cell.robot, cell.camera, now, 64, 64, self.champion, seen, image, embeddings
        )
        take_batch(self.workspace, cell.robot, encode_batch([record_to_json(record)], blobs), 10)
        if outcome:
            self.reports(id, cell.robot, outcome)
        return id

    def reports(self, id, robot, outcome=Outcome.MISSED):
        pick = Pick(0, (16.0, 16.0), outcome, datetime.now(UTC))
        told = {"outcomes": [{"observation": id, "pick": pick_to_json(pick)}]}
        take_outcomes(self.workspace, robot, told, 10)

    def works(self):
        """Drain and watch until nothing is left; return how many were taken in."""
        while drain(self.workspace).messages:
            pass
        taken = 0
        while seen := self.floor.watch():
            taken += seen
        return taken

    def collects(self):
        return self.catalogue.novelties.list([NoveltyState.COLLECTING])
