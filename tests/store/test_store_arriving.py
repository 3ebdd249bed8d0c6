"""The inbox and the check-ins: what robots send is kept until it is safe elsewhere."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from januscl.core import InvalidInput
from januscl.store import Catalogue, CheckIn

EVERY_BYTE = bytes(range(256))
MINUTE = timedelta(minutes=1)


def test_a_message_comes_back_as_it_came_and_in_its_order(catalogue, noon):
    inbox = catalogue.inbox
    first = inbox.put("robot-1", "batch", EVERY_BYTE, noon)
    second, third = inbox.put_all([("robot-2", "batch", b""), ("robot-1", "outcomes", b"{}")])
    assert first < second < third
    rows = inbox.take(10)
    assert [(row.id, row.robot, row.kind, row.message) for row in rows] == [
        (first, "robot-1", "batch", EVERY_BYTE),
        (second, "robot-2", "batch", b""),
        (third, "robot-1", "outcomes", b"{}"),
    ]
    assert rows[0].received == noon
    assert inbox.take(2) == rows[:2]


def test_a_message_stays_until_it_is_dropped(catalogue):
    ids = [catalogue.inbox.put("robot-1", "batch", b"x") for _ in range(3)]
    catalogue.inbox.take(10)
    assert catalogue.inbox.depth() == 3
    assert catalogue.inbox.drop([ids[0], ids[2], 999]) == 2
    assert catalogue.inbox.drop([ids[0]]) == 0
    assert [row.id for row in catalogue.inbox.take(10)] == [ids[1]]
    assert catalogue.inbox.drop([]) == 0


def test_an_id_is_never_used_again_so_a_late_worker_drops_nothing_new(catalogue):
    old = catalogue.inbox.put("robot-1", "batch", b"old")
    catalogue.inbox.drop([old])
    new = catalogue.inbox.put("robot-1", "batch", b"new")
    catalogue.inbox.drop([old])
    assert [row.id for row in catalogue.inbox.take(1)] == [new]


def test_two_workers_never_hold_the_same_message(catalogue):
    ids = catalogue.inbox.put_all([("robot-1", "batch", b"%d" % n) for n in range(6)])
    mine = catalogue.inbox.take(4, lease=MINUTE)
    yours = catalogue.inbox.take(4, lease=MINUTE)
    assert [row.id for row in (*mine, *yours)] == ids
    assert catalogue.inbox.take(4, lease=MINUTE) == []
    assert len(catalogue.inbox.take(10)) == 6, "looking at them is free"


def test_what_a_dead_worker_had_taken_comes_back(catalogue):
    catalogue.inbox.put("robot-1", "batch", b"x")
    taken = catalogue.inbox.take(1, lease=timedelta(0))
    assert catalogue.inbox.take(1, lease=MINUTE) == taken


def test_a_worker_takes_no_more_bytes_than_it_can_hold_but_always_something(catalogue):
    catalogue.inbox.put_all([("robot-1", "batch", b"x" * n) for n in (900, 40, 60, 1)])
    assert [len(row.message) for row in catalogue.inbox.take(9, at_once=100)] == [900]
    first = catalogue.inbox.take(9, at_once=100, lease=MINUTE)
    assert [len(row.message) for row in first] == [900]
    second = catalogue.inbox.take(9, at_once=100, lease=MINUTE)
    assert [len(row.message) for row in second] == [40, 60]


def test_any_number_of_messages_can_be_taken_and_dropped(catalogue):
    ids = catalogue.inbox.put_all([("robot-1", "batch", b"x")] * 1100)
    assert [row.id for row in catalogue.inbox.take(5000, lease=MINUTE)] == ids
    assert catalogue.inbox.drop(ids) == 1100


def test_of_several_messages_all_are_kept_or_none(catalogue):
    with pytest.raises(InvalidInput, match="expected bytes, found str"):
        catalogue.inbox.put_all([("robot-1", "batch", b"x"), ("robot-1", "batch", "text")])
    with pytest.raises(InvalidInput, match="printable"):
        catalogue.inbox.put("robot\n1", "batch", b"x")
    assert catalogue.inbox.depth() == 0


def test_moving_messages_on_is_one_transaction_with_what_they_became(catalogue, observe):
    id = catalogue.inbox.put("robot-1", "batch", b"x")

    def move_then_fail():
        with catalogue.transaction() as tx:
            tx.observations.add(observe())
            tx.inbox.drop([id])
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        move_then_fail()
    assert catalogue.inbox.depth() == 1
    assert catalogue.observations.counts()["observations"] == 0


def test_many_threads_put_at_once_and_nothing_is_lost_or_doubled(catalogue):
    def put(number):
        return [catalogue.inbox.put(f"robot-{number}", "batch", b"%d" % n) for n in range(10)]

    with ThreadPoolExecutor(8) as pool:
        ids = [id for given in pool.map(put, range(8)) for id in given]
    rows = catalogue.inbox.take(1000)
    assert sorted(ids) == [row.id for row in rows]
    for number in range(8):
        mine = [row.message for row in rows if row.robot == f"robot-{number}"]
        assert mine == [b"%d" % n for n in range(10)], "a robot's messages keep their order"


def test_workers_that_take_at_once_share_the_messages_and_leave_none(catalogue):
    ids = catalogue.inbox.put_all([("robot-1", "batch", b"x")] * 60)

    def work(worker):
        mine = list[int]()
        while catalogue.inbox.depth():
            rows = catalogue.inbox.take(5, lease=MINUTE)
            mine += [row.id for row in rows]
            catalogue.inbox.drop([row.id for row in rows])
        return mine

    with ThreadPoolExecutor(4) as pool:
        taken = [id for mine in pool.map(work, range(4)) for id in mine]
    assert sorted(taken) == ids, "each by one worker, once"


WRITER = """
import sys
from januscl.store import Catalogue
catalogue = Catalogue(sys.argv[1])
for i in range(10**6):
    print(catalogue.inbox.put("robot-1", "batch", b"%d " % i * 2000), flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 40])
