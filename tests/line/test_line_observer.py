from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from line_scenes import CELLS, START, as_seen, draw, known

from januscl.core import (
    Cell,
    Conflict,
    EventKind,
    Frame,
    Instances,
    NotFound,
    Outcome,
    Pick,
)
from januscl.line.observer import Observer
from januscl.line.policy import Watching
from januscl.sim import BASE_MIX, BASE_TAXONOMY, Day, ScriptedFault, SimFleet
from januscl.store import Workspace

FAULT, REPAIR = 24, 3


class SimShift:
    """One simulated robot at work whose lamp fails at tick 24."""

    def __init__(self, folder):
        cells = (Cell("robot-a", "camera-a", "line-1", "site"), CELLS[2])
        fault = ScriptedFault("robot-a", "lamp_failed", 0.6, FAULT, REPAIR)
        day = Day("site", datetime(2026, 3, 2, 6, tzinfo=UTC), 99, 60.0, cells, BASE_MIX, (),
                  (fault,))  # fmt: skip
        self.fleet = SimFleet(day, seed=1, size=96)
        self.workspace = Workspace.open(folder)
        self.told = []
        self.observer = self.observed_by(self.call)
        self.frames = {}

    def observed_by(self, on_ticket):
        policy = Watching(reference_frames=20, ordinary_share=0.0, seed=0)
        return Observer(self.workspace, self.fleet.cells, policy, on_ticket=on_ticket)

    def call(self, ticket):
        self.told.append(ticket)
        if ticket.closed is None:
            self.fleet.mend(ticket.robot, ticket.cause)

    def work(self, ticks):
        robot = self.fleet.robot("robot-a")
        for _ in range(ticks):
            self.fleet.advance()
            frame = robot.look()
            seen = robot.scene.truth().instances(BASE_TAXONOMY)
            id = self.observer.observe(frame, seen, "m-1")
            self.frames[id] = (frame, bool(robot.faults))
            outcome = robot.attempt(Instances.empty(), None, None)
            self.observer.report(id, Pick(None, None, outcome, frame.at))


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    shift = SimShift(tmp_path_factory.mktemp("observer") / "w")
    shift.work(60)
    yield shift
    shift.workspace.close()


def test_a_fault_opens_one_ticket_which_closes_when_it_is_mended(day):
    (ticket,) = day.workspace.catalogue.tickets.list()
    assert ticket.cause == "lamp_failed"
    assert ticket.opened < ticket.closed
    assert [told.id for told in day.told] == [ticket.id, ticket.id]
    assert [told.closed for told in day.told] == [None, ticket.closed]
    actions = [row.action for row in day.workspace.catalogue.audit.list(subject=ticket.id)]
    assert actions == ["ticket.opened", "ticket.closed"]


def test_a_ticket_shows_the_camera_well_and_at_fault(day):
    (ticket,) = day.workspace.catalogue.tickets.list()
    pictures = {frame.image.tobytes(): faulty for frame, faulty in day.frames.values()}
    before, after = (
        day.workspace.get_image(digest).tobytes() for digest in (ticket.before, ticket.after)
    )
    assert (pictures[before], pictures[after]) == (False, True)


def test_the_ticket_covers_every_frame_of_the_fault(day):
    barred = day.workspace.catalogue.observations.quarantined(day.frames)
    faulty = {id for id, (_, faulty) in day.frames.items() if faulty}
    assert faulty
    assert faulty <= barred
    assert len(barred) <= len(faulty) + 1, "and at most the first frame after the repair"


def test_a_faulty_frame_is_an_event_whose_pixels_are_not_kept_for_learning(day):
    events = day.workspace.catalogue.events.list(kind=EventKind.FAULT)
    faulty = {id for id, (_, faulty) in day.frames.items() if faulty}
    assert {event.observation for event in events} == faulty
    assert {event.cause for event in events} == {"lamp_failed"}
    counts = day.workspace.catalogue.observations.counts()
    assert (counts["observations"], counts["pictures"]) == (60, 0)


def test_a_camera_that_warms_up_is_not_judged(tmp_path):
    shift = SimShift(tmp_path / "w")
    shift.fleet.robot("robot-a").set_fault("lamp_failed", 0.6)
    shift.work(19)
    assert shift.workspace.catalogue.events.list() == []
    assert shift.workspace.catalogue.tickets.list() == []
    shift.workspace.close()


