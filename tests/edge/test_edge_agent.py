import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from edge_double import eventually, frame, instances, pick, quick

from januscl.core import Conflict, Frame, InvalidInput, Outcome, StorageFull, new_id
from januscl.core.pictures import decode_image
from januscl.edge import Agent, Limits
from januscl.edge.keeper import Keeper
from januscl.edge.uplink import Uplink

NOWHERE = "http://127.0.0.1:9"
MIB = 2**20


def agent(folder, server=NOWHERE, **changes):
    return Agent("arm", "eye", server, folder / "spool", "secret", quick(**changes))


def wait_sent(one):
    """Wait until nothing is left to send."""
    names = ("records", "outcomes", "pixels")
    eventually(lambda: not sum(one._spool.waiting()[name] for name in names))


def test_what_a_robot_saw_and_did_reaches_the_service(tmp_path, service):
    with agent(tmp_path, service.address) as one:
        ids = [one.observe(frame(n), instances(), "m-1") for n in range(5)]
        assert all(one.report(id, pick()) for id in ids)
        eventually(lambda: len(service.outcomes) == 5)
    assert list(service.records) == ids
    assert service.images == {}


def test_a_token_that_the_service_refuses_is_told_once_with_what_to_do(tmp_path, service, caplog):
    service.faults = [401] * 3
    with agent(tmp_path, service.address) as one:
        one.observe(frame(), instances(), "m-1")
        told = eventually(lambda: one.status)
        assert "refuses this robot's token (401: a fault)" in told
        assert "`janus token create NAME --role robot --robot arm`" in told
        wait_sent(one)
        eventually(lambda: one.status is None)
        assert one.counters()["refused_token"] == one.counters()["failed_calls"] == 3
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == [f"nothing is sent: {told}"]
    assert "secret" not in caplog.text


def test_a_service_that_is_away_is_no_matter_of_the_token(tmp_path, caplog):
    with agent(tmp_path) as one:
        assert "ConnectError" in eventually(lambda: one.status)
        assert "refused_token" not in one.counters()
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_a_failed_pick_sends_its_frame_and_those_before_and_after_it(tmp_path, service):
    with agent(tmp_path, service.address, before_s=60.0, after_s=60.0) as one:
        ids = [one.observe(frame(10 * n), instances(), "m-1") for n in range(3)]
        one.report(ids[2], pick(Outcome.MISSED))
        eventually(lambda: len(service.images) == 3)
        ids.append(one.observe(frame(90), instances(), "m-1"))
        eventually(lambda: len(service.images) == 4)
    pictures = [decode_image(service.images[id]) for id in ids]
    assert [int(p.mean().round()) for p in pictures] == [0, 10, 20, 90]


def test_a_failed_pick_keeps_its_own_frame_alone_where_no_time_around_it_is_asked(
    tmp_path, service
):
    with agent(tmp_path, service.address, before_s=0.0, after_s=0.0) as one:
        ids = [one.observe(frame(n), instances(), "m-1") for n in range(3)]
        one.report(ids[1], pick(Outcome.DROPPED))
        eventually(lambda: service.images)
    assert list(service.images) == [ids[1]]


def test_frames_before_an_event_are_sent_though_ordinary_ones_never_touch_the_disk(
    tmp_path, service
):
    given = {"before_s": 60.0, "after_s": 0.0, "ordinary_pixels": False}
    with agent(tmp_path, service.address, **given) as one:
        first = one.observe(frame(1), instances(), "m-1")
        eventually(lambda: first in service.records)
        assert one._spool.promote({first: 0}) == set()
        event = one.observe(frame(2), instances(), "m-1", reasons=["event"])
        eventually(lambda: len(service.images) == 2)
    assert set(service.images) == {first, event}
    assert service.records[event].reasons == ("event",)


def test_a_random_share_is_sent_and_says_so(tmp_path, service):
    with agent(tmp_path, service.address, random_share=1.0) as one:
        id = one.observe(frame(), instances(), "m-1")
        eventually(lambda: id in service.images)
    assert service.records[id].reasons == ("random",)


