"""Notices arrive at least once, in order, under one id each, whatever is killed or down."""

import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from notify_scenes import SECRET, Hook, Post, serving
from sqlalchemy import text

from januscl.core import (
    Cost,
    Novelty,
    NoveltyState,
    Outcome,
    Pick,
    StorageFull,
    Ticket,
    new_id,
)
from januscl.line.durable.engine import engine_of
from januscl.line.telling.notify import TYPES, Mailbox, Webhook, hello
from januscl.line.telling.notify.outbox import Outbox
from januscl.line.telling.notify.reading import notice_of
from januscl.line.telling.notify.sender import Sender
from januscl.line.telling.notify.trends import trend_now
from januscl.store import AuditRow, Workspace
from januscl.triage.ranking import Trend

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Site:
    """A workspace whose audit log grows, and what sends notices of it."""

    def __init__(self, folder, workspace):
        self.folder, self.workspace, self.audit = folder, workspace, workspace.catalogue.audit
        self.engine = engine_of(folder / "workflows.db")
        self.now = 1_000_000.0

    def sender(self, *targets, **given):
        given = {"pause": 0.01, "lasts": 1.0, "first": 0.02, **given}
        return Sender(self.workspace.catalogue, self.engine, targets, **given)

    def clocked(self, *targets):
        return self.sender(*targets, first=5.0, clock=lambda: self.now)

    def happen(self, number, action="ticket.opened"):
        for k in range(number):
            detail = {"cause": f"cause-{k}", "camera": "cam-7", "evidence": "dark"}
            self.audit.record("triage", action, new_id(), detail, NOW)

    def rejects(self):
        return self.workspace.catalogue.rejects.list()


@pytest.fixture
def site(tmp_path):
    with Workspace.open(tmp_path / "w") as workspace:
        site = Site(tmp_path, workspace)
        yield site
        site.engine.dispose()


@pytest.fixture
def hook():
    with serving(Hook()) as server:
        yield server


@pytest.fixture
def other():
    with serving(Hook()) as server:
        yield server


def target(hook, name="pager", **given):
    url = f"http://127.0.0.1:{hook.port}/in/token-1234"
    return Webhook(name=name, url=url, plain=True, private=True, secrets=[SECRET], **given)


def causes(hook):
    return [json.loads(body)["data"]["cause"] for _, body in hook.got]


@contextmanager
def running(sender):
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def until(condition, seconds=20.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.01)


def test_what_happens_is_told_in_order_and_what_was_before_is_not(site, hook):
    site.happen(3)
    sender = site.sender(target(hook))
    sender.run(threading.Event(), once=True)
    assert hook.got == []
    site.happen(4)
    site.happen(1, "slice.kept")
    sender.run(threading.Event(), once=True)
    assert causes(hook) == [f"cause-{k}" for k in range(4)]
    sender.run(threading.Event(), once=True)
    assert len(hook.got) == 4
    assert len(set(hook.ids)) == 4


def test_a_target_gets_what_it_asked_for_and_no_more(site, hook, other):
    sender = site.sender(
        target(hook, about=["release.*"]), target(other, "b", about=["ticket.closed"])
    )
    sender.read()
    site.happen(2)
    site.happen(3, "ticket.closed")
    sender.run(threading.Event(), once=True)
    assert (len(hook.got), len(other.got)) == (0, 3)


def test_what_fails_is_tried_again_under_its_id_and_what_came_later_waits(site, hook):
    hook.answers = [(500, {}), (503, {}), (429, {}), (401, {})]
    sender = site.sender(target(hook))
    sender.read()
    site.happen(3)
    with running(sender):
        until(lambda: len(hook.got) == 3)
    assert causes(hook) == ["cause-0", "cause-1", "cause-2"]
    assert hook.answers == []
    assert site.rejects() == []


def test_a_target_that_is_down_or_slow_holds_up_no_other(site, hook, other):
    hook.slow = 1.0
    with serving(Hook()) as gone:
        pass
    sender = site.sender(target(gone, "gone"), target(hook, "slow"), target(other, "well"))
    sender.read()
    site.happen(20)
    with running(sender):
        begun = time.monotonic()
        until(lambda: len(other.got) == 20)
        assert time.monotonic() - begun < 10
        assert len(hook.got) < 20
    assert Outbox(site.engine).counts()["gone"] == 20


