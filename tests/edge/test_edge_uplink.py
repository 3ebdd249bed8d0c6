import random
from datetime import UTC, datetime, timedelta

import pytest
from edge_double import frame, instances, pick

from januscl.core import Outcome, new_id
from januscl.core.message import pick_to_json
from januscl.core.wire import canonical
from januscl.edge.backoff import Backoff
from januscl.edge.campaigns import Campaigns
from januscl.edge.check_in import CheckIn
from januscl.edge.counters import Counters
from januscl.edge.keep import Keep
from januscl.edge.packing import pack
from januscl.edge.peer import Peer
from januscl.edge.ring import Ring
from januscl.edge.spool import Row, Spool
from januscl.edge.uplink import Uplink


class Robot:
    """The parts that send, without threads and with a clock that a test moves."""

    def __init__(self, folder, address, timeout=5.0, most=300.0):
        self.now = 0.0
        self.counters = Counters()
        self.spool = Spool(folder / "spool.sqlite", 2**28, self.counters)
        self.ring = Ring(2**20, 1.0, 1.0, True, self.counters)
        self.campaigns = Campaigns({})
        self.peer = Peer(address, "arm", "secret", timeout)
        told = CheckIn(self.peer, self.spool, self.ring, self.campaigns, None, self.counters)
        backoff = Backoff(random.Random(0), most=most)
        self.uplink = Uplink(
            self.spool, self.peer, told, 30.0, 1.0, backoff, self.counters, lambda: self.now
        )

    def see(self, count=1, keep=Keep.ORDINARY, embedded=False, outcome=None, pixels=False):
        seen = [new_id() for _ in range(count)]
        told = [] if outcome is None else [
            Row(id, keep, canonical({"observation": id, "pick": pick_to_json(pick(outcome))}))
            for id in seen
        ]  # fmt: skip
        self.spool.take_in(
            None,
            [Row(id, keep, pack(id, frame(), instances(embedded=embedded), "m-1", ()))
             for id in seen],
            told,
            [Row(id, keep, b"jpeg " + id.encode()) for id in seen] if pixels else [],
        )  # fmt: skip
        return seen

    def work(self, until=3600.0):
        """Live until nothing waits or the time is over; return the waits."""
        waits = []
        while sum(self.spool.waiting().values()) and self.now < until:
            waits.append(self.uplink.step())
            self.now += waits[-1]
        return waits


@pytest.fixture
def robot(tmp_path, service):
    return Robot(tmp_path, service.address)


def test_what_was_observed_arrives_whole(robot, service):
    (id,) = robot.see(embedded=True)
    robot.work()
    record = service.records[id]
    assert (record.robot, record.camera, record.model) == ("arm", "eye", "m-1")
    assert record.instances.masks == instances().masks
    assert record.embeddings
    assert service.tokens == {"Bearer secret"}


def test_metadata_goes_first_and_pixels_last(robot, service):
    robot.see(150, Keep.EVENT, outcome=Outcome.PICKED, pixels=True)
    robot.work()
    assert service.order == ["record"] * 150 + ["outcome"] * 150 + ["image"] * 150
    assert len(service.images) == 150


def test_ordinary_pixels_stay_on_the_robot_until_the_service_wants_them(robot, service):
    first, second = robot.see(2, pixels=True)
    robot.work()
    assert service.images == {}
    service.answer = {**service.answer, "wanted": [second, "gone"]}
    robot.now += 31
    robot.uplink.step()
    robot.work()
    assert service.images == {second: b"jpeg " + second.encode()}
    assert robot.counters.all()["wanted_missing"] == 1
    assert robot.spool.stored("pixels", Keep.ORDINARY) == 1
    assert first not in service.images


FAULTS = ["cut", "half read", "lost answer", "half answer", "page", 500, 502, 503, 429, 507, 408]


