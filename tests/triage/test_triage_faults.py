from datetime import UTC, datetime, timedelta

import pytest

from januscl.core import InvalidInput, Signal, Ticket
from januscl.triage import FaultDesk
from januscl.watch import EProcess

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(minute):
    return START + timedelta(minutes=minute)


def signal(cause, severity=30.0):
    return Signal(f"camera.{cause}", severity, 1 / 41, None, severity, f"{cause} {severity}")


def run(desk, causes, first=0, camera="c"):
    """Feed one frame a minute; None is a healthy one. Return all changes."""
    changes = []
    for minute, cause in enumerate(causes, first):
        changes += desk.update(camera, "r", at(minute), cause and signal(cause, 30.0 + minute))
    return changes


def test_a_lasting_fault_opens_one_ticket_and_closes_it_when_mended():
    desk = FaultDesk(EProcess)
    opened, closed = run(desk, [None] * 10 + ["defocus"] * 20 + [None] * 5)
    assert (opened.cause, opened.began, opened.opened) == ("defocus", at(10), at(15))
    assert opened.closed is None
    assert (closed.id, closed.began, closed.closed) == (opened.id, at(10), at(30))
    assert (closed.severity, closed.evidence) == (59.0, "defocus 59.0 since 00:10")
    assert desk.tickets == (closed,)


def test_a_ticket_says_what_is_wrong_since_when_and_what_the_model_saw_meanwhile():
    def told(p_values, evidence="background 38% darker than this camera's reference"):
        desk = FaultDesk(EProcess)
        bad = Signal("camera.lamp_failed", 38.0, 1 / 41, None, 38.0, evidence)
        beside = [Signal("novelty.distance", 1.0, p, k) for k, p in enumerate(p_values)]
        tickets = []
        for minute in range(642, 660):
            tickets += desk.update("c", "r", at(minute), bad, None, beside)
        return tickets[0].evidence

    dark = "background 38% darker than this camera's reference since 10:42"
    assert told([0.5] * 12) == f"{dark}; instances unremarkable"
    assert told([0.01, *[0.5] * 11]) == f"{dark}; instances unremarkable", "as chance has it"
    assert told([0.01, 0.5]) == f"{dark}; 6 of 12 instances strange"
    assert told([]) == dark, "nothing is said of instances that nobody judged"
    assert told([], "picture of 9 px; fit again") == "picture of 9 px since 10:42; fit again"


def test_a_fault_told_late_is_quarantined_from_when_it_began():
    desk, dirt = FaultDesk(EProcess), signal("dirty_lens")
    for minute in range(8):
        assert desk.update("c", "r", at(minute), None) == ()
    tickets = []
    for minute in range(8, 20):
        tickets += desk.update("c", "r", at(minute), dirt, at(3))
        assert desk.quarantines("c", at(3)), "from the first bad frame on"
    (ticket,) = tickets
    assert (ticket.began, ticket.opened) == (at(3), at(13))
    assert not desk.quarantines("c", at(2))
    assert ticket.evidence == "dirty_lens 30.0 since 00:03"


def test_a_fault_began_no_earlier_than_the_one_before_it_was_mended():
    desk = FaultDesk(EProcess)
    run(desk, ["dirty_lens"] * 8 + [None] * 5)
    tickets = []
    for minute in range(13, 20):
        tickets += desk.update("c", "r", at(minute), signal("dirty_lens"), at(2))
    assert [ticket.began for ticket in tickets] == [at(8)]


def test_one_bad_frame_now_and_then_opens_no_ticket():
    desk = FaultDesk(EProcess)
    assert run(desk, ([None] * 19 + ["defocus"]) * 30) == []


def test_the_commonest_cause_of_the_run_names_the_ticket():
    desk = FaultDesk(EProcess)
    (ticket,) = run(desk, ["dirty_lens", "defocus", "defocus", "defocus", "lamp_failed", "defocus"])
    assert ticket.cause == "defocus"


def test_frames_from_the_first_bad_one_to_the_first_healthy_one_are_quarantined():
    desk = FaultDesk(EProcess)
    run(desk, [None] * 3 + ["lamp_failed"] * 8 + [None] * 9)
    assert [minute for minute in range(20) if desk.quarantines("c", at(minute))] == [*range(3, 12)]
    assert not desk.quarantines("other", at(5))