def test_the_pause_grows_to_an_hour_and_after_its_hours_a_notice_is_a_reject(site, hook):
    hook.answers = [(500, {})] * 1000
    sender = site.clocked(target(hook, hours=24.0))
    sender.read()
    site.happen(1)
    pauses, tries = [], 0
    while not site.rejects():
        before = len(hook.answers)
        sender.run(threading.Event(), once=True)
        assert len(hook.answers) == before - 1, "one attempt when it is due"
        tries += 1
        waiting = Outbox(site.engine).next("pager", 2, 1)
        if waiting is not None:
            pauses.append(waiting.due - site.now)
            site.now = waiting.due
    assert 2.5 <= pauses[0] <= 5
    assert all(1800 <= pause <= 3600 for pause in pauses[10:])
    assert 30 <= tries <= 70
    assert site.now >= 1_000_000 + 24 * 3600
    (reject,) = site.rejects()
    assert "HTTP 500" in reject.reason
    assert "for pager" in reject.thing


def test_a_notice_that_the_target_does_not_want_lets_the_next_pass_within_the_hour(site, hook):
    sender = site.clocked(target(hook))
    sender.read()
    site.happen(2)
    hook.answers = [(422, {})] * 10
    began = site.now
    while not hook.got:
        sender.run(threading.Event(), once=True)
        waiting = Outbox(site.engine).next("pager", 2, 1)
        site.now = waiting.due if waiting is not None else site.now
    assert causes(hook) == ["cause-1"]
    assert site.now - began < 3600
    assert len(site.rejects()) == 1


def test_a_target_may_ask_to_be_left_alone_for_a_while(site, hook):
    hook.answers = [(429, {"retry-after": "900"})]
    sender = site.clocked(target(hook))
    sender.read()
    site.happen(1)
    sender.run(threading.Event(), once=True)
    assert Outbox(site.engine).next("pager", 2, 1).due - site.now == 900


def mailbox(post):
    return Mailbox(name="shift", host="127.0.0.1", port=post.port, security="none",
                   sender="janus@example.com", to=["ops@example.com"], digest_from=5)  # fmt: skip


def test_few_notices_are_a_message_each_and_many_are_a_digest(site):
    with serving(Post()) as post:
        sender = site.sender(mailbox(post))
        sender.read()
        site.happen(3)
        sender.run(threading.Event(), once=True)
        assert len(post.got) == 3
        site.happen(30)
        sender.run(threading.Event(), once=True)
        assert len(post.got) == 4
        assert b"30 notices" in post.got[3][1]


def test_a_digest_that_is_tried_again_holds_the_same_notices(site):
    with serving(Post()) as post:
        sender = site.clocked(mailbox(post))
        sender.read()
        site.happen(6)
        post.refuse = {"MAIL": "451 later"}
        sender.run(threading.Event(), once=True)
        site.happen(6)
        post.refuse = {}
        site.now += 60
        sender.run(threading.Event(), once=True)
        assert [b"6 notices" in data for _, data in post.got] == [True, True]


def test_a_digest_that_waits_is_sent_one_by_one_where_its_mailbox_became_a_webhook(site, hook):
    with serving(Post()) as post:
        sender = site.clocked(mailbox(post))
        sender.read()
        site.happen(6)
        post.refuse = {"MAIL": "451 later"}
        sender.run(threading.Event(), once=True)
    site.now += 60
    site.clocked(target(hook, "shift")).run(threading.Event(), once=True)
    assert causes(hook) == [f"cause-{k}" for k in range(6)]


EARLIER = """CREATE TABLE januscl_outbox (number INTEGER PRIMARY KEY, target VARCHAR(60) NOT NULL,
notice TEXT NOT NULL, queued FLOAT NOT NULL, due FLOAT NOT NULL, tries INTEGER NOT NULL,
batch BIGINT)"""


