"""What robots sent is watched once, in order, with its pixels or without."""

import hashlib
import io
from datetime import UTC, datetime

import numpy as np
import pytest
from line_scenes import ALL, CELLS, START, as_seen, draw, known

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

    def __init__(self, folder):
        self.folder = folder
        self.workspace = Workspace.open(folder / "w")
        self.catalogue, self.count = self.workspace.catalogue, 0
        for cell in CELLS:
            self.catalogue.cells.put(cell)
        shelf, model = Shelf(self.workspace), CompactModel.new(ALL, input_px=64)
        self.champion = shelf.add(model, START, parent=None, deck=None, card={}).id
        self.catalogue.aliases.set("champion", self.champion)
        self.engine = engine_of(folder / "workflows.db")
        self.begins()

    def begins(self):
        """Begin, or begin again after a restart."""
        ledger = LastingLedger(Drained(self.workspace), POLICY.collecting, 1000.0)
        self.shop = Shop(
            self.workspace, ledger, ALL, InlineExecutor(), POLICY, lambda: datetime.now(UTC)
        )
        judge = Judge(self.workspace, Shelf(self.workspace))
        self.floor = Floor(self.shop, judge, Fed(self.engine, self.workspace))
        self.floor.follow()

    def sends(self, pixels=True, outcome=True, at=None):
        """Let a robot send a frame with a triangle that it could not pick; return its id."""
        self.count += 1
        cell, now = CELLS[self.count % 2], at or datetime.now(UTC)
        pile = draw(30_000 + self.count, (3, 2, 1, 2))
        seen, packed = as_seen(pile.truth, self.count), io.BytesIO()
        np.savez(packed, instances=seen.embeddings)
        data = [packed.getvalue(), *([encode_png(pile.image)] if pixels else [])]
        blobs = {hashlib.sha256(each).hexdigest(): each for each in data}
        embeddings, image = [*blobs, None][:2]
        id = new_id(now, self.count.to_bytes(10, "big"))
        record = Record(
            id, cell.robot, cell.camera, now, 64, 64, self.champion, seen, image, embeddings
        )
        take_batch(self.workspace, cell.robot, encode_batch([record_to_json(record)], blobs), 10)
        if outcome:
            self.reports(id, cell.robot)
        return id

    def reports(self, id, robot):
        pick = Pick(0, (16.0, 16.0), Outcome.MISSED, datetime.now(UTC))
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


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(Floor, "_examples", lambda self, model: known(model))
    made = Site(tmp_path)
    yield made
    made.workspace.close()
    made.engine.dispose()


def test_frames_whose_pixels_stayed_on_the_robot_make_a_novelty_but_no_label_task(site):
    sent = [site.sends(pixels=False) for _ in range(20)]
    assert site.works() == 20
    (novelty,) = site.collects()
    assert {id for id, _ in site.catalogue.novelties.members(novelty.id)} <= set(sent)
    assert site.shop.ledger.waiting(novelty.id) == 0
    assert all(site.catalogue.observations.get(id).image is None for id in sent)
    shown = [site.sends() for _ in range(9)]
    site.works()
    assert site.shop.ledger.waiting(novelty.id) == 9
    frames = site.shop.ledger.choose(novelty.id, 12)
    assert {frame.id for frame in frames} == set(shown)


def test_nothing_is_watched_twice_after_a_restart_but_what_waited_for_its_pick(site):
    for _ in range(5):
        site.sends()
    waits = site.sends(outcome=False)
    assert site.works() == 6
    assert len(site.catalogue.events.list()) == 5
    site.begins()
    assert site.works() == 1
    site.reports(waits, site.catalogue.observations.get(waits).robot)
    site.works()
    assert len(site.catalogue.events.list()) == 6
    site.begins()
    assert site.works() == 0


def test_what_a_robot_sends_late_is_watched_all_the_same(site):
    for _ in range(3):
        site.sends()
    assert site.works() == 3
    late = site.sends(at=START)
    assert site.works() == 1
    assert site.catalogue.events.for_observation(late)


def test_what_a_former_champion_does_not_know_is_no_news(site):
    site.shop.ledger.former = frozenset({site.champion})
    for _ in range(20):
        site.sends()
    assert site.works() == 20
    assert site.catalogue.novelties.list() == []


def test_an_observation_that_cannot_be_read_is_rejected_and_holds_up_no_other(site):
    bad = site.sends()
    while drain(site.workspace).messages:
        pass
    site.workspace.log.forget([f"{bad} {site.catalogue.observations.get(bad).image}"])
    site.sends()
    assert site.works() == 2
    (reject,) = site.catalogue.rejects.list()
    assert bad in reject.thing
    assert len(site.catalogue.events.list()) == 1