@pytest.mark.parametrize("fault", [*FAULTS, 401, 403, 404, 301])
def test_after_any_fault_of_the_network_all_arrives_and_nothing_is_rejected(robot, service, fault):
    seen = robot.see(5, Keep.FAILED, outcome=Outcome.MISSED, pixels=True)
    service.faults = [fault] * 4
    robot.work()
    assert set(service.records) == set(service.outcomes) == set(service.images) == set(seen)
    assert robot.spool.rejects() == []
    assert robot.counters.all()["failed_calls"] >= 3


@pytest.mark.parametrize("seed", range(8))
def test_under_faults_at_random_nothing_is_lost(robot, service, seed):
    rng = random.Random(seed)
    seen = []
    for _ in range(6):
        seen += robot.see(
            rng.randrange(1, 90), Keep.EVENT, outcome=Outcome.DROPPED, pixels=seed < 2
        )
        service.faults = [rng.choice([*FAULTS, None, None]) for _ in range(6)]
        robot.uplink.step()
        robot.now += rng.uniform(0, 60)
    service.faults = []
    robot.work()
    assert set(service.records) == set(service.outcomes) == set(seen)
    assert robot.spool.rejects() == []


def test_a_service_that_is_slower_than_the_robot_waits_is_asked_again(tmp_path, service):
    robot = Robot(tmp_path, service.address, timeout=0.1)
    (id,) = robot.see()
    service.faults = [None, "slow"]
    robot.work()
    assert id in service.records
    assert robot.counters.all()["failed_calls"] == 1


def test_while_the_service_is_gone_the_waits_grow_with_full_jitter_to_a_bound(robot, service):
    robot.see(3)
    service.down = True
    waits = robot.work(until=3 * 3600.0)
    for number, wait in enumerate(waits):
        assert 0 <= wait <= min(300.0, 2.0**number)
    late = waits[20:]
    assert min(late) < 60 < 240 < max(late)
    assert len(waits) < 3 * 60
    service.down = False
    robot.work(until=4 * 3600.0)
    assert len(service.records) == 3


def test_two_robots_do_not_come_back_in_step():
    first, second = (Backoff(random.Random(seed)) for seed in (1, 2))
    assert [first.wait() for _ in range(5)] != [second.wait() for _ in range(5)]


def test_the_wait_that_the_service_asks_for_is_kept_and_jitter_added(robot, service):
    robot.see()
    service.faults = [429]
    service.retry_after = 77
    assert 77 <= robot.uplink.step() <= 78


def test_offline_for_a_week_and_back_it_catches_up(tmp_path, service):
    robot = Robot(tmp_path, service.address, most=3600.0)
    service.down = True
    seen = []
    for day in range(7):
        seen += robot.see(200, outcome=Outcome.PICKED)
        robot.work(until=(day + 1) * 86_400.0)
    assert not service.records
    service.down = False
    back = robot.now
    robot.work(until=robot.now + 86_400)
    assert set(service.records) == set(service.outcomes) == set(seen)
    assert robot.now - back < 3601


def test_one_bad_record_in_a_batch_is_found_and_set_aside_with_its_reason(robot, service):
    seen = robot.see(60, Keep.EVENT, outcome=Outcome.PICKED, pixels=True)
    service.refuse = {seen[17]: 422}
    robot.work()
    assert set(service.records) == set(seen) - {seen[17]}
    assert set(service.images) == set(seen) - {seen[17]}
    ((id, what, reason),) = robot.spool.rejects()
    assert (id, what) == (seen[17], "records")
    assert "rubbish" in reason
    assert robot.counters.all()["rejected_records"] == 1


def test_what_the_service_rejects_by_name_is_not_sent_for_ever(robot, service):
    seen = robot.see(10)
    service.refuse = {seen[3]: "unknown class id 99"}
    robot.work()
    assert robot.spool.rejects() == [(seen[3], "records", "unknown class id 99")]
    assert len(service.records) == 9


