import numpy as np
import pytest

from januscl.edge.counters import Counters
from januscl.edge.keep import Keep
from januscl.edge.ring import Ring

PICTURE = 10 * 10 * 3


def ring(pictures=100, before=3.0, after=2.0, ordinary=True):
    return Ring(PICTURE * pictures, before, after, ordinary, Counters())


def fill(held, *times):
    for at in times:
        held.add(f"t{at}", np.full((10, 10, 3), at % 256, np.uint8), float(at), Keep.ORDINARY)


def kept(held):
    """Return the frames that an event keeps, by their time."""
    return {int(h.id[1:]) for h in held.to_spool(1000) if h.keep > Keep.ORDINARY}


def test_an_event_keeps_the_seconds_before_it_and_those_after_it():
    held = ring()
    fill(held, *range(10))
    held.mark(["t7"], Keep.FAILED)
    fill(held, 10, 11)
    assert kept(held) == {4, 5, 6, 7, 8, 9}


def test_a_pick_reported_late_keeps_what_surrounded_its_frame_and_not_what_came_since():
    held = ring()
    fill(held, *range(20))
    held.mark(["t5"], Keep.FAILED)
    fill(held, 20)
    assert kept(held) == {2, 3, 4, 5, 6, 7}


def test_frames_after_an_event_are_kept_as_they_come():
    held = ring()
    fill(held, 0, 1)
    held.mark(["t1"], Keep.EVENT)
    fill(held, 2, 3, 4, 5)
    assert kept(held) == {0, 1, 2, 3}


def test_overlapping_events_keep_each_frame_once_and_all_that_belong_to_either():
    held = ring()
    fill(held, *range(10))
    first = held.mark(["t4"], Keep.FAILED)
    second = held.mark(["t6"], Keep.FAILED)
    assert first == {"t1", "t2", "t3", "t4", "t5", "t6"}
    assert second == {"t6", "t7", "t8"}
    assert kept(held) == set(range(1, 9))


def test_a_later_event_with_an_earlier_frame_does_not_close_the_open_window():
    held = ring()
    fill(held, *range(10))
    held.mark(["t9"], Keep.EVENT)
    held.mark(["t2"], Keep.FAILED)
    fill(held, 10, 11, 12)
    assert {10, 11} <= kept(held)
    assert 12 not in kept(held)


def test_what_matters_more_never_becomes_less():
    held = ring()
    fill(held, 0, 1)
    held.mark(["t0"], Keep.FAILED)
    assert held.mark(["t1"], Keep.EVENT) == {"t1"}
    found = {h.id: h.keep for h in held.to_spool(9)}
    assert found == {"t0": Keep.FAILED, "t1": Keep.EVENT}


def test_memory_stays_within_its_bytes_and_the_oldest_goes_first():
    held = ring(pictures=4)
    fill(held, *range(10))
    assert [h.id for h in held.to_spool(99)] == ["t6", "t7", "t8", "t9"]


def test_an_event_that_waits_for_the_disk_outlives_ordinary_frames():
    held = ring(pictures=4, before=0.0, after=0.0)
    fill(held, 0, 1)
    held.mark(["t0"], Keep.FAILED)
    fill(held, *range(2, 12))
    assert "t0" in held
    assert len(held) == 4


def test_what_leaves_before_it_was_spooled_is_counted():
    counters = Counters()
    held = Ring(PICTURE * 4, 1.0, 1.0, True, counters)
    fill(held, *range(6))
    assert counters.all() == {"missed_ordinary_pixels": 2}


def test_a_frame_being_read_keeps_its_pixels_when_it_leaves_the_ring():
    held = ring(pictures=2)
    fill(held, 1)
    (reading,) = held.to_spool(1)
    fill(held, *range(2, 30))
    assert (reading.image == 1).all()
    held.done([reading], spooled=True)


def test_the_caller_may_use_its_picture_again():
    held = ring()
    image = np.zeros((10, 10, 3), np.uint8)
    held.add("t0", image, 0.0, Keep.EVENT)
    image[:] = 255
    assert (held.to_spool(1)[0].image == 0).all()


def test_ordinary_frames_may_stay_off_the_disk_and_still_be_there_before_an_event():
    held = ring(ordinary=False)
    fill(held, *range(5))
    assert held.to_spool(99) == []
    held.mark(["t4"], Keep.FAILED)
    assert kept(held) == {1, 2, 3, 4}


def test_a_frame_larger_than_the_ring_is_counted_and_nothing_breaks():
    counters = Counters()
    held = Ring(100, 1.0, 1.0, True, counters)
    held.add("t0", np.zeros((10, 10, 3), np.uint8), 0.0, Keep.RANDOM)
    assert counters.all() == {"missed_random_pixels": 1}
    assert len(held) == 0


@pytest.mark.parametrize("shape", [(10, 10, 3), (20, 30, 3)])
def test_a_camera_may_change_its_resolution(shape):
    held = ring(pictures=30)
    fill(held, *range(40))
    held.add("new", np.full(shape, 9, np.uint8), 41.0, Keep.EVENT)
    first = held.to_spool(1)[0]
    assert (first.id, first.image.shape) == ("new", shape)
