from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from januscl.core import Cell, Conflict, InvalidInput, NotFound, Outcome, Pick, Ticket

DIGEST = "ab" * 32


@pytest.fixture
def missed(noon):
    return Pick(1, (4.5, 3.0), Outcome.MISSED, noon + timedelta(seconds=9))


def test_an_observation_comes_back_as_it_went_in(catalogue, observe, missed):
    put = observe(pick=missed)
    assert catalogue.observations.add(put, image=DIGEST) is True
    row = catalogue.observations.get("o-1")
    assert (row.robot, row.camera, row.at) == ("robot-1", "cam-1", put.frame.at)
    assert (row.height, row.width, row.model) == (12, 16, "m-0")
    assert row.instances.masks == put.instances.masks
    assert np.array_equal(row.instances.boxes, put.instances.boxes)
    assert row.instances.labels.tolist() == [1, 2]
    assert (row.image, row.embeddings, row.pick) == (DIGEST, None, missed)


def test_the_same_id_twice_is_one_observation(catalogue, observe):
    assert catalogue.observations.add(observe()) is True
    assert catalogue.observations.add(observe()) is False
    assert catalogue.observations.counts()["observations"] == 1


def test_a_second_copy_brings_what_the_first_lacked_and_takes_nothing_away(
    catalogue, observe, missed
):
    catalogue.observations.add(observe())
    catalogue.observations.add(observe(pick=missed), image=DIGEST)
    catalogue.observations.add(observe(), image="cd" * 32)
    row = catalogue.observations.get("o-1")
    assert (row.image, row.pick) == (DIGEST, missed)


def test_another_frame_under_the_same_id_is_refused(catalogue, observe):
    catalogue.observations.add(observe())
    with pytest.raises(Conflict, match=r"cam-1 of robot-1.*same id"):
        catalogue.observations.add(observe(camera="cam-2"))
    assert catalogue.observations.get("o-1").camera == "cam-1"


def test_an_outcome_may_come_before_its_observation(catalogue, observe, missed):
    assert catalogue.observations.report("o-1", missed) is True
    with pytest.raises(NotFound, match="o-1"):
        catalogue.observations.get("o-1")
    catalogue.observations.add(observe())
    assert catalogue.observations.get("o-1").pick == missed


def test_an_outcome_reported_twice_counts_once(catalogue, observe, missed):
    catalogue.observations.add(observe())
    assert catalogue.observations.report("o-1", missed) is True
    assert catalogue.observations.report("o-1", missed) is False
    assert catalogue.observations.counts()["missed"] == 1


def test_an_outcome_that_contradicts_the_first_is_refused(catalogue, noon, missed):
    catalogue.observations.report("o-1", missed)
    with pytest.raises(Conflict, match=r"missed.*picked.*first one stands"):
        catalogue.observations.report("o-1", Pick(1, (4.5, 3.0), Outcome.PICKED, noon))


def test_an_outcome_of_an_instance_that_is_not_there_is_refused(catalogue, observe, noon):
    catalogue.observations.add(observe())
    with pytest.raises(InvalidInput, match="one of its 2 instances"):
        catalogue.observations.report("o-1", Pick(2, None, Outcome.MISSED, noon))


def test_a_waiting_outcome_that_cannot_be_is_kept_among_the_rejects(catalogue, observe, noon):
    catalogue.observations.report("o-1", Pick(5, None, Outcome.DROPPED, noon))
    catalogue.observations.add(observe())
    assert catalogue.observations.get("o-1").pick is None
    (reject,) = catalogue.rejects.list()
    assert reject.thing == "pick of observation o-1"
    assert reject.reason == "outcome dropped names instance 5 of 2"


def test_an_infeasible_pick_has_no_instance_and_no_point(catalogue, observe, noon):
    nothing = Pick(None, None, Outcome.INFEASIBLE, noon)
    catalogue.observations.add(observe(pick=nothing))
    assert catalogue.observations.get("o-1").pick == nothing


def test_observations_are_listed_by_time_and_by_what_is_asked(catalogue, observe, noon, missed):
    with catalogue.transaction() as tx:
        for minute in (3, 1, 2, 0):
            camera = "cam-2" if minute == 2 else "cam-1"
            tx.observations.add(observe(f"o-{minute}", minute, camera, f"robot-{camera[-1]}"))
        tx.observations.report("o-3", missed)

    def ids(**asked):
        return [row.id for row in catalogue.observations.list(**asked)]

    assert ids() == ["o-0", "o-1", "o-2", "o-3"]
    assert ids(newest_first=True, limit=2) == ["o-3", "o-2"]
    assert ids(camera="cam-2") == ids(robot="robot-2") == ["o-2"]
    assert ids(outcome=Outcome.MISSED) == ["o-3"]
    since, until = noon + timedelta(minutes=1), noon + timedelta(minutes=3)
    assert ids(since=since, until=until) == ["o-1", "o-2"]