@pytest.mark.parametrize("earlier", [False, True])
def test_a_sender_that_comes_late_touches_no_notice_but_its_own(site, earlier):
    if earlier:
        with site.engine.begin() as connection:
            connection.execute(text(EARLIER))
    outbox = Outbox(site.engine)
    outbox.add(None, 0, {"pager": [hello("pager")]}, 0.0)
    late = outbox.next("pager", 2, 1)
    outbox.drop(late)
    outbox.add(0, 1, {"pager": [hello("pager")]}, 0.0)
    newer = outbox.next("pager", 2, 1)
    assert (newer.numbers == late.numbers) == earlier
    outbox.put_off(late, 1e9)
    outbox.drop(late)
    assert outbox.next("pager", 2, 1) == newer
    outbox.put_off(newer, 1e9)
    assert outbox.next("pager", 2, 1).due == 1e9
    outbox.drop(newer)
    assert outbox.next("pager", 2, 1) is None


@pytest.mark.parametrize("damaged", ['["token-1234"]', "{", '{"at": "token-1234"}', '{"at": 3}'])
def test_a_row_that_cannot_be_read_becomes_a_reject_and_what_is_behind_it_passes(
    site, hook, caplog, damaged
):
    sender = site.sender(target(hook))
    sender.read()
    site.happen(2)
    sender.read()
    first = "WHERE number = (SELECT min(number) FROM januscl_outbox)"
    with site.engine.begin() as connection:
        change = text(f"UPDATE januscl_outbox SET notice = :notice {first}")
        connection.execute(change, {"notice": damaged})
    sender.run(threading.Event(), once=True)
    assert causes(hook) == ["cause-1"]
    (reject,) = site.rejects()
    assert reject.thing.endswith("for pager")
    assert damaged in reject.reason
    assert Outbox(site.engine).counts() == {}
    assert "it is given up" in caplog.text
    assert "token-1234" not in caplog.text


def test_an_error_of_any_kind_ends_no_target_and_its_text_is_not_logged(site, hook, caplog):
    class Odd(Outbox):
        odd = True

        def next(self, *given):
            if self.odd:
                self.odd = False
                raise TypeError("token-1234")
            return super().next(*given)

    sender = site.sender(target(hook))
    sender.read()
    site.happen(1)
    sender._outbox = Odd(site.engine)
    with running(sender):
        until(lambda: len(hook.got) == 1)
    assert "pager: TypeError" in caplog.text
    assert "token-1234" not in caplog.text


def test_many_rows_of_which_none_is_told_end_no_single_run(site, hook):
    sender = site.sender(target(hook))
    sender.read()
    site.happen(250, "slice.kept")
    site.happen(1)
    sender.run(threading.Event(), once=True)
    assert causes(hook) == ["cause-0"]


class Full(Sender):
    """On a disk without room, the first time."""

    full = True

    def _drop_orphans(self):
        if self.full:
            self.full = False
            raise StorageFull("there is no room")
        super()._drop_orphans()


def test_a_disk_without_room_is_logged_and_does_not_end_the_sender(site, hook, caplog):
    given = {"pause": 0.01, "lasts": 0.2, "first": 0.02}
    site.sender(target(hook)).read()
    site.happen(1)
    with running(Full(site.workspace.catalogue, site.engine, [target(hook)], **given)):
        until(lambda: len(hook.got) == 1)
    assert "there is no room" in caplog.text
    assert "the workspace or the workflows' database" in caplog.text


def test_one_sender_of_several_is_at_work_and_another_takes_over(site, hook):
    site.sender(target(hook)).read()
    with running(site.sender(target(hook))), running(site.sender(target(hook))):
        site.happen(5)
        until(lambda: len(hook.got) >= 5)
        time.sleep(0.2)
        assert len(hook.got) == 5
    with running(site.sender(target(hook))):
        site.happen(1)
        until(lambda: len(hook.got) == 6)


def test_a_catalogue_that_was_restored_to_an_older_day_is_told_of_from_there_on(site, hook):
    sender = site.sender(target(hook))
    Outbox(site.engine).add(None, 10_000, {}, 0.0)
    site.happen(1)
    assert sender.read() == set()
    site.happen(1)
    sender.run(threading.Event(), once=True)
    assert len(hook.got) == 1


