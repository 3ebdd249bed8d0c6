from datetime import UTC, datetime, timedelta

import pytest

from januscl.core import InvalidInput
from januscl.store import CauseReading, HealthMinute

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def minute(number, camera="cam-1", frames=2, faulty=1, **causes):
    read = causes or {"defocus": CauseReading(frames, faulty, 1.0, 1.5, 14.0)}
    return HealthMinute(camera, NOON + timedelta(minutes=number), frames, faulty, read)


def test_the_minutes_of_a_camera_come_back_in_order_of_time(catalogue):
    catalogue.camera_health.add([minute(2), minute(0), minute(1), minute(1, "cam-2")])
    assert catalogue.camera_health.list("cam-1") == [minute(0), minute(1), minute(2)]
    since = NOON + timedelta(minutes=1)
    assert catalogue.camera_health.list("cam-1", since=since) == [minute(1), minute(2)]
    assert catalogue.camera_health.list("cam-1", until=since) == [minute(0)]
    assert catalogue.camera_health.counts() == {"cam-1": (6, 3), "cam-2": (2, 1)}
    assert catalogue.camera_health.counts(since, NOON + timedelta(minutes=2)) == {
        "cam-1": (2, 1), "cam-2": (2, 1),
    }  # fmt: skip
    assert catalogue.camera_health.last() == NOON + timedelta(minutes=2)


def test_what_comes_later_of_a_minute_is_added_to_it(catalogue):
    catalogue.camera_health.add(
        [minute(0, frames=1, faulty=0, defocus=CauseReading(1, 0, 1, 1, 9))]
    )
    dark = CauseReading(3, 1, 20.0, 40.0, 40.0)
    soft = CauseReading(3, 2, 2.0, 3.0, 30.0)
    catalogue.camera_health.add([minute(0, frames=3, faulty=3, defocus=soft, lamp_failed=dark)])
    (kept,) = catalogue.camera_health.list("cam-1")
    assert (kept.frames, kept.faulty) == (4, 3)
    assert kept.causes == {"defocus": CauseReading(4, 2, 1.75, 3.0, 30.0), "lamp_failed": dark}


def test_a_catalogue_without_readings_has_no_last_one(catalogue):
    assert catalogue.camera_health.last() is None
    assert catalogue.camera_health.counts() == {}
    assert catalogue.camera_health.list("cam-1") == []


def test_the_minutes_before_a_time_are_forgotten(catalogue):
    days = 24 * 60
    catalogue.camera_health.add([minute(day * days) for day in range(10)])
    catalogue.camera_health.add([minute(4 * days - 1, "cam-2"), minute(9 * days, "cam-2")])
    before = NOON + timedelta(days=4)
    assert catalogue.camera_health.forget(before) == 5
    assert catalogue.camera_health.forget(before) == 0
    assert catalogue.camera_health.list("cam-1") == [minute(day * days) for day in range(4, 10)]
    assert catalogue.camera_health.list("cam-2") == [minute(9 * days, "cam-2")]


def test_a_reading_that_is_no_number_is_refused(catalogue):
    broken = CauseReading(1, 0, float("nan"), 0.0, 0.0)
    with pytest.raises(InvalidInput, match=r"defocus of camera cam-1.*finite"):
        catalogue.camera_health.add([minute(0, defocus=broken)])
    assert catalogue.camera_health.counts() == {}