def test_times_of_any_zone_mean_the_same_moment(catalogue, observe, noon):
    catalogue.observations.add(observe())
    tokyo = noon.astimezone(timezone(timedelta(hours=9)))
    assert len(catalogue.observations.list(since=tokyo, until=tokyo + timedelta(seconds=1))) == 1


def test_a_time_without_a_zone_is_refused(catalogue):
    with pytest.raises(InvalidInput, match="a time with a time zone"):
        catalogue.observations.list(since=datetime(2026, 5, 4, 12))


def test_a_picture_can_be_named_later(catalogue, observe):
    catalogue.observations.add(observe())
    catalogue.observations.set_image("o-1", DIGEST)
    assert catalogue.observations.get("o-1").image == DIGEST
    assert catalogue.observations.counts()["pictures"] == 1
    with pytest.raises(NotFound, match="o-2"):
        catalogue.observations.set_image("o-2", DIGEST)
    with pytest.raises(InvalidInput, match="hexadecimal"):
        catalogue.observations.set_image("o-1", "../picture.png")


@pytest.mark.parametrize("id", ["", "x" * 201, "line\nbreak", "nul\0"])
def test_an_id_that_nobody_could_write_down_is_refused(catalogue, observe, id):
    with pytest.raises(InvalidInput, match="printable"):
        catalogue.observations.add(observe(id))
    assert catalogue.observations.counts()["observations"] == 0


def test_frames_under_a_ticket_are_quarantined_from_its_beginning_to_its_end(
    catalogue, observe, noon
):
    for minute in range(6):
        catalogue.observations.add(observe(f"o-{minute}", minute))
    catalogue.observations.add(observe("elsewhere", 3, "cam-2", "robot-2"))
    began, opened, closed = (noon + timedelta(minutes=m) for m in (2, 3, 4))
    ticket = Ticket("t-1", "cam-1", "robot-1", "defocus", began, opened)
    ids = [row.id for row in catalogue.observations.list()]
    catalogue.tickets.put(ticket)
    assert catalogue.observations.quarantined(ids) == {"o-2", "o-3", "o-4", "o-5"}
    catalogue.tickets.put(Ticket("t-1", "cam-1", "robot-1", "defocus", began, opened, closed))
    expected = {"o-2", "o-3", "o-4"}
    assert catalogue.observations.quarantined([*ids, "never-seen"]) == expected
    for row in catalogue.observations.list():
        assert bool(catalogue.tickets.covering(row.camera, row.at)) == (row.id in expected)


def test_any_number_of_ids_can_be_asked_about(catalogue, observe, noon):
    catalogue.observations.add(observe())
    catalogue.tickets.put(Ticket("t-1", "cam-1", "robot-1", "lamp", noon, noon))
    many = [f"x-{i}" for i in range(40_000)]
    assert catalogue.observations.quarantined([*many, "o-1"]) == {"o-1"}


def test_a_camera_belongs_to_one_robot(catalogue):
    catalogue.cells.put(Cell("robot-1", "cam-1", "line-1", "site"))
    catalogue.cells.put(Cell("robot-1", "cam-1", "line-2", "site", station=True))
    assert catalogue.cells.list() == [Cell("robot-1", "cam-1", "line-2", "site", station=True)]
    with pytest.raises(Conflict, match="camera"):
        catalogue.cells.put(Cell("robot-2", "cam-1", "line-1", "site"))


def test_many_observations_at_once_are_kept_as_one_by_one(catalogue, observe, noon):
    observations = catalogue.observations
    observations.add(observe("o-0"))
    observations.report("o-1", Pick(5, None, Outcome.MISSED, noon))
    observations.report("o-2", Pick(1, None, Outcome.PICKED, noon))
    made = [observations.prepared(observe(f"o-{n}", n), "ab" * 32, None) for n in range(4)]
    with catalogue.transaction() as tx:
        assert tx.observations.add_new(made) == 3
        assert tx.observations.add_new(made) == 0
    assert observations.get("o-0").image is None, "what was there is left as it was"
    assert observations.get("o-1").pick is None, "it has no such instance"
    assert len(catalogue.rejects.list()) == 1
    assert observations.get("o-2").pick.outcome is Outcome.PICKED
    known = observations.known(["o-3", "o-9"])
    assert {id: (found.camera, found.image) for id, found in known.items()} == {
        "o-3": ("cam-1", "ab" * 32)
    }
    assert observations.forget_bytes(["o-0", "o-3", "o-9"]) == 1
    assert observations.get("o-3").image is None
