"""A small workspace with everything that the watch report tells, kept as the line keeps it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from line_scenes import as_seen, draw

from januscl.core import (
    Cell,
    Cost,
    Frame,
    ModelVersion,
    Novelty,
    NoveltyState,
    Observation,
    Signal,
    Taxonomy,
    Ticket,
    new_id,
)
from januscl.line.minutes import Minutes
from januscl.store import Workspace

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
CELLS = (
    Cell("robot-a", "camera-a", "line-1", "oslo"),
    Cell("robot-b", "camera-b", "line-2", "oslo"),
    Cell("station", "camera-s", "test", "oslo", station=True),
)
KINDS = Taxonomy().with_kind("box", "box").with_kind("disc", "cylinder")
FAULT = range(20, 30)
"""Minutes in which camera a is out of focus."""


def at(minute, second=0):
    return START + timedelta(minutes=minute, seconds=second)


def readings(blur=0.2, dark=2.0):
    """Return a frame's signals, with the blur in px and darkness in per cent."""
    soft = Signal("camera.defocus", 10 * blur, 0.01, None, blur, f"blurred by {blur:.1f} px")
    dim = Signal("camera.lamp_failed", dark, 0.6, None, dark, f"{dark:.0f}% darker")
    return [soft, dim, Signal("novelty.chosen", 3.0, 0.2, 0)]


def frame(minute, cell=CELLS[0], seed=0):
    return Frame(draw(seed).image, cell.camera, cell.robot, at(minute))


class Site:
    """A workspace in a folder, filled piece by piece.

    Args:
        folder: Of the workspace.
    """

    def __init__(self, folder):
        self.workspace = Workspace.open(folder)
        self.catalogue = self.workspace.catalogue
        for cell in CELLS:
            self.catalogue.cells.put(cell)
        self.model = ModelVersion(
            "m-1", self.workspace.blobs.put(b"weights"), KINDS, None, None, START,
            {"name": "factory"},
        )  # fmt: skip
        self.catalogue.models.put(self.model)

    def reads(self, minutes=60):
        """Keep a frame a minute of each camera at work; the first is blurred for a while."""
        kept = Minutes(self.catalogue)
        for minute in range(minutes + 1):
            for cell in CELLS[:2]:
                ill = minute in FAULT and cell is CELLS[0]
                signals = readings(2.5 if ill else 0.2)
                kept.take(frame(minute, cell), signals, signals[0] if ill else None)

    def sees(self, count=40, model="m-1", first=0):
        """Keep ordinary frames with embeddings; return their ids."""
        return [self._keep(first + k, (1, 2, 1, 2), model) for k in range(count)]

    def finds(self, name="bag", frames=12, model="m-1", first=100, picture=True):
        """Keep a novelty with an instance in each of some frames; return its id."""
        ids = [self._keep(first + k, (3, 2, 1, 2), model, picture=picture) for k in range(frames)]
        novelty = Novelty(
            f"n-{first}", name, NoveltyState.NEW, at(first), at(first + frames), frames,
            ("robot-a",), Cost(12.0, 7.0, 18.0),
        )  # fmt: skip
        self.catalogue.novelties.put(novelty)
        self.catalogue.novelties.assign(novelty.id, [(id, 0) for id in ids])
        return novelty.id

    def tickets(self, **change):
        """Keep a closed ticket of camera a, or a changed one."""
        before = self.workspace.put_image(draw(1).image)
        after = self.workspace.put_image(draw(2).image // 3)
        ticket = Ticket(
            "t-1", "camera-a", "robot-a", "defocus", at(20), at(24), at(30), 2.5,
            "blurred by 2.5 px, edges 40% softer", before, after,
        )  # fmt: skip
        self.catalogue.tickets.put(replace(ticket, **change))

    def _keep(self, minute, kinds, model, picture=True):
        pile = draw(minute, kinds)
        seen = as_seen(pile.truth, minute)
        taken = Frame(pile.image, "camera-a", "robot-a", at(minute))
        id = new_id(at(minute), np.random.default_rng(minute).bytes(10))
        self.workspace.keep(Observation(id, taken, seen, model), pixels=picture)
        return id

    def close(self):
        self.workspace.close()