def test_a_run_that_may_become_a_ticket_is_quarantined_until_it_turns_out_healthy():
    desk = FaultDesk(EProcess)
    run(desk, [None, "defocus", "defocus"])
    assert desk.quarantines("c", at(1))
    assert not desk.quarantines("c", at(0))
    run(desk, [None] * 5, first=3)
    assert not desk.quarantines("c", at(1))
    assert desk.tickets == ()


def test_a_second_fault_behind_an_open_ticket_gets_its_own():
    desk = FaultDesk(EProcess)
    changes = run(desk, ["defocus"] * 10 + ["lamp_failed"] * 10 + [None] * 5)
    assert [t.cause for t in changes] == ["defocus", "lamp_failed", "defocus", "lamp_failed"]
    assert changes[1].began == at(10)
    assert {t.closed for t in desk.tickets} == {at(20)}


def test_a_reading_that_wavers_between_two_causes_opens_no_second_ticket():
    desk = FaultDesk(EProcess)
    changes = run(desk, ["defocus"] * 8 + ["colour_cast", "colour_cast", "defocus"] * 10)
    assert [t.cause for t in changes] == ["defocus"]


def test_cameras_are_judged_apart():
    desk = FaultDesk(EProcess)
    for minute in range(12):
        run(desk, ["defocus"], first=minute, camera=f"c{minute % 4}")
    assert desk.tickets == ()


def test_a_ticket_is_closed_no_earlier_than_it_opened_where_the_clock_went_back_at_a_restart():
    (opened,) = run(FaultDesk(EProcess), ["defocus"] * 20, first=100)
    (closed,) = run(FaultDesk(EProcess, tickets=[opened]), [None] * 5, first=40)
    assert (closed.id, closed.closed) == (opened.id, opened.opened)


def test_tickets_survive_a_restart_and_are_closed_by_the_new_desk():
    before = FaultDesk(EProcess)
    (opened,) = run(before, ["defocus"] * 8)
    after = FaultDesk(EProcess, tickets=before.tickets)
    assert after.quarantines("c", at(2))
    (closed,) = run(after, ["defocus"] * 8 + [None] * 5, first=8)
    assert (closed.id, closed.closed) == (opened.id, at(16))


def test_a_camera_that_is_bad_now_and_then_for_months_waits_for_no_ticket_that_long():
    desk = FaultDesk(EProcess)
    assert run(desk, ([None] * 4 + ["defocus"]) * 400) == []
    assert not desk.quarantines("c", at(1800))
    assert desk.quarantines("c", at(1999)), "its latest bad frames may become a ticket"
    (ticket,) = run(desk, ["defocus"] * 20, first=2000)
    assert ticket.began > at(1940)


def test_frames_under_any_of_a_cameras_closed_tickets_are_quarantined():
    desk = FaultDesk(EProcess)
    for start in (0, 100, 200):
        run(desk, ["defocus"] * 10 + [None] * 10, first=start)
    for known in (desk, FaultDesk(EProcess, tickets=reversed(desk.tickets))):
        barred = [minute for minute in range(300) if known.quarantines("c", at(minute))]
        assert barred == [*range(11), *range(100, 111), *range(200, 211)]


def test_whether_a_frame_is_quarantined_is_not_asked_of_every_ticket_there_ever_was(monkeypatch):
    desk = FaultDesk(EProcess)
    for start in range(0, 3000, 30):
        run(desk, ["defocus"] * 10 + [None] * 10, first=start)
    asked = []
    covers = Ticket.covers
    monkeypatch.setattr(Ticket, "covers", lambda *given: asked.append(given) or covers(*given))
    assert not desk.quarantines("c", at(2999))
    assert not desk.quarantines("c", at(2985))
    assert len(asked) <= 1


def test_frames_out_of_order_are_refused_with_the_fix():
    desk = FaultDesk(EProcess)
    run(desk, [None], first=5)
    with pytest.raises(InvalidInput, match="Sort the frames"):
        run(desk, [None], first=4)