class Desk:
    """An observer without camera watching, over drawn frames."""

    def __init__(self, folder, share=0.0, reference=30, novelty="nearest"):
        self.workspace = Workspace.open(folder)
        self.reports, self.knew = [], []
        self.observer = Observer(
            self.workspace,
            CELLS,
            Watching(False, reference, share, seed=0, novelty=novelty),
            on_report=lambda seen, event: self.reports.append((seen, event)),
            on_known=lambda model, known: self.knew.append((model, known.shape)),
        )
        self.count = 0

    def observe(self, kinds=(1, 2, 1, 2), model="m-1", change=lambda seen: seen):
        self.count += 1
        pile = draw(50_000 + self.count, kinds)
        frame = Frame(pile.image, "camera-a", "robot-a", START + timedelta(minutes=self.count))
        return self.observer.observe(frame, change(as_seen(pile.truth, self.count)), model)

    def pick(self, outcome, row=0):
        return Pick(row, (32.0, 32.0), outcome, START + timedelta(minutes=self.count, seconds=9))


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path / "w")
    desk.observer.learn_model("m-1", known("m-1"))
    yield desk
    desk.workspace.close()


def test_the_outcome_of_a_pick_and_the_frame_are_triaged_together(desk):
    strange = desk.observe((3, 2, 1, 2))
    assert desk.workspace.catalogue.events.list() == [], "nothing is said before the pick ended"
    desk.observer.report(strange, desk.pick(Outcome.DROPPED))
    (event,) = desk.workspace.catalogue.events.list()
    assert (event.kind, event.cause, event.outcome) == ("novelty", "failed_pick", "dropped")
    assert event.instances == (0,)
    assert event.observation == strange
    ((seen, same),) = desk.reports
    assert (seen.id, seen.pick.outcome, same) == (strange, Outcome.DROPPED, event)
    assert np.array_equal(desk.workspace.observation(strange).frame.image, seen.frame.image)


def test_an_outcome_may_come_late_and_after_those_of_later_frames(desk):
    first, second = desk.observe((3, 2, 1, 2)), desk.observe((1, 2, 1, 2))
    late = desk.pick(Outcome.MISSED)
    for _ in range(3):
        id = desk.observe()
        desk.observer.report(id, desk.pick(Outcome.PICKED))
    desk.observer.report(second, desk.pick(Outcome.PICKED))
    desk.observer.report(first, late)
    missed = [e for e in desk.workspace.catalogue.events.list() if e.outcome == Outcome.MISSED]
    assert [event.observation for event in missed] == [first], "no other frame's pick failed"
    assert desk.workspace.catalogue.observations.get(first).pick == late


def test_the_same_outcome_twice_is_one_and_another_is_refused(desk):
    id = desk.observe((3, 2, 1, 2))
    pick = desk.pick(Outcome.MISSED)
    desk.observer.report(id, pick)
    desk.observer.report(id, pick)
    assert len(desk.workspace.catalogue.events.list()) == len(desk.reports) == 1
    with pytest.raises(Conflict, match="The first one stands"):
        desk.observer.report(id, replace(pick, outcome=Outcome.PICKED))
    assert desk.workspace.catalogue.observations.get(id).pick == pick


def test_an_ordinary_frame_keeps_its_row_and_not_its_pixels(desk):
    id = desk.observe()
    desk.observer.report(id, desk.pick(Outcome.PICKED))
    assert desk.workspace.catalogue.observations.get(id).pick.outcome is Outcome.PICKED
    assert desk.workspace.catalogue.events.list() == []
    with pytest.raises(NotFound, match="picture of observation"):
        desk.workspace.observation(id)


def test_a_share_of_the_ordinary_frames_keeps_its_pixels(tmp_path):
    desk = Desk(tmp_path / "w", share=0.3)
    ids = [desk.observe() for _ in range(60)]
    kept = Counter(desk.workspace.catalogue.observations.get(id).image is not None for id in ids)
    assert 8 <= kept[True] <= 28
    desk.workspace.close()


def test_a_model_unknown_to_the_watchers_learns_from_its_first_frames(tmp_path):
    desk = Desk(tmp_path / "w", reference=15)
    for k in range(30):  # fifteen for each of the two robots at work
        assert not desk.observer.watches("m-2")
        id = desk.observe((3, 2, 1, 2) if k % 10 == 0 else (1, 2, 1, 2), "m-2")
        desk.observer.report(id, desk.pick(Outcome.MISSED))
    assert desk.observer.watches("m-2")
    assert desk.knew == [("m-2", (120, 16))]
    assert desk.workspace.catalogue.events.list() == [], "nothing is strange to it yet"
    desk.workspace.close()