def test_what_waits_for_a_target_that_was_taken_out_becomes_rejects_after_a_day(site, hook):
    hook.answers = [(500, {})] * 2
    old = site.clocked(target(hook, "old"))
    old.read()
    site.happen(2)
    old.run(threading.Event(), once=True)
    site.clocked(target(hook, "new")).run(threading.Event(), once=True)
    assert site.rejects() == []
    site.now += 25 * 3600
    site.clocked(target(hook, "new")).run(threading.Event(), once=True)
    assert [reject.reason for reject in site.rejects()] == ["there is no such target any more"] * 2


def test_no_secret_and_no_url_is_logged(site, hook, caplog):
    caplog.set_level(logging.DEBUG)
    hook.answers = [(500, {})]
    sender = site.sender(target(hook))
    sender.read()
    site.happen(2)
    with running(sender):
        until(lambda: len(hook.got) == 2)
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("januscl")]
    assert any("HTTP 500" in line for line in ours)
    every = [r.getMessage() for r in caplog.records]
    for secret in ("token-1234", SECRET, SECRET.removeprefix("whsec_")):
        assert not any(secret in line for line in every)


@pytest.mark.slow
def test_a_sender_that_is_killed_again_and_again_loses_nothing(site, hook):
    """The one at work is killed without a warning, with some taken but not yet crossed out."""
    hook.slow = 0.01
    given = {"name": "pager", "url": f"http://127.0.0.1:{hook.port}/", "plain": True,
             "private": True, "secrets": [SECRET]}  # fmt: skip
    site.sender(target(hook)).read()
    victim = Path(__file__).parent / "notify_victim.py"
    site.happen(60)
    for kills in range(1, 4):
        words = [sys.executable, str(victim), str(site.folder), json.dumps([given])]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "begins\n"
            until(lambda kills=kills: len(hook.got) >= 15 * kills, 60)
            process.kill()
    with running(site.sender(target(hook))):
        until(lambda: not Outbox(site.engine).counts())
    first = list(dict.fromkeys(hook.ids))
    assert len(first) == 60
    bodies = {headers["webhook-id"]: body for headers, body in hook.got}
    assert [json.loads(bodies[id])["data"]["cause"] for id in first] == [
        f"cause-{k}" for k in range(60)
    ]
    assert all(bodies[headers["webhook-id"]] == body for headers, body in hook.got)
    assert len(hook.got) <= 60 + 3, "a kill repeats one notice at most"


def novelty(id="n-1"):
    cost = Cost(42.0, 30.0, 55.0)
    return Novelty(id, "black bag", NoveltyState.LABELLING, NOW, NOW, 40, ("cell-7",), cost)


ROWS = [
    ("ticket.opened", {"camera": "c", "cause": "defocus", "evidence": "e"}, "ticket.opened"),
    ("ticket.closed", {"camera": "c", "cause": "defocus", "evidence": "e"}, "ticket.closed"),
    ("novelty.labelling", {"name": "black bag"}, "novelty.labelling"),
    ("labelled", {"asked": 60, "labels": 58, "step": "s"}, "novelty.labelled"),
    ("novelty.closed", {"name": "black bag"}, "novelty.learned"),
    ("novelty.regressed", {"name": "black bag"}, "novelty.regressed"),
    ("release.fail", {"model": "m-1", "stage": "stopped", "reasons": ["r"]}, "release.stopped"),
    ("release.fail", {"model": "m-1", "stage": "rolled_back", "reasons": []},
     "release.rolled_back"),
    ("release.rolled_back", {"model": "m-1", "stage": "rolled_back", "reasons": ["r"]},
     "release.rolled_back"),
    ("release.pass", {"model": "m-1", "stage": "done", "reasons": []}, "release.done"),
    ("release.pass", {"model": "m-1", "stage": "fleet", "reasons": []}, None),
    ("release.opened", {"model": "m-1", "stage": "station", "reasons": []}, None),
    ("novelty.new", {"name": "novelty-1"}, None),
    ("slice.kept", {"slice": "s", "frames": 1}, None),
]  # fmt: skip