def test_a_campaign_gets_frames(tmp_path, service):
    order = {"id": "c-7", "quota": 1, "expires": "2100-01-01T00:00:00+00:00"}
    service.answer = {"campaigns": [order], "wanted": [], "model": None}
    with agent(tmp_path, service.address) as one:
        eventually(lambda: one._campaigns._orders)
        ids = [one.observe(frame(), instances(), "m-1") for _ in range(3)]
        eventually(lambda: service.images and len(service.records) == 3)
    assert [service.records[id].reasons for id in ids] == [("campaign:c-7",), (), ()]
    with agent(tmp_path, service.address) as one:
        eventually(lambda: one._campaigns._orders)
        id = one.observe(frame(), instances(), "m-1")
        eventually(lambda: id in service.records)
    assert service.records[id].reasons == ()


def test_pixels_that_the_service_asks_for_are_sent(tmp_path, service):
    with agent(tmp_path, service.address) as one:
        id = one.observe(frame(77), instances(), "m-1")
        eventually(lambda: id in service.records)
        service.answer = {"wanted": [id], "campaigns": [], "model": None}
        eventually(lambda: id in service.images)
    assert decode_image(service.images[id]).shape == (48, 64, 3)


def test_what_was_not_sent_is_sent_by_the_next_start(tmp_path, service):
    with agent(tmp_path) as one:
        ids = [one.observe(frame(), instances(), "m-1") for _ in range(20)]
        one.report(ids[3], pick(Outcome.MISSED))
    with agent(tmp_path, service.address) as one:
        wait_sent(one)
    assert set(service.records) == set(ids)
    assert set(service.outcomes) == {ids[3]}
    assert ids[3] in service.images


def test_a_pick_of_an_earlier_run_is_taken(tmp_path, service):
    with agent(tmp_path, service.address) as one:
        id = one.observe(frame(), instances(), "m-1")
    with agent(tmp_path, service.address) as one:
        assert one.report(id, pick())
        eventually(lambda: id in service.outcomes)


def test_the_last_of_several_reports_counts(tmp_path, service):
    service.down = True
    with agent(tmp_path, service.address) as one:
        id = one.observe(frame(), instances(), "m-1")
        one.report(id, pick(Outcome.PICKED))
        one.report(id, pick(Outcome.DROPPED))
        one.report(id, pick(Outcome.DROPPED))
    service.down = False
    with agent(tmp_path, service.address) as one:
        wait_sent(one)
    assert service.outcomes[id].outcome is Outcome.DROPPED
    assert service.arrivals["outcome", id] == 1


def test_a_pick_that_the_service_can_never_place_is_set_aside(tmp_path, service):
    stranger = new_id()
    service.refuse = {stranger: "no such observation"}
    with agent(tmp_path, service.address) as one:
        assert one.report(stranger, pick())
        eventually(one.rejects)
        assert one.rejects() == [(stranger, "outcomes", "no such observation")]


def test_a_report_on_nothing_is_counted_and_stops_no_robot(tmp_path):
    with agent(tmp_path) as one:
        assert one.report(None, pick()) is False
        assert one.counters()["refused_picks"] == 1
        with pytest.raises(InvalidInput, match="observation id"):
            one.report("not-an-id", pick())


def test_what_is_kept_while_the_last_look_for_it_is_under_way_is_sent_too(
    tmp_path, service, monkeypatch
):
    """The sender looks, finds nothing, and only then the keeper brings its last to the spool."""
    may_keep = threading.Event()
    may_keep.set()
    keep, look = Keeper.step, Uplink.step
    monkeypatch.setattr(Keeper, "step", lambda self: may_keep.wait(10) and keep(self))
    made = []

    def looks(self):
        wait = look(self)
        if made and made[0]._stop_at < float("inf"):
            may_keep.set()
            made[0]._threads[0].join(10)
        return wait

    monkeypatch.setattr(Uplink, "step", looks)
    one = agent(tmp_path, service.address)
    made.append(one)
    may_keep.clear()
    id = one.observe(frame(), instances(), "m-1")
    one.close(wait_s=10)
    assert list(service.records) == [id]


def test_closing_twice_is_closing_once_and_then_nothing_is_taken(tmp_path):
    one = agent(tmp_path)
    one.close()
    one.close()
    with pytest.raises(Conflict, match="closed"):
        one.observe(frame(), instances(), "m-1")
    with pytest.raises(Conflict, match="closed"):
        one.report(new_id(), pick())


