import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import numpy as np
import pytest
from report_sample import BEGIN, KINDS, at, demo_story, pile, replay_story, seen

from januscl.core import Instances, SliceScore, StorageFull
from januscl.line.report import (
    ApTable,
    Mark,
    Series,
    Span,
    Story,
    Timeline,
    write_report,
)
from januscl.line.report.page import heat_of, render
from januscl.line.report.pictures import colour_of, data_uri, fit, overlay, tally
from januscl.line.report.svg import interval_bar, standing
from januscl.line.report.timeline import draw_timeline, kind_class, pack, spread
from januscl.line.report.words import duration, opening, sentence, signed

HOSTILE = "<script>alert('x')</script>\"'&{{ 7*7 }}"


class Page(HTMLParser):
    """The parts of a page that its promises speak of."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.levels, self.images, self.handlers = set(), set(), [], [], []
        self.loads, self.styles, self.text = [], 0, ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.tags.add(tag)
        self.ids |= {named["id"]} if "id" in named else set()
        self.levels += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        self.images += [named] if tag == "img" else []
        self.handlers += [name for name in named if name.startswith("on")]
        self.styles += "style" in named
        self.loads += [v for n, v in attributes if n in ("src", "href", "xlink:href", "action")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def demo():
    return Page(render(demo_story()))


def test_a_report_is_one_file_that_loads_nothing_and_runs_nothing(demo):
    assert all(value.startswith(("data:image/jpeg;base64,", "#")) for value in demo.loads)
    assert not demo.tags & {"script", "link", "iframe", "object", "form"}
    assert not demo.handlers
    assert demo.styles == 0, "the policy allows the style sheet alone, no style attribute"
    assert "url(" not in render(demo_story())


def test_the_policy_names_the_style_sheet_that_the_page_carries(tmp_path):
    from base64 import b64encode
    from hashlib import sha256

    write_report(demo_story(), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_bytes()
    style = re.search(rb"<style>(.*?)</style>", page, re.DOTALL)
    policy = re.search(rb'Content-Security-Policy" content="([^"]*)"', page)
    digest = b64encode(sha256(style[1]).digest()).decode()
    assert f"sha256-{digest}" in policy[1].decode().replace("&#43;", "+")
    assert policy[1].startswith(b"default-src &#39;none&#39;")


def test_a_page_of_thirty_pictures_stays_under_three_megabytes(tmp_path):
    write_report(demo_story(), tmp_path / "deep" / "report.html")
    assert (tmp_path / "deep" / "report.html").stat().st_size < 3_000_000


def test_every_picture_has_words_and_every_heading_its_level(demo):
    assert len(demo.images) == 34
    assert all(image["alt"] for image in demo.images)
    steps = np.diff([0, *demo.levels])
    assert demo.levels.count(1) == 1
    assert steps.max() == 1, "no level is left out"


def test_every_step_of_the_loop_leads_to_a_part_of_the_page(demo):
    targets = {value[1:] for value in demo.loads if value.startswith("#")}
    assert targets == {"timeline", "faults", "novelties", "pictures", "gate", "releases"}
    assert targets <= demo.ids


def test_hostile_names_are_shown_as_text_wherever_they_stand():
    story = demo_story()
    day = replace(
        story.timeline,
        title=HOSTILE,
        value_name=HOSTILE,
        series=(Series(HOSTILE, story.timeline.series[0].values),),
        marks=(Mark(at(1), HOSTILE, HOSTILE),),
        spans=(Span(at(1), at(2), HOSTILE, HOSTILE, HOSTILE),),
    )
    ticket = replace(
        story.tickets[0].ticket, camera=HOSTILE, robot=HOSTILE, cause=HOSTILE, evidence=HOSTILE
    )
    verdict = story.verdicts[0].verdict
    scores = tuple(replace(score, slice=HOSTILE) for score in verdict.slices)
    release = replace(
        story.releases[1].release, model=HOSTILE, champion=HOSTILE, beta_lines=(HOSTILE,)
    )
    hostile = replace(
        story,
        title=HOSTILE,
        subtitle=HOSTILE,
        facts=tuple(replace(f, label=HOSTILE, value=HOSTILE, note=HOSTILE) for f in story.facts),
        account=(HOSTILE,),
        taxonomy=KINDS.with_kind(HOSTILE),
        timeline=day,
        tickets=(replace(story.tickets[0], ticket=ticket),),
        novelties=tuple(
            replace(n, name=HOSTILE, state=HOSTILE, cost=HOSTILE) for n in story.novelties
        ),
        comparisons=tuple(replace(c, title=HOSTILE) for c in story.comparisons),
        verdicts=(
            replace(
                story.verdicts[0],
                title=HOSTILE,
                challenger=HOSTILE,
                verdict=replace(verdict, reasons=(HOSTILE,), slices=scores),
            ),
        ),
        releases=(replace(story.releases[1], title=HOSTILE, release=release),),
        retention=replace(story.retention, champions=(HOSTILE,) * 3, slices=(HOSTILE,) * 4),
        ap=ApTable((HOSTILE,), (HOSTILE,), ((0.5,),)),
        settings={HOSTILE: HOSTILE},
    )
    page = Page(render(hostile))
    assert not page.tags & {"script"}
    assert not page.handlers
    assert page.text.count("<script>alert('x')</script>") > 40
    assert "{{ 7*7 }}" in page.text, "a name is no template"


def test_a_replay_without_picks_tickets_and_releases_has_none_of_their_sections():
    page = Page(render(replay_story()))
    assert page.ids == {"novelties", "pictures", "gate", "ap", "account"}


def test_an_empty_story_says_that_nothing_happened():
    page = Page(render(Story("Quiet", "", (), (), KINDS)))
    assert page.ids == set()
    assert "Janus found nothing out of the ordinary." in page.text


def test_novelties_stand_in_order_of_what_they_cost(demo):
    assert demo.text.index("118 lost picks") < demo.text.index("41 lost picks")


def test_what_was_kept_is_told_slice_by_slice_and_in_two_figures(demo):
    kept = demo.text[demo.text.index("What was learned, and what was kept") :]
    told = "".join(kept[: kept.index("Every model on every slice")].split())
    for words in (
        "after black polybag 0.655 0.681 0.512 0.443",
        "Change since it was learned −0.003 −0.004 – –",
        "Change since its best −0.006 −0.004 – –",
        "Forgetting 0.005 AP that an old slice lost",
        "Backward transfer −0.004 AP that an old slice gained",
    ):
        assert words.replace(" ", "") in told


def test_the_figure_of_the_champion_that_learned_a_slice_is_framed_and_no_other():
    page = render(demo_story())
    cells = re.findall(r'<td class="h\d begun">([\d.]+)</td>', page)
    assert cells == ["0.652", "0.681", "0.662"]


def test_a_fall_too_small_to_show_has_no_minus():
    assert [signed(v) for v in (-0.0004, 0.0004, -0.0006)] == ["+0.000", "+0.000", "−0.001"]


def test_a_rollback_says_that_the_champion_runs_again_and_what_was_never_reached(demo):
    releases = demo.text[demo.text.index("Holiday box, first try") :]
    releases = releases[: releases.index("Holiday box, second try")]
    assert "Rolled back" in releases
    assert "The champion runs again everywhere." in releases
    assert re.search(r"Fleet\s*Never reached", releases)


def test_the_sentence_counts_what_was_done_and_no_model_twice():
    assert sentence(demo_story()) == (
        "Janus handed 2 faults to technicians, found 2 novelties, closed 1 of them, judged "
        "2 new models, brought 1 to the whole fleet and held back 2 that failed the test."
    )


def test_a_full_disk_leaves_the_report_before_it_untouched(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("yesterday")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StorageFull, match="Free some space"):
        write_report(replay_story(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "yesterday"


def test_names_that_are_no_text_are_still_written(tmp_path):
    write_report(Story("lone \ud800 surrogate", "", (), (), KINDS), tmp_path / "r.html")
    assert "lone ? surrogate" in (tmp_path / "r.html").read_text("utf-8")


def test_an_overlay_tints_and_outlines_what_was_seen_and_leaves_the_rest_alone():
    image, truth = pile(1, (1, 7))
    drawn = overlay(image, truth, 384)
    plain = fit(image, 384)
    changed = (drawn != plain).any(axis=2)
    inside = np.zeros((384, 384), bool)
    for x0, y0, x1, y1 in (truth.boxes * 2).astype(int):
        inside[max(0, y0 - 6) : y1 + 6, max(0, x0 - 6) : x1 + 6] = True
    assert changed.any()
    assert not (changed & ~inside).any()
    assert (drawn == colour_of(7)).all(axis=2).sum() > 100, "an outline in the kind's colour"


def test_a_picture_with_nothing_seen_is_shown_as_it_is():
    image, _ = pile(1, (1,))
    assert np.array_equal(overlay(image, Instances.empty(), 400), fit(image, 400))


def test_what_scores_too_low_to_be_picked_is_not_drawn():
    image, truth = pile(1, (1,))
    faint = Instances(truth.masks, truth.boxes, np.float32([0.49]), truth.labels)
    assert np.array_equal(overlay(image, faint, 400), fit(image, 400))
    assert tally(faint, truth) == (0, 0)


def test_the_tally_wants_the_right_place_and_the_right_kind_and_counts_a_truth_once():
    _, truth = pile(2, (1, 2, 7))
    assert tally(seen(truth, 0), truth) == (3, 0)
    assert tally(seen(truth, 0, blind_to=(7,)), truth) == (2, 0)
    misnamed = Instances(truth.masks, truth.boxes, truth.scores, np.int64([1, 2, 1]))
    assert tally(misnamed, truth) == (2, 1)
    twice = truth.only(np.asarray([0, 0]))
    assert tally(twice, truth) == (1, 1)
    assert tally(Instances.empty(), truth) == (0, 0)
    assert tally(truth, Instances.empty()) == (0, 3)


def test_what_the_model_did_not_find_is_outlined_in_white():
    image, truth = pile(2, (1, 2, 7))
    half_seen = truth.only(np.asarray([0, 1]))
    told = overlay(image, half_seen, 384, truth)
    untold = overlay(image, half_seen, 384)
    changed = (told != untold).any(axis=2)
    x0, y0, x1, y1 = (truth.boxes[2] * 2).astype(int)
    assert (told[changed] == 255).all(axis=1).sum() > 50
    changed[max(0, y0 - 6) : y1 + 6, max(0, x0 - 6) : x1 + 6] = False
    assert not changed.any()
    assert np.array_equal(overlay(image, truth, 384, truth), overlay(image, truth, 384))


@pytest.mark.parametrize("shape", [(7, 3), (192, 192), (1200, 1600), (1, 900)])
def test_any_size_of_picture_fits_and_becomes_a_uri(shape):
    image = np.zeros((*shape, 3), np.uint8)
    assert max(fit(image, 300).shape) == 300
    assert data_uri(image, 300).startswith("data:image/jpeg;base64,")


def boxes_of_words(svg):
    for word in ET.fromstring(svg).iter("text"):
        if word.get("class") == "word":
            x, y = float(word.get("x")), float(word.get("y"))
            yield x, x + 5.5 * len(word.text), y


@pytest.mark.parametrize("width", [360, 1160])
def test_words_and_pins_of_a_crowded_timeline_never_overlap(width):
    story = demo_story().timeline
    crowd = tuple(
        Span(at(0.3 * i), at(0.3 * i + 0.2), "fault", f"lane {i % 2}", f"fault number {i}")
        for i in range(24)
    )
    svg = draw_timeline(replace(story, spans=(*story.spans, *crowd)), width)
    words = list(boxes_of_words(svg))
    assert len(words) == 35
    for i, (a, b, y) in enumerate(words):
        assert a >= 0
        assert b <= width
        assert not any(y == v and a < d and c < b for c, d, v in words[i + 1 :])
    pins = [
        (float(c.get("cx")), float(c.get("cy")))
        for c in ET.fromstring(svg).iter("circle")
        if c.get("r") == "8.5"
    ]
    assert len(pins) == len(story.marks)
    gaps = [np.hypot(a - c, b - d) for i, (a, b) in enumerate(pins) for c, d in pins[i + 1 :]]
    assert min(gaps) > 17


def test_a_missing_value_breaks_the_line_and_a_lone_one_is_a_dot():
    times = tuple(BEGIN + timedelta(minutes=i) for i in range(6))
    series = Series("line-1", (0.9, 0.8, None, 0.7, float("nan"), 1.0))
    svg = ET.fromstring(draw_timeline(Timeline("t", "v", times, (series,)), 900))
    assert len(list(svg.iter("polyline"))) == 1
    assert len([c for c in svg.iter("circle") if "dot" in c.get("class", "")]) == 2


def test_a_timeline_of_one_moment_is_drawn():
    svg = draw_timeline(Timeline("t", "v", (BEGIN,), (Series("s", (0.5,)),)), 360)
    assert ET.fromstring(svg).tag == "svg"


def test_a_series_of_another_length_than_the_times_is_refused():
    with pytest.raises(ValueError, match="zip"):
        draw_timeline(Timeline("t", "v", (BEGIN,), (Series("s", (0.5, 0.6)),)), 360)


def test_extents_that_touch_take_rows_of_their_own():
    assert pack([(0, 10), (5, 8), (12, 20), (19, 22)], gap=2) == [0, 1, 0, 1]


def test_pins_keep_their_order_their_distance_and_their_bounds():
    placed = spread([5, 6, 7, 99, 99], 10, 0, 100)
    assert np.diff(placed).min() >= 10
    assert placed[0] >= 0
    assert placed[-1] <= 100
    assert np.diff(spread([50] * 30, 10, 0, 100)).min() > 3


def test_an_unknown_kind_of_mark_takes_a_known_style():
    assert kind_class('x" onload="alert(1)') == "k-world"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.3, -0.2, "worse"), (-0.3, 0.1, "unsure"), (-0.005, 0.1, "kept"), (0.01, 0.1, "better")],
)
def test_a_difference_is_judged_against_the_margin(low, high, said):
    score = SliceScore("s", 10, 0.5, 0.5, (low + high) / 2, low, high, 0.01)
    assert standing(score) == said
    assert f"interval {said}" in interval_bar(score, 0.3)


def test_a_table_of_equal_values_is_drawn_in_one_deep_shade():
    table = ApTable(("a", "b"), ("x", "y"), ((0.5, None), (0.5, 0.9)))
    assert heat_of(table.values, 0.9) == 8
    assert heat_of(table.values, 0.5) == 0
    assert heat_of(((0.5, 0.51),), 0.5) == 8


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (125, "2 min"), (3900, "1 h 05 min"), (200000, "2 days 7 h")],
)
def test_a_length_of_time_is_told_in_its_largest_units(seconds, words):
    assert duration(timedelta(seconds=seconds)) == words


def test_a_line_begins_with_a_capital_but_an_id_stays_as_it_is():
    assert opening("base: AP fell") == "Base: AP fell"
    assert opening("m-4c1d2a77 reaches the fleet") == "m-4c1d2a77 reaches the fleet"
    assert opening("") == ""


def test_marks_of_several_days_carry_their_date():
    story = demo_story()
    days = tuple(BEGIN + timedelta(days=i) for i in range(3))
    day = Timeline("t", "v", days, (Series("s", (0.9, 0.8, 0.9)),), (Mark(at(25), "world", "x"),))
    assert "15 Mar 07:00" in Page(render(replace(story, timeline=day))).text
    assert "15 Mar" in draw_timeline(day, 900)
