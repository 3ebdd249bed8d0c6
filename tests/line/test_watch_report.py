import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from watch_scenes_site import FAULT, START, Site, at

from januscl.core import Cell, NotFound
from januscl.line.watch_report import facts_of, watch_story, write_watch_report
from januscl.line.watch_report.page import render
from januscl.line.watch_report.places import MOST_NOVELTIES
from januscl.line.watch_report.plot import SHAPES
from januscl.line.watch_report.words import measured, named
from januscl.store import CauseReading, HealthMinute
from januscl.watch import CAUSES

HOSTILE = "<script>alert('x')</script>\"'&{{ 7*7 }}"


class Page(HTMLParser):
    """The parts of a page that its promises speak of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.levels, self.images = set(), set(), [], []
        self.loads, self.handlers, self.styles, self.labels, self.text = [], [], 0, [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.add(tag)
        self.ids |= {given["id"]} if "id" in given else set()
        self.levels += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.images += [given] if tag == "img" else []
        self.handlers += [name for name in given if name.startswith("on")]
        self.styles += "style" in given
        self.labels += [given.get("aria-label")] if given.get("role") == "img" else []
        self.loads += [v for n, v in attributes if n in ("src", "href", "xlink:href", "action")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("watch") / "site")
    site.reads()
    site.sees()
    site.finds()
    site.tickets()
    story = watch_story(site.workspace)
    yield site, story, Page(render(story))
    site.close()


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "site")
    yield site
    site.close()


def test_a_page_of_a_workspace_is_one_file_that_loads_nothing_and_runs_nothing(full, tmp_path):
    _, story, page = full
    write_watch_report(story, tmp_path / "deep" / "watch.html")
    written = (tmp_path / "deep" / "watch.html").read_text()
    assert all(value.startswith(("data:image/jpeg;base64,", "#")) for value in page.loads)
    assert not page.tags & {"script", "link", "iframe", "object", "form"}
    assert (page.handlers, page.styles) == ([], 0)
    assert "url(" not in written
    assert "default-src &#39;none&#39;" in written
    assert len(written) < 1_000_000


def test_the_page_names_cameras_novelties_and_tickets_and_describes_every_drawing(full):
    _, _, page = full
    for words in ("What watching found at oslo", "camera-a", "camera-b", "bag", "Defocus"):
        assert words in page.text
    assert "camera-s" not in page.text, "nothing is watched at the station"
    assert all(image["alt"] for image in page.images)
    assert all(page.labels)
    assert np.diff([0, *page.levels]).max() == 1
    assert {value[1:] for value in page.loads if value.startswith("#")} <= page.ids


def test_readings_are_told_in_the_cameras_own_units_with_when_they_were_worst(full):
    _, story, page = full
    ill, well = story.health.shown
    assert (ill.name, well.name) == ("camera-a", "camera-b"), "the one in trouble comes first"
    (blur,) = [track for track in ill.tracks if track.cause == "defocus"]
    assert (blur.worst, blur.worst_at, blur.alarms) == (2.5, at(FAULT[0]), len(FAULT))
    assert [c is not None and c.alarms > 0 for c in blur.columns[15:32]] == [
        k in FAULT for k in range(15, 32)
    ]
    assert "2.5 px" in page.text
    assert (ill.frames, ill.faulty, well.faulty) == (60, len(FAULT), 0)
    assert ill.strain[FAULT[0]] == 1.0
    assert max(v for v in well.strain if v is not None) < 1.0


def test_a_ticket_shows_its_pictures_its_cause_and_its_evidence(full):
    _, story, page = full
    (card,) = story.tickets
    assert card.before is not None
    assert card.after is not None
    for words in ("blurred by 2.5 px, edges 40% softer", "At its worst", "2 Mar 06:20"):
        assert words in page.text
    assert any("with the fault" in image["alt"] for image in page.images)


def test_a_novelty_lies_apart_from_the_known_kinds_on_its_map(full):
    _, story, _ = full
    (drawn,) = story.maps
    (patch,) = drawn.patches
    assert (drawn.model, patch.name, len(patch.points)) == ("factory model", "bag", 12)
    assert {kind.name for kind in drawn.kinds} == {"box", "disc"}
    assert len(drawn.known) >= 100, "ordinary instances are drawn, the novelty's are not"
    middle = np.median(patch.points, axis=0)
    for kind in drawn.kinds:
        assert np.linalg.norm(middle - kind.at) > 4 * patch.points.std(axis=0).max()
    assert 1 <= len(patch.crops) <= 6


def test_the_same_workspace_gives_the_same_page(full):
    site, story, _ = full
    assert render(watch_story(site.workspace)) == render(story)


def test_facts_are_whole_for_a_program(full):
    _, story, _ = full
    facts = facts_of(story)
    assert (facts["begin"], facts["column_seconds"]) == (START, 60.0)
    (blur,) = [r for r in facts["cameras"][0]["readings"] if r["cause"] == "defocus"]
    assert (blur["unit"], blur["worst"]) == ("px", 2.5)
    assert facts["tickets"][0]["unit"] == "px"
    assert len(facts["maps"][0]["novelties"][0]["points"]) == 12
    assert facts["cameras"][1]["standing"] == "well"


def test_a_camera_with_many_alarms_is_not_called_well_for_want_of_a_ticket(site):
    site.reads()
    site.sees(1)
    ill, well = facts_of(watch_story(site.workspace))["cameras"]
    assert (ill["standing"], well["standing"]) == ("alarms, no ticket", "well")


def test_names_from_outside_are_text_and_never_markup(site):
    site.catalogue.cells.put(Cell("robot-c", HOSTILE, HOSTILE, HOSTILE))
    site.reads(5)
    site.sees(20)
    site.finds(HOSTILE)
    site.tickets(camera=HOSTILE, evidence=HOSTILE, cause=HOSTILE)
    written = render(watch_story(site.workspace))
    page = Page(written)
    assert "script" not in page.tags
    assert HOSTILE in page.text
    assert "<script>alert" not in written
    assert "49" not in re.findall(r"alert\(.*?\{\{.*?\}\}", written)


def test_an_empty_workspace_says_so(site):
    page = Page(render(watch_story(site.workspace)))
    assert "Nothing was seen yet" in page.text
    assert "No camera has sent a frame yet" in page.text
    assert "No novelty has been found" in page.text
    assert "No tickets in this time" in page.text
    assert facts_of(watch_story(site.workspace))["cameras"] == []


def test_a_camera_without_readings_shows_its_tickets_all_the_same(site):
    site.sees(20)
    site.tickets()
    story = watch_story(site.workspace)
    page = Page(render(story))
    assert story.health.shown[0].tracks == ()
    assert "No readings of this camera were kept" in page.text
    assert "it is watched once it was learned" in page.text
    assert len(story.tickets) == 1


def test_novelties_of_which_no_embedding_is_left_are_told_but_not_drawn(site):
    site.sees(20)
    novelty = site.finds()
    ids = [id for id, _ in site.catalogue.novelties.members(novelty)]
    site.catalogue.observations.forget_bytes(ids)
    story = watch_story(site.workspace)
    assert story.maps == ()
    assert any("no embeddings were kept" in sentence for sentence in story.unmapped)
    assert "no embeddings were kept" in Page(render(story)).text


def test_a_novelty_whose_pictures_are_gone_is_drawn_without_them(site):
    site.sees(20)
    site.finds(picture=False)
    (drawn,) = watch_story(site.workspace).maps
    assert drawn.patches[0].crops == ()
    assert "None of its pictures is kept" in render(watch_story(site.workspace))


def test_what_two_models_saw_is_drawn_on_two_maps(site):
    site.catalogue.models.put(replace(site.model, id="m-2", card={"name": "second"}))
    site.sees(20)
    site.finds("bag")
    site.sees(20, "m-2", first=200)
    site.finds("tyre", model="m-2", first=300)
    maps = watch_story(site.workspace).maps
    assert [[patch.name for patch in drawn.patches] for drawn in maps] == [["bag"], ["tyre"]]
    numbers = [patch.number for drawn in maps for patch in drawn.patches]
    assert len(set(numbers)) == 2, "each novelty has a colour and shape of its own"


def test_there_is_a_shape_for_every_novelty_that_is_drawn():
    assert len(set(SHAPES)) == len(SHAPES) >= MOST_NOVELTIES


def test_of_hundreds_of_cameras_those_in_trouble_are_drawn_and_the_rest_counted(site):
    for k in range(300):
        name = f"extra-{k:03d}"
        site.catalogue.cells.put(Cell(f"robot-{name}", name, "line-9", "oslo"))
        row = HealthMinute(name, START, 3, int(k == 250), {"defocus": CauseReading(3, 0, 1, 1, 1)})
        site.catalogue.camera_health.add([row])
    site.tickets(camera="extra-123", closed=None)
    story = watch_story(site.workspace, most=5)
    assert [camera.name for camera in story.health.shown][:2] == ["extra-123", "extra-250"]
    assert (len(story.health.shown), len(story.health.others)) == (5, 297)
    page = Page(render(story))
    assert "297 more cameras" in page.text
    assert "And 97 more" in page.text
    assert "Of 302 cameras, 1 is under an open ticket." in page.text


def test_only_the_cameras_that_are_asked_for_are_told_of(site):
    site.reads(10)
    site.sees(5)
    story = watch_story(site.workspace, cameras=["camera-b"])
    assert [camera.name for camera in story.health.shown] == ["camera-b"]
    with pytest.raises(NotFound, match=r"no camera 'camera-x' at work here.*camera-a"):
        watch_story(site.workspace, cameras=["camera-x"])


def test_only_the_last_days_are_told_of(site):
    site.reads(60)
    site.sees(1, first=60)
    site.tickets()
    story = watch_story(site.workspace, days=20 / 1440)
    assert story.tickets == ()
    assert story.health.begin >= at(40)
    assert story.health.shown[0].frames <= 21


def test_changes_of_the_world_are_told_with_where_and_since_when(site):
    site.reads(60)
    for minute, action, subject, detail in (
        (1, "change.told", "camera-a", {"scope": "camera", "signals": ["doubt long ago"]}),
        (50, "change.told", HOSTILE, {"scope": "line", "signals": ["novelty", "camera"]}),
        (50, "calibration.warming", "camera-b", {}),
    ):
        detail |= {"began": at(minute - 1).isoformat()}
        site.catalogue.audit.record("watch", action, subject, detail, at(minute))
    story = watch_story(site.workspace, days=20 / 1440)
    page = Page(render(story))
    assert f"line {HOSTILE}" in page.text
    assert "novelty, camera" in page.text
    assert "2 Mar 06:49" in page.text
    assert "doubt long ago" not in page.text, "it was told before the page's time"
    assert "Not told of camera-b yet" in page.text
    assert "script" not in page.tags
    (told,) = facts_of(story)["changes"]
    assert (told["scope"], told["name"], told["began"]) == ("line", HOSTILE, at(49))
    assert facts_of(story)["warming_up"] == ["camera-b"]


def test_changes_and_warming_of_other_cameras_are_not_told_of_the_one_asked_for(site):
    site.reads(60)
    for subject, scope in (
        ("camera-a", "camera"), ("line-1", "line"), ("camera-b", "camera"), ("line-2", "line"),
        ("oslo", "site"), ("fleet", "fleet"),
    ):  # fmt: skip
        detail = {"scope": scope, "signals": ["doubt"], "began": at(40).isoformat()}
        site.catalogue.audit.record("watch", "change.told", subject, detail, at(50))
    for camera in ("camera-a", "camera-b"):
        site.catalogue.audit.record("watch", "calibration.warming", camera, {}, at(1))
    story = watch_story(site.workspace, cameras=["camera-b"])
    told = {(change.scope, change.name) for change in story.changes}
    assert told == {("camera", "camera-b"), ("line", "line-2"), ("site", "oslo"), ("fleet", "")}
    assert story.warming == ("camera-b",)
    assert facts_of(story)["more_changes"] == 2
    assert "Not shown: 2 more changes of the same time" in Page(render(story)).text
    whole = watch_story(site.workspace)
    assert (len(whole.changes), whole.more_changes, len(whole.warming)) == (6, 0, 2)
    assert "Not shown" not in Page(render(whole)).text


def test_a_month_of_minutes_is_gathered_into_columns(site):
    rows = [
        HealthMinute("camera-a", at(30 * k), 1, 0, {"defocus": CauseReading(1, 0, k, k, k)})
        for k in range(1400)
    ]
    with site.catalogue.transaction() as tx:
        tx.camera_health.add(rows)
    site.sees(1)
    health = watch_story(site.workspace, days=40).health
    assert health.columns <= 242
    (track,) = next(c for c in health.shown if c.name == "camera-a").tracks
    assert track.worst == 1399
    assert all(column is not None for column in track.columns[:-1])


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_a_name_and_a_unit(cause):
    name = named(cause)
    assert name.unit
    assert name.name != cause


def test_figures_have_as_many_decimals_as_they_are_worth():
    assert [measured(*given) for given in ((53.6, "%"), (1.44, "px"), (0.0, "°"), (2, ""))] == [
        "54%", "1.4 px", "0°", "2",
    ]  # fmt: skip