def test_a_killed_service_loses_no_message_that_it_acknowledged(place, acknowledged):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(place)], stdout=subprocess.PIPE, text=True
    )
    lines = [writer.stdout.readline() for _ in range(acknowledged)]
    os.kill(writer.pid, signal.SIGKILL)
    rest, _ = writer.communicate()
    given = [int(line) for line in [*lines, *rest.splitlines(True)] if line.endswith("\n")]
    assert len(given) >= acknowledged
    with Catalogue(place) as catalogue:
        rows = catalogue.inbox.take(10**6, at_once=10**12)
        assert [row.id for row in rows][: len(given)] == given
        assert [row.message for row in rows] == [b"%d " % i * 2000 for i in range(len(rows))]


def test_the_last_check_in_of_each_robot_is_kept(catalogue, noon):
    first = CheckIn("robot-2", noon, "m-1", {"dropped": 3}, None)
    catalogue.check_ins.put(first)
    catalogue.check_ins.put(CheckIn("robot-1", noon, None, {}, "no model\0"))
    second = replace(first, at=noon + MINUTE, counters={"dropped": 4})
    catalogue.check_ins.put(second)
    one, two = catalogue.check_ins.list()
    assert two == second
    assert (one.robot, one.running, one.error) == (
        "robot-1",
        None,
        "no model\N{REPLACEMENT CHARACTER}",
    )


def test_the_inbox_tells_how_many_of_some_messages_it_still_holds(catalogue):
    ids = [catalogue.inbox.put("robot-1", "batch", b"x") for _ in range(3)]
    catalogue.inbox.drop(ids[:1])
    assert catalogue.inbox.holds(ids) == 2
    assert catalogue.inbox.holds([]) == 0


def test_messages_that_come_at_the_same_time_share_a_commit_and_none_spoils_another(
    catalogue, monkeypatch
):
    first, go, commits = threading.Event(), threading.Event(), []
    keep_all = catalogue.inbox._together._keep

    def keep(messages):
        commits.append(len(messages))
        if not first.is_set():
            first.set()
            assert go.wait(10)
        return keep_all(messages)

    monkeypatch.setattr(catalogue.inbox._together, "_keep", keep)
    sent = [b"%d" % number for number in range(8)]
    with ThreadPoolExecutor(10) as pool:
        kept = [pool.submit(catalogue.inbox.put, "robot-1", "batch", sent[0])]
        assert first.wait(10)
        kept += [pool.submit(catalogue.inbox.put, "robot-1", "batch", data) for data in sent[1:]]
        wrong = pool.submit(catalogue.inbox.put, "", "batch", b"nobody's")
        while len(catalogue.inbox._together._waiting) < 8:
            time.sleep(0.01)
        go.set()
        ids = [one.result() for one in kept]
        with pytest.raises(InvalidInput, match="name"):
            wrong.result()
    assert commits[:2] == [1, 8], "those that came meanwhile are kept at once, if all can be"
    assert {row.id: row.message for row in catalogue.inbox.take(20)} == dict(
        zip(ids, sent, strict=True)
    )