def test_a_challenger_does_not_change_what_the_champion_finds_ordinary(desk):
    for _ in range(3):
        id = desk.observe((3, 3, 3, 3), "m-2")
        desk.observer.report(id, desk.pick(Outcome.PICKED))
    assert desk.workspace.catalogue.events.list() == []
    id = desk.observe((3, 2, 1, 2), "m-1")
    desk.observer.report(id, desk.pick(Outcome.PICKED))
    (event,) = desk.workspace.catalogue.events.list()
    assert (event.observation, event.cause) == (id, "novel")


@pytest.mark.parametrize(
    ("novelty", "watcher"), [("nearest", "novelty.distance"), ("chosen", "novelty.chosen")]
)
def test_strange_instances_are_told_in_the_way_that_the_policy_names(tmp_path, novelty, watcher):
    desk = Desk(tmp_path / "w", novelty=novelty)
    desk.observer.learn_model("m-1", known("m-1"))
    ordinary, strange = desk.observe((1, 2, 1, 2)), desk.observe((3, 2, 1, 2))
    for id in (ordinary, strange):
        desk.observer.report(id, desk.pick(Outcome.PICKED))
    (event,) = desk.workspace.catalogue.events.list()
    assert event.observation == strange
    assert (event.signals[0].watcher, event.signals[0].instance) == (watcher, 0)
    desk.workspace.close()


def test_a_model_that_gives_no_embeddings_is_served_all_the_same(tmp_path):
    desk = Desk(tmp_path / "w", reference=5)
    for _ in range(25):
        id = desk.observe(change=lambda seen: replace(seen, embeddings=None))
        desk.observer.report(id, desk.pick(Outcome.PICKED))
    assert desk.workspace.catalogue.observations.counts()["picked"] == 25
    desk.workspace.close()


def test_a_fleet_that_sees_nothing_at_first_is_learned_once_it_works(tmp_path):
    desk = Desk(tmp_path / "w", reference=5)
    for _ in range(12):
        desk.observe(change=lambda seen: seen.only(seen.scores > 1))
    for _ in range(20):
        desk.observe()
    assert desk.observer.watches("m-1")
    desk.workspace.close()


def test_a_ticket_left_open_by_an_earlier_process_is_known_and_closed(tmp_path):
    shift = SimShift(tmp_path / "w")
    shift.call = shift.told.append  # nobody is sent
    shift.observer = shift.observed_by(shift.call)
    shift.work(FAULT + 14)
    (ticket,) = shift.workspace.catalogue.tickets.list(open_only=True)
    shift.observer = shift.observed_by(shift.call)
    shift.fleet.mend(ticket.robot, ticket.cause)
    shift.work(REPAIR + 40)
    (closed,) = shift.workspace.catalogue.tickets.list()
    assert closed.id == ticket.id
    assert closed.closed is not None
    assert (closed.before, closed.after) == (ticket.before, ticket.after)
    shift.workspace.close()


def test_a_fault_that_outlives_a_restart_is_not_learned_as_healthy(tmp_path):
    shift = SimShift(tmp_path / "w")
    shift.call = shift.told.append  # nobody is sent
    shift.observer = shift.observed_by(shift.call)
    shift.work(FAULT + 14)
    (ticket,) = shift.workspace.catalogue.tickets.list(open_only=True)
    shift.observer = shift.observed_by(shift.call)
    before = len(shift.frames)
    shift.work(45)
    assert shift.workspace.catalogue.tickets.list(open_only=True) == [ticket]
    since = list(shift.frames)[before:]
    assert shift.workspace.catalogue.observations.quarantined(since) == set(since)
    assert not shift.observer.watches("m-1"), "its model learned nothing of the faulty frames"
    shift.fleet.mend(ticket.robot, ticket.cause)
    shift.work(REPAIR + 30)
    (closed,) = shift.workspace.catalogue.tickets.list()
    assert closed.closed is not None
    learned = shift.workspace.catalogue.audit.list(action="camera.learned")
    assert len(learned) == 2, "it is learned anew once it is mended"
    faulty = {id for id, (_, faulty) in shift.frames.items() if faulty}
    assert not faulty & set(learned[-1].detail["pictures"])
    shift.workspace.close()
