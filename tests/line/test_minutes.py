import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from line_scenes import as_seen, draw
from watch_scenes_site import CELLS, Site, at, frame, readings

from januscl.core import Frame, JanusError, Observation, Signal
from januscl.line.minutes import Minutes
from januscl.line.observer import Observer
from januscl.line.policy import Watching
from januscl.line.watching.trying import Tried
from januscl.store import CauseReading
from januscl.watch import CAUSES


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "site")
    yield site
    site.close()


def test_a_minute_of_a_camera_is_kept_once_its_next_one_begins(site):
    minutes = Minutes(site.catalogue)
    soft = readings(blur=2.0)
    minutes.take(frame(0), readings(blur=1.0), None)
    minutes.take(frame(0), soft, soft[0])
    assert site.catalogue.camera_health.counts() == {}
    minutes.take(frame(1), readings(), None)
    (kept,) = site.catalogue.camera_health.list("camera-a")
    assert (kept.frames, kept.faulty) == (2, 1)
    assert kept.causes == {
        "defocus": CauseReading(2, 1, 1.5, 2.0, 20.0),
        "lamp_failed": CauseReading(2, 0, 2.0, 2.0, 2.0),
    }


def test_frames_that_come_late_are_added_to_their_own_minute(site):
    minutes = Minutes(site.catalogue)
    for minute in (0, 1, 0, 2):
        minutes.take(frame(minute), readings(), None)
    kept = site.catalogue.camera_health.list("camera-a")
    assert [row.frames for row in kept] == [2, 1]


def test_the_minute_that_goes_on_when_the_process_ends_is_kept_by_flushing(site):
    minutes = Minutes(site.catalogue)
    minutes.take(frame(0, CELLS[0]), readings(), None)
    minutes.take(frame(0, CELLS[1]), readings(), None)
    minutes.flush()
    assert site.catalogue.camera_health.counts() == {"camera-a": (1, 0), "camera-b": (1, 0)}
    minutes.take(frame(0, CELLS[0]), readings(), None)
    minutes.flush()
    minutes.flush()
    assert site.catalogue.camera_health.counts() == {"camera-a": (2, 0), "camera-b": (1, 0)}


@pytest.fixture
def hurried(tmp_path, monkeypatch):
    """A site whose writers wait for others for a tenth of a second only."""
    monkeypatch.setattr("januscl.store.engines.BUSY_SECONDS", 0.1)
    site = Site(tmp_path / "hurried")
    yield site
    site.close()


def held(site):
    """Keep all others from writing to the site's catalogue until it is closed."""
    other = sqlite3.connect(site.workspace.folder / "catalogue.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return closing(other)


def test_a_minute_that_a_busy_catalogue_did_not_take_is_kept_by_the_next_frame(hurried):
    minutes = Minutes(hurried.catalogue)
    minutes.take(frame(0), readings(), None)
    minutes.take(frame(0), readings(), None)
    with held(hurried), pytest.raises(JanusError):
        minutes.take(frame(1), readings(), None)
    minutes.take(frame(1), readings(), None)
    (kept,) = hurried.catalogue.camera_health.list("camera-a")
    assert (kept.at, kept.frames) == (at(0), 2)


def test_flushing_a_busy_catalogue_fails_and_loses_no_camera(hurried):
    minutes = Minutes(hurried.catalogue)
    for cell in CELLS[:2]:
        minutes.take(frame(0, cell), readings(), None)
    with held(hurried), pytest.raises(JanusError):
        minutes.flush()
    minutes.flush()
    assert hurried.catalogue.camera_health.counts() == {"camera-a": (1, 0), "camera-b": (1, 0)}


def test_flushing_goes_on_to_the_next_camera_where_one_is_refused(site):
    minutes = Minutes(site.catalogue)
    for cell in CELLS[:2]:
        minutes.take(frame(0, cell), readings(), None)
    huge = Signal("camera.defocus", 1.0, 1.0, severity=1.7e308)
    for _ in range(2):  # each is a number, their sum is none
        minutes.take(frame(0, CELLS[0]), [huge], None)
    with pytest.raises(JanusError):
        minutes.flush()
    assert site.catalogue.camera_health.counts() == {"camera-b": (1, 0)}
    minutes.take(frame(1, CELLS[0]), readings(), None)
    minutes.flush()
    assert set(site.catalogue.camera_health.counts()) == {"camera-a", "camera-b"}


def test_a_failure_that_a_busy_catalogue_cannot_note_stops_no_robot_and_is_noted_later(
    hurried, caplog
):
    tried = Tried(hurried.workspace)

    def read(observation):
        raise ValueError("no depth")

    seen = [Observation(f"o-{k}", frame(k), as_seen(draw(0).truth, 0), "m-1") for k in range(3)]
    with held(hurried):
        assert tried("depth", read, seen[0]) is None
    assert "depth of camera camera-a from observation o-0 on" in caplog.text
    assert hurried.catalogue.rejects.list() == []
    for one in seen[1:]:
        tried("depth", read, one)
    (row,) = hurried.catalogue.rejects.list()
    assert row.thing == "depth of camera camera-a from observation o-1 on"


def test_cameras_do_not_wait_for_each_other(site):
    minutes = Minutes(site.catalogue)
    minutes.take(frame(0, CELLS[0]), readings(), None)
    minutes.take(frame(1, CELLS[1]), readings(), None)
    minutes.take(frame(2, CELLS[1]), readings(), None)
    assert site.catalogue.camera_health.counts() == {"camera-b": (1, 0)}
    (kept,) = site.catalogue.camera_health.list("camera-b")
    assert kept.at - frame(0).at == timedelta(minutes=1)


def test_a_reading_that_is_no_number_is_left_out(site):
    minutes = Minutes(site.catalogue)
    nan = float("nan")
    spoilt = [Signal("camera.defocus", nan, 1.0), Signal("camera.flicker", 1.0, 1.0, severity=nan)]
    minutes.take(frame(0), [*spoilt, *readings()[1:]], None)
    minutes.take(frame(1), readings(), None)
    (kept,) = site.catalogue.camera_health.list("camera-a")
    assert set(kept.causes) == {"lamp_failed"}


def test_an_observer_keeps_what_it_reads_of_a_camera(site):
    observer = Observer(
        site.workspace, CELLS, Watching(reference_frames=20, ordinary_share=0.0, seed=0)
    )
    for minute in range(24):
        pile = draw(minute)
        taken = Frame(pile.image, "camera-a", "robot-a", at(minute))
        observer.observe(taken, as_seen(pile.truth, minute), "m-1")
    kept = site.catalogue.camera_health.list("camera-a")
    assert [row.at for row in kept] == [at(minute) for minute in (20, 21, 22)]
    observer.close()
    kept = site.catalogue.camera_health.list("camera-a")
    assert [row.at for row in kept] == [at(minute) for minute in (20, 21, 22, 23)]
    assert set(kept[0].causes) <= set(CAUSES)
    assert "lamp_failed" in kept[0].causes
    assert site.catalogue.camera_health.list("camera-s") == []