@pytest.mark.parametrize(("action", "detail", "type"), ROWS)
def test_a_row_of_the_audit_log_is_told_under_a_name_that_stays(site, action, detail, type):
    row = AuditRow(NOW, "line", action, "x-1", detail)
    notice = notice_of(7, row, site.workspace.catalogue)
    assert (None if notice is None else notice.type) == type
    if notice is not None:
        assert notice == notice_of(7, row, site.workspace.catalogue)
        assert notice.id != notice_of(8, row, site.workspace.catalogue).id
        assert "{" not in notice.text
        assert "step" not in notice.data


def test_every_type_comes_of_some_row():
    assert {type for *_, type in ROWS} - {None} == set(TYPES)


def test_a_notice_of_a_novelty_says_what_it_costs_and_a_ticket_which_robot(site):
    catalogue = site.workspace.catalogue
    catalogue.novelties.put(novelty())
    ticket = Ticket("t-1", "cam-7", "cell-7", "defocus", NOW, NOW)
    catalogue.tickets.put(ticket)
    about = notice_of(1, AuditRow(NOW, "line", "labelled", "n-1", {"labels": 9}), catalogue)
    assert about.text == "black bag: 9 labels are enough"
    cost = {"expected": 42.0, "low": 30.0, "high": 55.0, "trend": "steady"}
    assert about.data["lost_picks_a_day"] == cost
    opened = notice_of(2, AuditRow(NOW, "triage", "ticket.opened", "t-1", {}), catalogue)
    assert opened.data["robot"] == "cell-7"


@pytest.mark.parametrize("sign", ["m", "ä", "\N{SNOWMAN}", "\N{BROOM}", '"', "\0"])
def test_a_body_is_bounded_whatever_a_row_holds(site, sign):
    catalogue, long = site.workspace.catalogue, sign * 9000
    many = {"reasons": [long] * 900}
    names = ("camera", "cause", "evidence", "name", "model")
    detail = {"stage": "rolled_back", **many, **dict.fromkeys(names, long)}
    notice = notice_of(1, AuditRow(NOW, "x", "release.fail", "r", detail), catalogue)
    assert len(notice.body) < 16 * 1024
    assert notice.data["model"].startswith(sign * 50)


ABOUT_NOVELTIES = [row for row in ROWS if str(row[2]).startswith("novelty.")]


@pytest.mark.parametrize(("action", "detail", "type"), ABOUT_NOVELTIES)
def test_a_routine_campaign_is_told_as_no_novelty(site, action, detail, type):
    catalogue = site.workspace.catalogue
    catalogue.novelties.put(replace(novelty(), name="routine-1"))
    row = AuditRow(NOW, "line", action, "n-1", detail | {"name": "routine-1"})
    assert notice_of(7, row, catalogue) is None
    site.audit.record("triage", "novelty.new", "n-1", {"name": "routine-1"}, NOW)
    assert notice_of(7, row, catalogue).type == type


@pytest.mark.parametrize(("by_day", "trend"), [(1, Trend.RISING), (-1, Trend.FALLING),
                                               (0, Trend.STEADY)])  # fmt: skip
def test_the_trend_is_that_of_the_last_14_days_of_picks(site, by_day, trend):
    catalogue = site.workspace.catalogue
    catalogue.novelties.put(novelty())
    for day in range(14):
        failed = {1: day, -1: 14 - day, 0: 5 + day % 2}[by_day]
        for attempt in range(40):
            id, at = new_id(), NOW + timedelta(days=day, minutes=attempt)
            bad = attempt < failed
            outcome = Outcome.MISSED if bad else Outcome.PICKED
            with catalogue.transaction() as tx:
                tx.observations.report(id, Pick(0, None, outcome, at))
                if attempt < 15:
                    tx.novelties.assign("n-1", [(id, 0)])
    course = trend_now(catalogue, "n-1", 1000.0)
    assert course.trend is trend
    if by_day:
        assert course.slope == pytest.approx(by_day * 1000 / 40, rel=0.2)


def test_a_workspace_without_picks_has_no_trend(site):
    assert trend_now(site.workspace.catalogue, "n-1").trend is Trend.STEADY
