"""Camera health on a simulated cell, up to the ticket."""

import itertools
from copy import deepcopy

import cv2
import pytest
from watch_scenes import BAGS_MIX, BASE_MIX, LATE_MIX, SimCell, explained, missed

from januscl.core.contracts import check_watcher
from januscl.sim import FAULTS
from januscl.triage import FaultDesk
from januscl.watch import CAUSES, CameraHealth, EProcess, UnexplainedForeground, main_cause

# Dirt is told by its staying; half of a half-frozen camera's frames are fresh.
FRAMES = {"dirty_lens": 35, "frozen_frame": 35}
SEEN_LATE = {"dirty_lens": 24, "frozen_frame": 8}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


@pytest.fixture(scope="module")
def bags():
    """A cell, its fitted watcher, piles with black bags, and healthy looks at them."""
    cell = SimCell(2)
    health = CameraHealth().fit(cell.watch(cell.piles(40, BASE_MIX)))
    piles = cell.piles(35, BAGS_MIX)
    return cell, health, piles, cell.watch(piles)


def tickets_of(health, observations):
    desk = FaultDesk(EProcess)
    changes = []
    for o in observations:
        cause = main_cause(health.score(o))
        changes += desk.update(o.frame.camera, o.frame.robot, o.frame.at, cause)
    return desk, changes


def test_every_fault_of_the_simulator_is_a_cause():
    assert set(CAUSES) == {"wrong_resolution", "wrong_rotation", *FAULTS}


@pytest.mark.parametrize("severity", [0.5, 1.0])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_ticketed_once_with_the_right_cause(bags, fault, severity):
    cell, health, piles, healthy = bags
    faulty = cell.watch(piles[: FRAMES.get(fault, 10)], fault, severity)
    desk, changes = tickets_of(deepcopy(health), healthy[:3] + faulty)
    assert [t.cause for t in changes] == [fault]
    camera = faulty[0].frame.camera
    late = SEEN_LATE.get(fault, 0)
    pairs = list(itertools.pairwise(faulty))[late:]
    # The fresh frames of a camera that freezes now and then are good.
    bad = [
        o for before, o in pairs if fault != "frozen_frame" or o.frame.image is before.frame.image
    ]
    assert bad
    assert all(desk.quarantines(camera, o.frame.at) for o in bad)
    assert not any(desk.quarantines(camera, o.frame.at) for o in healthy[:3])


@pytest.mark.parametrize("fault", ["lamp_failed", "defocus", "camera_knocked"])
def test_a_mended_camera_closes_its_ticket_at_the_first_healthy_frame(bags, fault):
    cell, health, piles, _ = bags
    faulty = cell.watch(piles[:8], fault, 0.7)
    mended = cell.watch(piles[8:16])
    desk, changes = tickets_of(deepcopy(health), faulty + mended)
    assert [t.cause for t in changes] == [fault, fault]
    (ticket,) = desk.tickets
    assert (ticket.began, ticket.closed) == (faulty[0].frame.at, mended[0].frame.at)


def test_black_bags_that_the_model_misses_are_neither_a_fault_nor_darkness(bags):
    _, health, _, healthy = bags
    health = deepcopy(health)
    unseen = [missed(o) for o in healthy]
    desk, _ = tickets_of(health, unseen)
    assert desk.tickets == ()
    signals = {s.watcher: s for s in health.score(unseen[-1])}
    assert signals["camera.lamp_failed"].severity < 2


def test_a_dirty_lens_is_seen_within_five_frames_where_depth_tells_what_the_model_missed():
    cell = SimCell(2)
    reference = cell.watch(cell.piles(30, BASE_MIX))
    bin_ = UnexplainedForeground().fit(reference)
    health = CameraHealth(lasting=6).fit([explained(bin_, o) for o in reference])
    new = [explained(bin_, missed(o)) for o in cell.watch(cell.piles(30, LATE_MIX))]
    assert tickets_of(deepcopy(health), new)[1] == [], "new kinds are no dirt"
    dirty = [explained(bin_, o) for o in cell.watch(cell.piles(12, BASE_MIX), "dirty_lens", 1.0)]
    desk, changes = tickets_of(deepcopy(health), dirty)
    assert [t.cause for t in changes] == ["dirty_lens"]
    assert all(desk.quarantines("camera", o.frame.at) for o in dirty[4:])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_hundred_healthy_frames_of_new_kinds_open_no_ticket(seed):
    cell = SimCell(seed)
    health = CameraHealth().fit(cell.watch(cell.piles(40, BASE_MIX)))
    desk, _ = tickets_of(health, cell.watch(cell.piles(100, LATE_MIX)))
    assert desk.tickets == ()


def test_the_evidence_of_a_failed_lamp_can_be_read(bags):
    cell, health, piles, _ = bags
    (dark,) = cell.watch(piles[:1], "lamp_failed", 1.0)
    cause = main_cause(deepcopy(health).score(dark))
    assert cause is not None
    assert cause.severity > 30
    assert cause.evidence == (
        f"background {cause.severity:.0f}% darker than this camera's reference"
    )


def test_camera_health_keeps_the_contract_of_a_watcher(bags):
    cell, _, piles, healthy = bags
    again, strange = cell.watch(piles[12:13])[0], cell.watch(piles[:1], "lamp_failed", 1.0)[0]
    check_watcher(CameraHealth(), [*healthy, again], strange)


def test_scoring_the_last_observation_again_gives_the_same_signals(bags):
    _, health, _, healthy = bags
    health = deepcopy(health)
    for observation in healthy[:4]:
        assert health.score(observation) == health.score(observation)
