"""Frames that no watcher can read: the robot goes on, and what was not judged is written down."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from line_scenes import CELLS, START, as_seen, draw, known

from januscl.core import UNEXPLAINED, EventKind, Frame, InvalidInput, NotFound, Outcome, Pick
from januscl.line.observer import Observer
from januscl.line.policy import Watching
from januscl.store import Workspace
from januscl.triage.diagnosis import Diagnosis

REFERENCE = 20
GROUND = np.random.default_rng(9).normal(0, 25, (256, 256, 1))


class Site:
    """An observer of a robot with a depth camera over drawn piles."""

    def __init__(self, folder):
        self.workspace = Workspace.open(folder)
        self.settled, self.called = [], []
        self.observer = Observer(
            self.workspace,
            CELLS,
            Watching(reference_frames=REFERENCE, ordinary_share=0.0, seed=0),
            on_report=lambda seen, event: self.settled.append((seen.id, seen.pick)),
            on_ticket=self.called.append,
            describe=self.describe,
        )
        self.now, self.count = START, 0

    def describe(self, model, image, regions):
        if model != "m-1":
            raise NotFound(f"model {model} is not on the shelf")
        return np.ones((len(regions), 16), np.float32)

    def frame(self, size=96, depth=None, at=None, robot=0):
        """Return a picture of a pile, and what the model saw in it."""
        self.count += 1
        self.now += timedelta(seconds=20)
        pile = draw(self.count, (1, 2, 1) if self.count % 3 else (1, 2, 1, 2), size)
        noise = np.random.default_rng(self.count).normal(0, 4, pile.image.shape)
        image = np.clip(pile.image + noise + GROUND[:size, :size], 0, 255).astype(np.uint8)
        cell = CELLS[robot]
        given = np.full((size, size), 1.0, np.float32) if depth is None else depth(size)
        frame = Frame(image, cell.camera, cell.robot, at or self.now, given)
        return frame, as_seen(pile.truth, self.count)

    def observe(self, model="m-1", change=lambda frame: frame, **how):
        frame, seen = self.frame(**how)
        return self.observer.observe(change(frame), seen, model)

    def picked(self, id):
        self.observer.report(id, Pick(0, (20.0, 20.0), Outcome.PICKED, self.now))

    def work(self, count, **how):
        ids = [self.observe(**how) for _ in range(count)]
        for id in ids:
            self.picked(id)
        return ids

    @property
    def rejects(self):
        return [(row.thing.split(" from ")[0], row.reason) for row in self.catalogue.rejects.list()]

    @property
    def catalogue(self):
        return self.workspace.catalogue

    @property
    def causes(self):
        return Counter(event.cause for event in self.catalogue.events.list(kind=EventKind.FAULT))


def stands_out(size):
    depth = np.full((size, size), 1.0, np.float32)
    depth[60:90, 60:90] = 0.9
    return depth


def blank(frame):
    return replace(frame, image=np.zeros_like(frame.image))


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "w")
    yield site
    site.workspace.close()


@pytest.fixture
def at_work(site):
    """The site once its camera is known and its model was learned."""
    site.observer.learn_model("m-1", known("m-1"))
    site.work(REFERENCE)
    return site


def test_a_camera_that_changes_its_resolution_gets_a_ticket_until_it_is_put_right(at_work):
    wrong = at_work.work(12, size=128)
    (ticket,) = at_work.catalogue.tickets.list()
    assert (ticket.cause, ticket.closed) == ("wrong_resolution", None)
    assert ticket.evidence.startswith(
        "picture of 128 x 128 px, 96 x 96 in this camera's reference since 06:0"
    )
    assert at_work.catalogue.observations.quarantined(wrong) == set(wrong)
    assert at_work.causes == {"wrong_resolution": 12}
    right = at_work.work(6)
    (ticket,) = at_work.catalogue.tickets.list()
    assert ticket.closed == at_work.catalogue.observations.get(right[0]).at
    assert at_work.causes == {"wrong_resolution": 12}


def test_a_camera_that_changes_its_resolution_while_it_is_new_is_learned_at_the_new_one(site):
    site.work(REFERENCE - 1)
    site.work(REFERENCE, size=128)
    assert site.rejects == [
        (
            "picture of camera camera-a",
            "InvalidInput: first frames of camera camera-a: expected all of 96 x 96 px, found "
            "128 x 128 px. Keep its resolution; it is learned anew from this frame on.",
        )
    ]
    site.work(3, size=128)
    assert site.causes == {}
    site.work(3)
    assert site.causes == {"wrong_resolution": 3}


def test_dirt_that_is_told_late_is_quarantined_from_when_it_came(at_work):
    def smeared(frame):
        image = frame.image.copy()
        image[:32, :32] = image[:32, :32].mean(axis=(0, 1))
        return replace(frame, image=image)

    dirty = at_work.work(40, change=smeared)
    (ticket,) = at_work.catalogue.tickets.list()
    assert ticket.cause == "dirty_lens"
    events = at_work.catalogue.events.list(kind=EventKind.FAULT)
    first = min(event.at for event in events)
    assert ticket.began < first < ticket.opened
    unseen = [id for id in dirty if at_work.catalogue.observations.get(id).at < first]
    assert len(at_work.catalogue.observations.quarantined(unseen)) >= len(unseen) / 2
    assert f"of the lens is covered since {ticket.began:%H:%M}; around" in ticket.evidence
    assert ticket.evidence.endswith("; instances unremarkable")


def test_black_first_frames_are_no_reference_and_are_told_once(site):
    black = site.work(REFERENCE, change=blank)
    ((thing, reason),) = site.rejects
    assert thing == "picture of camera camera-a"
    assert "pictures that show something, found a blank one" in reason
    assert black[0] in site.catalogue.rejects.list()[0].thing
    site.work(REFERENCE)
    site.work(5)
    assert site.causes == {}, "the light that came on is no fault"
    site.work(5, change=blank)
    assert sum(site.causes.values()) == 5


def test_a_camera_without_depth_is_watched_without_it(site):
    site.work(REFERENCE, change=lambda frame: replace(frame, depth=None))
    site.work(5, change=lambda frame: replace(frame, depth=None))
    assert site.rejects == []
    assert site.causes == {}
    site.work(3, change=blank)
    assert sum(site.causes.values()) == 3


@pytest.mark.parametrize("depth", [np.nan, np.inf, 0.0])
def test_depth_that_goes_missing_is_told_once_and_looked_through_again_when_it_is_back(
    at_work, depth
):
    def labels(ids):
        rows = (at_work.catalogue.observations.get(id) for id in ids)
        return [UNEXPLAINED in row.instances.labels for row in rows]

    assert labels(at_work.work(2, depth=stands_out)) == [True, True]
    lost = at_work.work(3, depth=lambda size: np.full((size, size), depth, np.float32))
    lost += at_work.work(3, change=lambda frame: replace(frame, depth=None))
    assert labels(lost) == [False] * 6
    ((thing, reason),) = at_work.rejects
    assert thing == "depth of camera camera-a"
    assert "100% holes. Look at the depth camera." in reason
    assert labels(at_work.work(2, depth=stands_out)) == [True, True]
    at_work.work(1, change=lambda frame: replace(frame, depth=None))
    assert len(at_work.rejects) == 2, "it went missing again"
    assert at_work.causes == {}


def test_depth_in_too_few_of_the_first_frames_is_told(site):
    site.work(REFERENCE - 3, change=lambda frame: replace(frame, depth=None))
    site.work(3)
    ((thing, reason),) = site.rejects
    assert thing == "empty bin of camera camera-a"
    assert f"mostly frames with depth, found 3 of {REFERENCE}" in reason


def test_a_frame_whose_unexplained_part_cannot_be_described_is_judged_as_the_model_saw_it(at_work):
    ids = at_work.work(2, depth=stands_out, model="m-unknown")
    assert at_work.rejects == [
        ("depth of camera camera-a", "NotFound: model m-unknown is not on the shelf")
    ]
    assert all(at_work.catalogue.observations.get(id).pick is not None for id in ids)


def test_embeddings_of_another_length_are_refused_and_the_next_frame_is_taken(at_work):
    frame, seen = at_work.frame()
    with pytest.raises(InvalidInput, match="rows as long as the fleet's"):
        at_work.observer.observe(frame, replace(seen, embeddings=seen.embeddings[:, :5]), "m-1")
    at_work.picked(at_work.observer.observe(frame, seen, "m-1"))


def test_a_frame_older_than_the_one_before_is_kept_and_told(at_work):
    at_work.work(1)
    (late,) = at_work.work(1, at=START)
    assert at_work.catalogue.observations.get(late).at == START
    ((thing, reason),) = at_work.rejects
    assert thing == "time of camera camera-a"
    assert "Sort the frames of a camera by time" in reason


def test_a_frame_that_could_not_be_read_closes_no_ticket(at_work):
    at_work.work(12, size=128)
    at_work.observer._cameras._health["camera-a"].score = None  # a watcher that is broken
    at_work.work(8)
    (ticket,) = at_work.catalogue.tickets.list()
    assert ticket.closed is None
    (_, (thing, reason)) = at_work.rejects  # the depth had the wrong size as well
    assert thing == "picture of camera camera-a"
    assert reason.startswith("TypeError: ")


def test_a_failed_pick_is_diagnosed_once_the_robot_has_looked_again(at_work):
    failed, picked = at_work.observe(), at_work.observe()
    at_work.observer.report(failed, Pick(0, (20.0, 20.0), Outcome.MISSED, at_work.now))
    at_work.picked(picked)
    late = at_work.observe()
    at_work.observer.report(late, Pick(0, (20.0, 20.0), Outcome.MISSED, at_work.now))
    ids = [failed, picked, late]
    assert at_work.catalogue.diagnoses.of(ids).keys() == {failed}
    at_work.observe(robot=1)
    assert at_work.catalogue.diagnoses.of(ids).keys() == {failed}, "that was another robot's look"
    at_work.observe()
    found = at_work.catalogue.diagnoses.of(ids)
    assert found.keys() == {failed, late}
    assert found[late].instance == 0
    assert found[late].diagnosis in set(Diagnosis)
    assert found[late].evidence.endswith(".")


def test_a_failed_pick_that_cannot_be_diagnosed_is_told_and_the_robot_goes_on(at_work):
    at_work.observer._bins.empty = None  # a part that is broken
    for _ in range(3):
        id = at_work.observe()
        at_work.observer.report(id, Pick(0, (20.0, 20.0), Outcome.MISSED, at_work.now))
    at_work.work(1)
    ((thing, reason),) = at_work.rejects
    assert thing == "diagnosis of camera camera-a"
    assert reason.startswith("TypeError: ")
    assert at_work.catalogue.observations.counts()["missed"] == 3


def broken(*_, **__):
    raise RuntimeError("this part is broken")


@pytest.mark.parametrize(
    ("part", "method", "told"),
    [
        ("_minutes", "take", "readings"),
        ("_changes", "quarantine", "quarantine"),
        ("_cameras", "strangeness", "change"),
        ("_tickets", "keep", "ticket"),
    ],
)
def test_a_broken_part_of_the_watching_stops_no_robot_and_is_told_once(
    at_work, monkeypatch, part, method, told
):
    monkeypatch.setattr(getattr(at_work.observer, part), method, broken)
    at_work.work(12, size=128)
    reason = "RuntimeError: this part is broken"
    depth, *others = at_work.rejects
    assert depth[0] == "depth of camera camera-a", "its empty bin has another size"
    assert others == [(f"{told} of camera camera-a", reason)]
    assert at_work.causes == {"wrong_resolution": 12}


def test_a_diagnosis_that_cannot_be_kept_is_told_and_the_robot_goes_on(at_work, monkeypatch):
    monkeypatch.setattr(at_work.catalogue.diagnoses, "put", broken)
    for _ in range(3):
        id = at_work.observe()
        at_work.observer.report(id, Pick(0, (20.0, 20.0), Outcome.MISSED, at_work.now))
    at_work.work(1)
    reason = "RuntimeError: this part is broken"
    assert at_work.rejects == [("diagnosis of camera camera-a", reason)]


def test_a_ticket_that_could_not_be_kept_is_kept_and_told_by_a_later_frame(at_work, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(at_work.workspace, "put_image", broken)
        wrong = at_work.work(12, size=128)
    assert at_work.catalogue.tickets.list() == at_work.called == []
    wrong += at_work.work(1, size=128)
    (ticket,) = at_work.catalogue.tickets.list(open_only=True)
    assert at_work.called == [ticket]
    assert at_work.workspace.get_image(ticket.after).shape == (128, 128, 3)
    assert at_work.catalogue.observations.quarantined(wrong) == set(wrong)
    assert ticket.opened < at_work.now


def test_a_camera_at_fault_explains_a_failed_pick_by_itself(at_work):
    id = at_work.observe(change=blank)
    at_work.observer.report(id, Pick(0, (20.0, 20.0), Outcome.MISSED, at_work.now))
    at_work.observe()
    assert at_work.catalogue.diagnoses.of([id]) == {}


def test_masks_of_another_size_than_the_frame_are_refused(site):
    frame, _ = site.frame()
    _, seen = site.frame(size=128)
    with pytest.raises(InvalidInput, match="Masks have the size of the frame"):
        site.observer.observe(frame, seen, "m-1")


def test_an_observation_whose_pick_never_comes_is_settled_after_eight_more_looks(site):
    first = site.observe()
    for _ in range(7):
        site.observe()
    assert site.settled == []
    site.observe()
    assert site.settled == [(first, None)]
    ids = [site.observe() for _ in range(40)]
    assert len(site.settled) == 41
    assert len(site.observer._picks) == 8
    site.picked(first)
    assert len(site.settled) == 41, "it is triaged once"
    assert site.catalogue.observations.get(first).pick.outcome is Outcome.PICKED
    site.picked(ids[-1])
    assert site.settled[-1][0] == ids[-1]


def test_the_looks_of_another_robot_settle_nothing(site):
    site.observe()
    for _ in range(30):
        site.picked(site.observe(robot=1))
    assert len(site.settled) == 30
    site.work(8)
    assert len(site.settled) == 39