def test_a_closed_agent_says_so_when_its_rejects_are_read_and_the_next_one_has_them(tmp_path):
    one = agent(tmp_path)
    one.close()
    with pytest.raises(Conflict, match="the agent is closed; make another on the same spool"):
        one.rejects()
    assert one.counters().get("observed", 0) == 0, "what was counted is still told"
    with agent(tmp_path) as next_one:
        assert next_one.rejects() == []


def test_two_agents_never_share_a_folder(tmp_path):
    with agent(tmp_path), pytest.raises(Conflict, match="another agent"):
        agent(tmp_path)
    agent(tmp_path).close()


@pytest.mark.parametrize(("robot", "camera"), [("other", "eye"), ("arm", "other")])
def test_a_frame_of_another_robot_or_camera_is_refused(tmp_path, robot, camera):
    with agent(tmp_path) as one, pytest.raises(InvalidInput, match="agent of its own"):
        one.observe(frame(robot=robot, camera=camera), instances(), "m-1")


@pytest.mark.parametrize("reasons", [[""], ["random"], ["campaign:c"], ["x" * 300], ["x"] * 99])
def test_reasons_that_are_not_the_callers_to_give_are_refused(tmp_path, reasons):
    with agent(tmp_path) as one, pytest.raises(InvalidInput, match="reasons"):
        one.observe(frame(), instances(), "m-1", reasons)


def test_masks_of_another_size_are_refused(tmp_path):
    with agent(tmp_path) as one, pytest.raises(InvalidInput, match="size"):
        one.observe(frame(), instances(size=(50, 50)), "m-1")


@pytest.mark.parametrize("server", ["", "janus.example", "ftp://janus.example"])
def test_an_address_that_is_none_is_refused_at_once(tmp_path, server):
    with pytest.raises(InvalidInput, match="http"):
        agent(tmp_path, server)


@pytest.mark.parametrize(
    "wrong", [{"spool_bytes": 1}, {"ring_bytes": 0}, {"random_share": 1.5}, {"before_s": -1},
              {"after_s": float("nan")}, {"journal_bytes": 10**12}],
)  # fmt: skip
def test_limits_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        Limits(**wrong)


def test_the_camera_may_use_its_memory_again_at_once(tmp_path, service):
    image = np.full((48, 64, 3), 100, np.uint8)
    with agent(tmp_path, service.address) as one:
        shot = frame()
        id = one.observe(Frame(image, "eye", "arm", shot.at), instances(), "m-1", reasons=["event"])
        image[:] = 0
        eventually(lambda: id in service.images)
    assert decode_image(service.images[id]).mean() == pytest.approx(100, abs=2)