def test_pixels_that_the_service_cannot_place_are_set_aside(robot, service):
    robot.spool.take_in(None, pixels=[Row(new_id(), Keep.EVENT, b"jpeg")])
    robot.work()
    assert robot.spool.rejects()[0][1] == "pixels"


def test_a_damaged_row_is_set_aside_and_the_others_go(robot, service):
    seen = robot.see(3)
    bad = Row(new_id(), Keep.EVENT, b"\x05\x00\x00\x00rubbish")
    robot.spool.take_in(None, [bad], [Row(new_id(), Keep.FAILED, b"{")])
    robot.work()
    assert set(service.records) == set(seen)
    picks, records = sorted(robot.spool.rejects(), key=lambda reject: reject[1])
    assert "spooled pick" in picks[2]
    assert "packed" in records[2]


def test_a_pick_of_an_earlier_run_arrives(robot, service):
    id = new_id()
    told = canonical({"observation": id, "pick": pick_to_json(pick())})
    robot.spool.take_in(None, outcomes=[Row(id, Keep.FAILED, told)])
    robot.work()
    assert id in service.outcomes


def test_losses_reach_the_service_by_check_in(robot, service):
    robot.counters.add("dropped_ordinary_pixels", 12)
    robot.see(2)
    robot.uplink.step()
    told = service.check_ins[-1]
    assert told["running"] is None
    assert told["counters"]["dropped_ordinary_pixels"] == 12
    assert told["counters"]["waiting_records"] == 2


def test_a_clock_that_is_wrong_is_told_and_loses_nothing(robot, service):
    service.ahead = timedelta(hours=-3)
    (id,) = robot.see()
    robot.work()
    robot.now += 31
    robot.uplink.step()
    ahead = service.check_ins[-1]["counters"]["clock_ahead_ms"]
    assert ahead == pytest.approx(3 * 3600 * 1000, abs=3000)
    assert id in service.records


@pytest.mark.parametrize(
    "answer",
    [
        {"wanted": 5, "campaigns": "none", "model": 3},
        {"wanted": [None, {}], "campaigns": [{"id": "c"}]},
        {"campaigns": [{"id": "c", "quota": "many", "expires": "soon"}]},
        {"unheard": "of"},
    ],
)
def test_an_answer_that_cannot_be_read_stops_no_sending(robot, service, answer):
    service.answer = answer
    seen = robot.see(3)
    robot.work()
    assert set(service.records) == set(seen)


def test_a_campaign_gets_its_quota_spread_in_time_and_no_more():
    campaigns = Campaigns({"old": 4})
    expires = datetime(2026, 1, 1, tzinfo=UTC)
    campaigns.renew([
        {"id": "old", "quota": 5, "expires": expires.isoformat()},
        {"id": "new", "quota": 3, "expires": expires.isoformat()},
    ])  # fmt: skip
    early = expires.timestamp() - 1000
    given = [campaigns.reasons(float(at), early + at) for at in range(100)]
    times = [at for at, reasons in enumerate(given) if reasons]
    assert times == [0, 10, 20]
    assert given[0] == ("campaign:old", "campaign:new")
    assert given[10] == ("campaign:new",)


def test_a_campaign_that_ended_gets_nothing():
    campaigns = Campaigns({})
    expires = datetime(2026, 1, 1, tzinfo=UTC)
    campaigns.renew([{"id": "c", "quota": 5, "expires": expires.isoformat()}])
    assert campaigns.reasons(0.0, expires.timestamp() + 1) == ()
    campaigns.renew([])
    assert campaigns.reasons(0.0, expires.timestamp() - 10) == ()


def test_an_outcome_waits_for_its_observation(robot, service):
    (id,) = robot.see(outcome=Outcome.WRONG_PICK)
    assert robot.spool.outcomes(1) == []
    robot.work()
    assert service.outcomes[id].outcome is Outcome.WRONG_PICK
