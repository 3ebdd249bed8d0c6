"""The novel image detector: raw images are sampled by a job, and no clean-up touches them."""

from datetime import UTC, datetime, timedelta

import pytest
from durable_site import Site
from line_scenes import CELLS, known

from januscl.core import JobFailed, Ticket
from januscl.line.checking_in import Desk, signing_key
from januscl.line.durable.floor import Floor
from januscl.line.durable.images import PRESERVED
from januscl.line.wanting import RULE
from januscl.store import tend

CAMPAIGN = "januscl.line.durable.images:preserve_for_campaign"
TICKET = "januscl.line.durable.images:preserve_for_ticket"
SOON = timedelta(hours=1)


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(Floor, "_examples", lambda self, model: known(model))
    made = Site(tmp_path)
    yield made
    made.workspace.close()
    made.engine.dispose()


def preserves(site, function=CAMPAIGN, key="images", **arguments):
    executor = site.shop.executor
    given = {"workspace": str(site.workspace.folder), "seed": 0, **arguments}
    return executor.wait(executor.submit(function, given, key))


def opened(site):
    """Return the campaign of the one novelty."""
    (novelty,) = site.collects()
    return site.catalogue.campaigns.list(novelty.id)[-1]


def parts(site, ids):
    """Let those observations belong to no novelty."""
    with site.catalogue.database.write() as connection:
        for id in ids:
            connection.exec_driver_sql(f"DELETE FROM novelty_members WHERE observation = '{id}'")


def test_what_a_campaign_preserved_outlives_its_novelty_and_every_clean_up(site):
    sent = [site.sends() for _ in range(20)]
    site.works()
    campaign = opened(site)
    assert preserves(site, campaign=campaign.id) == {"frames": 12, "asked": 0}
    pinned = site.catalogue.pins.list(RULE)
    assert len(pinned) == campaign.quota == 12
    parts(site, sent)
    assert tend(site.workspace, forget_before=datetime.now(UTC) + SOON) == 8
    for id in sent:
        assert (site.catalogue.observations.get(id).image is not None) == (id in pinned)
    assert site.workspace.observation(pinned[0]).frame.image.shape == (64, 64, 3)
    (row,) = site.catalogue.audit.list(action=PRESERVED)
    assert (row.subject, row.detail["frames"], row.detail["rule"]) == (campaign.id, 12, RULE)


def test_a_job_that_was_killed_and_runs_again_stays_within_its_quota(site):
    for _ in range(20):
        site.sends()
    site.works()
    campaign = opened(site)
    first = preserves(site, campaign=campaign.id)
    pinned = site.catalogue.pins.list(RULE)
    for _ in range(20):
        site.sends()
    site.works()
    assert preserves(site, key="again", campaign=campaign.id) == first
    assert site.catalogue.pins.list(RULE) == pinned
    assert len(site.catalogue.audit.list(action=PRESERVED)) == 1


def test_the_log_is_looked_through_for_more_of_the_same_and_nothing_ordinary_is_taken(site):
    ordinary = {site.sends(kinds=(1, 2, 1, 2), outcome=False) for _ in range(10)}
    strange = [site.sends() for _ in range(20)]
    site.works()
    campaign = opened(site)
    parts(site, strange[:8])
    preserves(site, campaign=campaign.id)
    (row,) = site.catalogue.audit.list(action=PRESERVED)
    assert 12 < row.detail["among"] <= 20, "its own, and those that nobody gave to it"
    assert not ordinary & set(site.catalogue.pins.list(RULE))


def test_what_is_still_with_robots_is_asked_of_each_of_them(site, tmp_path):
    sent = [site.sends(pixels=False) for _ in range(20)]
    old = [site.sends(pixels=False, at=datetime.now(UTC) - timedelta(days=3)) for _ in range(4)]
    site.works()
    campaign = opened(site)
    assert preserves(site, campaign=campaign.id) == {"frames": 12, "asked": 12}
    pinned = set(site.catalogue.pins.list(RULE))
    assert not pinned & set(old), "no robot has those any more"
    parts(site, sent)
    desk = Desk(site.workspace, signing_key(tmp_path / "key"))
    value = {"running": None, "counters": {}, "error": None}
    for cell in CELLS[:2]:
        wanted = set(desk.check_in(cell.robot, value)["wanted"])
        rows = site.catalogue.observations.list(robot=cell.robot)
        assert pinned & {row.id for row in rows} <= wanted


def test_frames_under_a_ticket_are_no_images_of_a_novelty(site):
    for _ in range(20):
        site.sends()
    site.works()
    began = datetime.now(UTC) - SOON
    for cell in CELLS[:2]:
        site.catalogue.tickets.put(
            Ticket(f"t-{cell.camera}", cell.camera, cell.robot, "lamp", began, began)
        )
    assert preserves(site, campaign=opened(site).id) == {"frames": 0, "asked": 0}


def test_of_a_fault_images_from_before_it_and_since_are_kept_and_stay_quarantined(site):
    now, camera = datetime.now(UTC), CELLS[1].camera
    sent = [site.sends(at=now - timedelta(minutes=40 - n)) for n in range(40)]
    site.works()
    began = now - timedelta(minutes=10)
    site.catalogue.tickets.put(Ticket("t-1", camera, CELLS[1].robot, "lamp", began, now))
    told = preserves(site, TICKET, ticket="t-1", quota=8)
    assert told == {"frames": 8, "asked": 0}
    rows = [site.catalogue.observations.get(id) for id in site.catalogue.pins.list(RULE)]
    assert {row.camera for row in rows} == {camera}
    assert sum(row.at >= began for row in rows) == 4
    since = {row.id for row in rows if row.at >= began}
    assert site.catalogue.observations.quarantined(sent) >= since


def test_of_a_model_without_embeddings_images_are_kept_evenly_in_time(site, monkeypatch):
    now, camera = datetime.now(UTC), CELLS[1].camera
    for n in range(40):
        site.sends(at=now - timedelta(minutes=40 - n))
    site.works()
    with site.catalogue.database.write() as connection:
        connection.exec_driver_sql("UPDATE observations SET embeddings = NULL")
    began = now - timedelta(minutes=20)
    site.catalogue.tickets.put(Ticket("t-1", camera, CELLS[1].robot, "lamp", began, now))
    preserves(site, TICKET, ticket="t-1", quota=4)
    rows = [site.catalogue.observations.get(id) for id in site.catalogue.pins.list(RULE)]
    minutes = sorted(round((row.at - now).total_seconds() / 60) for row in rows)
    assert minutes[1] - minutes[0] >= 15
    assert minutes[3] - minutes[2] >= 15


def test_embeddings_that_are_lost_or_of_another_model_keep_no_other_frame_from_being_chosen(site):
    sent = [site.sends() for _ in range(20)]
    site.works()
    lost = site.catalogue.observations.get(sent[0])
    site.workspace.log.forget([f"{lost.id} {lost.embeddings}"])
    with site.catalogue.database.write() as connection:
        for id in sent[1:4]:
            connection.exec_driver_sql(f"UPDATE observations SET model = 'm-x' WHERE id = '{id}'")
    assert preserves(site, campaign=opened(site).id) == {"frames": 12, "asked": 0}
    assert not set(sent[:4]) & set(site.catalogue.pins.list(RULE))


def test_a_campaign_that_there_is_not_is_told(site):
    with pytest.raises(JobFailed, match="campaign nobody"):
        preserves(site, campaign="nobody")