def test_several_threads_may_observe(tmp_path, service):
    ids, lock = [], threading.Lock()

    def watch():
        for _ in range(20):
            id = one.observe(frame(), instances(), "m-1")
            with lock:
                ids.append(id)

    with agent(tmp_path, service.address) as one:
        threads = [threading.Thread(target=watch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_sent(one)
    assert len(set(ids)) == 80
    assert set(service.records) == set(ids)


def test_a_damaged_spool_is_put_aside_and_what_the_journal_holds_is_still_sent(tmp_path, service):
    with agent(tmp_path) as one:
        ids = {one.observe(frame(), instances(), "m-1") for _ in range(10)}
    (tmp_path / "spool" / "spool.sqlite").write_bytes(b"rubbish" * 5000)
    with agent(tmp_path, service.address) as one:
        wait_sent(one)
        assert one.counters()["spool_damaged"] == 1
        eventually(lambda: service.check_ins[-1]["counters"].get("spool_damaged") == 1)
    assert set(service.records) == ids
    assert (tmp_path / "spool" / "spool.sqlite.damaged").exists()


def test_a_clock_set_back_by_hours_loses_nothing(tmp_path, service, monkeypatch):
    with agent(tmp_path, service.address) as one:
        ids = [one.observe(frame(), instances(), "m-1")]
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() - 7200 * 10**9)
        ids.append(one.observe(frame(), instances(), "m-1"))
        wait_sent(one)
    assert set(service.records) == set(ids)


def test_the_service_says_which_model_to_run_and_hears_which_one_does(tmp_path, service):
    class Slot:
        running, error, wanted = "m-1", "m-2 is not here yet", None

        def want(self, desired):
            self.wanted = desired
            return True

    wish = {"id": "m-2", "sha256": "0" * 64, "bytes": 5, "signature": "A" * 86 + "=="}
    service.answer = {"model": wish, "wanted": [], "campaigns": []}
    slot = Slot()
    with Agent("arm", "eye", service.address, tmp_path / "s", "secret", quick(), slot):
        eventually(lambda: slot.wanted is not None)
    assert slot.wanted.id == "m-2"
    assert service.check_ins[0]["running"] == "m-1"
    assert "not here yet" in service.check_ins[0]["error"]


def test_what_arrived_is_not_sent_again_after_a_restart(tmp_path, service):
    with agent(tmp_path, service.address) as one:
        ids = [one.observe(frame(), instances(), "m-1") for _ in range(5)]
        one.report(ids[0], pick())
        wait_sent(one)
    for _ in range(2):
        with agent(tmp_path, service.address) as one:
            ids.append(one.observe(frame(), instances(), "m-1"))
            eventually(lambda: ids[-1] in service.records)
    assert set(service.arrivals.values()) == {1}


def test_a_frame_that_was_sent_as_an_event_is_not_sent_again_when_its_pick_fails(tmp_path, service):
    with agent(tmp_path, service.address) as one:
        first = one.observe(frame(), instances(), "m-1", reasons=["event"])
        eventually(lambda: first in service.images)
        one.report(first, pick(Outcome.MISSED))
        eventually(lambda: first in service.outcomes)
        second = one.observe(frame(), instances(), "m-1", reasons=["event"])
        eventually(lambda: second in service.images)
    assert service.order.count("image") == 2


def test_a_frame_that_no_jpeg_can_hold_holds_nothing_else_up(tmp_path, service):
    size = (2, 66_000)
    with agent(tmp_path, service.address) as one:
        wide = one.observe(frame(size=size), instances(0), "m-1", reasons=["event"])
        id = one.observe(frame(), instances(), "m-1", reasons=["event"])
        eventually(lambda: id in service.images)
        assert one.counters()["unencodable_pixels"] == 1
    assert set(service.records) == {wide, id}


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder on a file system of 16 MiB, where this process may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder):
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65536):
                pass
        except OSError:
            return


def test_a_full_disk_stops_no_robot_and_loses_nothing_it_gave_an_id_for(small_disk, service):
    kept, refused = [], 0
    with agent(small_disk, service.address, journal_bytes=MIB) as one:
        wait_sent(one)
        service.down = True
        fill(small_disk)
        for n in range(3000):
            id = one.observe(frame(n), instances(12), "m-1")
            kept += [id] if id else []
            refused += id is None
            if refused == 5:
                break
        assert kept
        assert refused == 5
        told = one.counters()
        assert told["disk_full"] >= 1
        assert told["refused_observations"] == 5
        assert one.report(kept[-1], pick(Outcome.MISSED))
        (small_disk / "ballast").unlink()
        service.down = False
        eventually(lambda: one.observe(frame(), instances(), "m-1"))
        eventually(lambda: set(kept) <= set(service.records), within=20)
        eventually(lambda: kept[-1] in service.outcomes)
        counters = eventually(
            lambda: (
                "refused_observations" in service.check_ins[-1]["counters"]
                and service.check_ins[-1]["counters"]
            )
        )
        assert counters["disk_full"] >= 1


def test_a_start_on_a_full_disk_says_so(small_disk):
    fill(small_disk)
    with pytest.raises(StorageFull):
        agent(small_disk)


def test_importing_and_using_the_agent_needs_no_torch():
    program = (
        "import sys, tempfile; from januscl.edge import Agent; "
        "first = {'torch', 'cv2', 'httpx', 'sqlalchemy'} & set(sys.modules); "
        f"Agent('r', 'c', '{NOWHERE}', tempfile.mkdtemp(), 't').close(0); "
        "print(sorted(first), sorted({'torch', 'sqlalchemy', 'fastapi'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "[] []"
