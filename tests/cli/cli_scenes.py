"""Sets of drawn pictures, and a small workspace, that the tests of the command share."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from januscl.core import (
    Answer,
    Cell,
    Cost,
    Event,
    EventKind,
    Frame,
    Instances,
    LabelledFrame,
    LabelTask,
    ModelVersion,
    Novelty,
    NoveltyState,
    Observation,
    Outcome,
    Pick,
    Release,
    Signal,
    Stage,
    StageReport,
    Taxonomy,
    Ticket,
    masks_of,
    new_id,
)
from januscl.decks import Recipe, build_deck, freeze_slice
from januscl.line.keeping import keep_labelled
from januscl.store import Workspace

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
KINDS = Taxonomy().with_kind("box", "box").with_kind("disc", "cylinder")
HOSTILE = "[/red] [bold]bag"


def draw(id, kinds=(1, 2), size=64):
    """Draw a box (1) or a disc (2) in each half of the picture."""
    rng = np.random.default_rng(abs(hash_of(id)))
    image = np.full((size, size, 3), 90, np.uint8)
    ids = np.zeros((size, size), np.int32)
    for k, kind in enumerate(kinds):
        centre = (int(size * (0.28 + 0.44 * k)), int(rng.integers(20, size - 20)))
        mask = np.zeros((size, size), np.uint8)
        if kind == 1:
            cv2.rectangle(
                mask, (centre[0] - 9, centre[1] - 7), (centre[0] + 9, centre[1] + 7), 1, -1
            )
        else:
            cv2.circle(mask, centre, 9, 1, -1)
        image[mask > 0] = rng.integers(0, 256, 3)
        ids[mask > 0] = k + 1
    return LabelledFrame(str(id), image, Instances.of_masks(masks_of(ids, len(kinds)), kinds))


def hash_of(id):
    return int.from_bytes(str(id).encode()[-7:], "big")


def fill(folder):
    """Make a workspace with one of everything that the command lists."""
    with Workspace.open(folder) as workspace:
        catalogue = workspace.catalogue
        catalogue.cells.put(Cell("robot-a", "camera-a", "line-1", "site"))
        seen = Instances.of_masks(draw(0).truth.masks, [1, 2])
        ids = []
        for k in range(3):
            at = START + timedelta(minutes=k)
            frame = Frame(draw(k).image, "camera-a", "robot-a", at)
            outcome = Outcome.MISSED if k == 2 else Outcome.PICKED
            pick = Pick(0, (20.0, 20.0), outcome, at)
            ids.append(new_id(at, bytes([k] * 10)))
            workspace.keep(Observation(ids[-1], frame, seen, "m-1", pick))
        signals = (Signal("novelty.distance", 4.0, 0.005, 0, 4.0, "4.0 times as far as is usual"),)
        for k, kind in enumerate((EventKind.NOVELTY, EventKind.FAULT)):
            event = Event(
                new_id(START, bytes([9 + k] * 10)), ids[k], "camera-a", "robot-a",
                START + timedelta(minutes=k), kind, "novel" if k == 0 else "defocus", signals,
            )  # fmt: skip
            catalogue.events.add(event)
        for k, closed in enumerate((None, START + timedelta(hours=1))):
            ticket = Ticket(
                f"t-{k}", "camera-a", "robot-a", "defocus", START, START, closed, 30.0,
                "edges 30% softer",
            )  # fmt: skip
            catalogue.tickets.put(ticket)
        for k, name in enumerate((HOSTILE, "novelty-2")):
            novelty = Novelty(
                f"n-{k}", name, NoveltyState.COLLECTING, START, START, 12, ("robot-a",),
                Cost(30.0 - k, 20.0, 40.0),
            )  # fmt: skip
            catalogue.novelties.put(novelty)
        versions = {}
        for k, id in enumerate(("m-1", "m-2", "m-3")):
            weights = workspace.blobs.put(id.encode())
            versions[id] = ModelVersion(id, weights, KINDS, None, None, START, {"k": k})
            catalogue.models.put(versions[id])
        catalogue.aliases.set("champion", "m-1")
        first = keep_labelled(workspace, (draw(k) for k in range(4)), "history")
        second = keep_labelled(workspace, (draw(k) for k in range(2, 6)), "n-0")
        for items, seed in ((first, 0), (second, 1)):
            deck = build_deck(
                items, taxonomy=KINDS, recipe=Recipe(), seed=seed, parent="m-1" if seed else None
            )
            catalogue.decks.put(deck)
        catalogue.slices.put(freeze_slice("base", keep_labelled(workspace, [draw(50)], "history")))
        for k, (model, stage) in enumerate((("m-2", Stage.STOPPED), ("m-3", Stage.DONE))):
            answer = Answer.FAIL if stage is Stage.STOPPED else Answer.PASS
            report = StageReport(
                Stage.STATION, answer, ("On the same 30 picks it failed 20.", "p = 0.01"),
                30, 20, 30, 2,
            )  # fmt: skip
            release = Release(
                f"{k}-release", model, "m-1", "n-0", ("line-1",), stage, START, (report,)
            )
            catalogue.releases.put(release)
        catalogue.rejects.add("label of x", "wrong size")
        for k in range(2):
            task = LabelTask(f"task-{k}", ids[k], "n-0", draw(k).image, seen)
            catalogue.label_tasks.add(task, workspace.put_image(task.image))
        catalogue.label_tasks.done("task-1")
        catalogue.audit.record("line", "deck.built", deck.id, {"new": 4, "frames": 8}, START)
        catalogue.audit.record("line", "gate.pass", "m-2", {"reasons": ["fine"]}, START)
    return folder
