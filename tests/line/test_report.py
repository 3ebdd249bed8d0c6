import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import numpy as np
import pytest
from report_sample import BEGIN, KINDS, at, demo_story, pile, replay_story, seen

from januscl.core import Answer, Instances, LabelledFrame, SliceScore, Stage, StorageFull
from januscl.line.report import (
    ApTable,
    Hits,
    Limits,
    Mark,
    Series,
    Span,
    Story,
    Timeline,
    view,
    write_report,
)
from januscl.line.report.page import heat_of, made_on, render
from januscl.line.report.pictures import (
    EXTRA,
    FOUND,
    MISSED,
    NOVEL,
    crop_of,
    data_uri,
    distinct,
    fit,
    overlay,
)
from januscl.line.report.sights import hits
from januscl.line.report.svg import axis_of, interval_bar, standing
from januscl.line.report.timeline import draw_timeline, kind_class, pack
from januscl.line.report.words import (
    FATES,
    GLOSSARY,
    duration,
    kinds_in,
    last_looks,
    opening,
    points,
    sentence,
    signed,
)
from januscl.release import roll_back

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


def test_a_page_of_fifty_pictures_stays_under_three_megabytes(tmp_path):
    write_report(demo_story(), tmp_path / "deep" / "report.html")
    assert (tmp_path / "deep" / "report.html").stat().st_size < 3_000_000


def test_every_picture_has_words_and_every_heading_its_level(demo):
    assert len(demo.images) == 45
    assert all(image["alt"] for image in demo.images)
    steps = np.diff([0, *demo.levels])
    assert demo.levels.count(1) == 1
    assert steps.max() == 1, "no level is left out"


def test_every_step_of_the_loop_leads_to_a_part_of_the_page(demo):
    targets = {value[1:] for value in demo.loads if value.startswith("#")}
    steps = {"timeline", "faults", "novelties", "pictures", "gate", "releases"}
    assert targets == steps | {"kept", "ap", "account", "settings", "words", "top"}
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
    shown = story.comparisons[0]
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
        quiet=(HOSTILE,),
        comparisons=(
            replace(
                shown,
                title=HOSTILE,
                comparisons=(replace(shown.comparisons[0], caption=HOSTILE),),
            ),
        ),
        models=(HOSTILE, HOSTILE),
        verdicts=(
            replace(
                story.verdicts[0],
                title=HOSTILE,
                against=HOSTILE,
                challenger=HOSTILE,
                verdict=replace(verdict, reasons=(HOSTILE,), slices=scores),
            ),
        ),
        releases=(replace(story.releases[1], title=HOSTILE, against=HOSTILE, release=release),),
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
    assert page.ids == {"top", "novelties", "pictures", "gate", "more", "ap", "account", "words"}


def test_an_empty_story_says_that_nothing_happened():
    page = Page(render(Story("Quiet", "", (), (), KINDS)))
    assert page.ids == {"top", "more", "words"}
    assert "Janus found nothing out of the ordinary." in page.text


def test_novelties_stand_in_order_of_what_they_cost(demo):
    assert demo.text.index("118 lost picks") < demo.text.index("41 lost picks")


def test_what_was_kept_is_told_slice_by_slice_and_in_two_figures(demo):
    kept = demo.text[demo.text.index("What was learned, and what was kept") :]
    told = "".join(kept[: kept.index("Every model on every slice")].split())
    for words in (
        "After black polybag 65.5 68.1 51.2 44.3",
        "Change since it was learned −0.3 −0.4 – –",
        "Change since its best −0.6 −0.4 – –",
        "Forgetting 0.5 points of AP that an old slice lost",
        "Backward transfer −0.4 points of AP that an old slice gained",
    ):
        assert words.replace(" ", "") in told


def test_the_figure_of_the_champion_that_learned_a_slice_is_framed_and_no_other():
    page = render(demo_story())
    cells = re.findall(r'<td class="h\d begun">([\d.]+)</td>', page)
    assert cells == ["65.2", "68.1", "66.2"]


def test_ap_and_its_differences_are_told_in_points_everywhere(demo):
    assert [signed(v) for v in (-0.0004, 0.0004, -0.006)] == ["+0.0", "+0.0", "−0.6"]
    assert [points(v) for v in (0.6524, -0.0004, -0.0051)] == ["65.2", "0.0", "−0.5"]
    assert not re.search(r"\b0\.\d{3}\b", demo.text), "no AP of 0..1 is left"


def test_a_rollback_says_that_the_champion_runs_again_and_what_was_never_reached(demo):
    releases = demo.text[demo.text.index("Holiday box model after") :]
    releases = releases[: releases.index("Holiday box 2 model after")]
    assert "Rolled back" in releases
    assert "The champion runs again everywhere." in releases
    assert re.search(r"Fleet\s*Never reached", releases)


def test_a_release_that_stayed_undecided_wears_no_badge_of_harm():
    story = demo_story()
    card = story.releases[1]
    for ending, wanted in (("harm", "✕ Harm"), ("undecided", "? Undecided")):
        told = replace(story, releases=(replace(card, ending=ending),), verdicts=())
        page = render(told)
        assert wanted in page
        assert ('class="panel harm"' in page) is (ending == "harm")
        assert ("No harm was shown" in page) is (ending == "undecided")
        assert "✓ Passed" in page, "the stage before it had passed"


def test_a_release_that_a_person_ended_shows_its_looks_and_the_reason():
    story = demo_story()
    reports = story.releases[0].release.reports[:1]
    ended = roll_back(replace(story.releases[2].release, reports=reports), "spare parts are late")
    card = replace(story.releases[2], release=ended, ending="outside")
    page = Page(render(replace(story, releases=(card,))))
    assert "Rolled back, from outside" in page.text
    assert "spare parts are late" in page.text
    assert [report.stage for report in last_looks(ended)] == [Stage.STATION]


def test_each_stage_says_what_its_picks_are_compared_with_and_shows_its_last_look(demo):
    for words in ("one model after the other", "at the same time", "in the same hours"):
        assert words in demo.text
    card = demo_story().releases[0].release
    look = replace(card.reports[0], answer=Answer.INCONCLUSIVE, challenger_picks=25)
    looks = last_looks(replace(card, reports=(look, *card.reports)))
    assert [(report.stage, report.challenger_picks) for report in looks] == [
        (Stage.STATION, 50), (Stage.BETA, 240), (Stage.FLEET, 480),
    ]  # fmt: skip


def test_the_sentence_counts_every_model_once_and_the_parts_add_up():
    story = demo_story()
    assert sentence(story) == (
        "Janus handed 2 faults to technicians, found 2 novelties and closed 1 of them. Of 2 new "
        "models judged, 1 reached the whole fleet and 1 was refused by the gate."
    )
    one = story.verdicts[0]
    judged = tuple(
        replace(one, challenger=model, verdict=replace(one.verdict, answer=answer))
        for model, answer in (
            ("m-4c1d2a77", Answer.PASS), ("m-77aa01ff", Answer.PASS), ("m-9e00aa12", Answer.PASS),
            ("m-5", Answer.FAIL), ("m-6", Answer.INCONCLUSIVE), ("m-7", Answer.PASS),
            ("m-8", Answer.FAIL), ("m-8", Answer.FAIL),
        )
    )  # fmt: skip
    told = sentence(replace(story, verdicts=judged)).split("judged, ")[1]
    assert sum(map(int, re.findall(r"\d+", told))) == 7
    assert told == (
        "1 reached the whole fleet, 1 passed the gate, 1 is on its way, 1 was rolled back, 2 were "
        "refused by the gate and 1 stayed undecided at the gate and was held back."
    )
    assert len({one for one, _ in FATES.values()}) == len(FATES)


def test_a_novelty_that_came_back_is_not_told_as_closed(demo):
    story = demo_story()
    assert "✓ Closed 11:06" in demo.text
    back = tuple(replace(card, state="collecting") for card in story.novelties)
    page = Page(render(replace(story, novelties=back)))
    assert "↻ Closed 11:06, came back" in page.text
    assert "saw 1 come back after closing" in page.text


def test_the_words_of_the_page_are_explained_where_they_stand_and_in_one_place(demo):
    page = render(demo_story())
    for word in ("AP", "Slice", "Champion", "Challenger", "Station", "Beta", "Novelty", "Fault"):
        assert re.search(rf'<abbr title="[^"]+">(test )?{word}', page, re.IGNORECASE), word
    assert all(word in demo.text for word in GLOSSARY)


def test_the_page_says_with_what_and_where_it_was_made(tmp_path):
    made = made_on()
    assert {"Written", "Janus", "PyTorch", "Python", "Machine"} <= made.keys()
    assert made["Machine"].endswith("cores")
    write_report(demo_story(), tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert f"<dt>Janus</dt><dd>{made['Janus']}</dd>" in page
    assert "<dt>Seed</dt><dd>0</dd>" in page


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


def coloured(drawn, colour):
    return (drawn == np.asarray(colour)).all(axis=2)


def test_what_is_found_is_filled_and_outlined_and_the_rest_left_alone():
    image, truth = pile(1, (1, 7))
    drawn = overlay(image, truth, truth, 384)
    changed = (drawn != fit(image, 384)).any(axis=2)
    inside = np.zeros((384, 384), bool)
    for x0, y0, x1, y1 in (truth.boxes * 2).astype(int):
        inside[max(0, y0 - 6) : y1 + 6, max(0, x0 - 6) : x1 + 6] = True
    assert changed.any()
    assert not (changed & ~inside).any()
    assert coloured(drawn, FOUND).sum() > 100
    assert not coloured(drawn, EXTRA).any()
    assert not coloured(drawn, MISSED).any()


def test_what_is_missed_has_a_dashed_outline_and_what_is_no_package_another_colour():
    image, truth = pile(2, (1, 2, 7))
    half = overlay(image, truth.only(np.asarray([0, 1])), truth, 384)
    x0, y0, x1, y1 = (truth.boxes[2] * 2).astype(int)
    missed = coloured(half, MISSED)
    assert missed[max(0, y0 - 4) : y1 + 4, max(0, x0 - 4) : x1 + 4].sum() == missed.sum() > 50
    invented = overlay(image, truth, truth.only(np.asarray([0, 1])), 384)
    assert coloured(invented, EXTRA).sum() > 50
    assert not coloured(invented, MISSED).any()


def test_what_scores_too_low_to_be_picked_is_not_drawn_and_not_counted():
    image, truth = pile(1, (1,))
    faint = Instances(truth.masks, truth.boxes, np.float32([0.49]), truth.labels)
    nothing = Instances.empty()
    assert np.array_equal(overlay(image, faint, nothing, 400), fit(image, 400))
    assert hits(faint, truth) == Hits(0, 1, 0)


def test_hits_ask_for_the_right_place_and_never_for_the_kind_and_count_a_truth_once():
    _, truth = pile(2, (1, 2, 7))
    assert hits(seen(truth, 0), truth) == Hits(3, 0, 0)
    assert hits(seen(truth, 0, blind_to=(7,)), truth) == Hits(2, 1, 0)
    misnamed = Instances(truth.masks, truth.boxes, truth.scores, np.int64([1, 2, 1]))
    assert hits(misnamed, truth) == Hits(3, 0, 0)
    assert hits(truth.only(np.asarray([0, 0])), truth) == Hits(1, 2, 1)
    assert hits(Instances.empty(), truth) == Hits(0, 3, 0)
    assert hits(truth, Instances.empty()) == Hits(0, 0, 3)


def chosen(found_before, found_after, most=4):
    """The captions of the pictures shown of a slice, by how many of 6 packages were found."""
    image, truth = pile(4, (1, 2, 3, 4, 5, 6))
    frames = [LabelledFrame(str(i), image, truth) for i in range(len(found_before))]
    part = view(
        "s",
        frames,
        [truth.only(np.arange(n)) for n in found_before],
        [truth.only(np.arange(n)) for n in found_after],
        most,
    )
    shown = [(len(c.before), len(c.after), c.caption) for c in part.comparisons]
    return part, shown


def test_the_pictures_shown_are_the_best_the_typical_and_the_worst_and_say_so():
    part, shown = chosen([1, 1, 1, 2, 2, 5, 5], [2, 3, 6, 3, 2, 5, 1])
    assert shown == [
        (1, 6, "Largest improvement"),
        (1, 3, "2nd largest improvement"),
        (2, 3, "Typical: the median change"),
        (5, 1, "Where it got worse most"),
    ]
    assert (part.frames, part.better, part.worse) == (7, 4, 1)
    assert (part.before, part.after) == (Hits(17, 25, 0), Hits(22, 20, 0))
    assert part.gain == pytest.approx(5 / 42)


def test_where_nothing_got_better_no_picture_claims_it_and_none_stands_twice():
    assert [caption for *_, caption in chosen([3, 3, 3], [3, 3, 2])[1]] == [
        "Typical: the median change", "Where it got worse most",
    ]  # fmt: skip
    assert [caption for *_, caption in chosen([3], [2])[1]] == ["Where it got worse most"]
    assert [caption for *_, caption in chosen([3], [4])[1]] == ["Largest improvement"]


def test_the_kinds_of_a_picture_are_named_and_no_others():
    _, truth = pile(2, (1, 7, 7))
    assert kinds_in(truth, KINDS) == "2 black polybag and 1 box"
    assert kinds_in(Instances.empty(), KINDS) == "nothing"
    assert "cylinder" not in Page(render(replace(demo_story(), comparisons=()))).text


def test_a_crop_outlines_the_novel_instance_in_a_square_of_the_picture():
    image, truth = pile(3, (1, 2, 7))
    for mask in truth.masks:
        crop = crop_of(image, mask, 160)
        assert crop.shape == (160, 160, 3)
        assert coloured(crop, NOVEL).sum() > 60


def test_crops_that_look_alike_are_shown_once_in_their_order():
    flat = [np.full((40, 40, 3), tone, np.uint8) for tone in (0, 4, 120, 124, 240)]
    kept = distinct(flat, 10)
    assert [int(crop[0, 0, 0]) for crop in kept] == [0, 120, 240]
    assert [int(crop[0, 0, 0]) for crop in distinct(flat, 2)] == [0, 240]
    assert distinct([], 3) == ()


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


def test_failed_picks_are_drawn_from_nought():
    svg = draw_timeline(demo_story().timeline, 1160)
    ticks = [word.text for word in ET.fromstring(svg).iter("text") if word.text.endswith("%")]
    assert ticks[0] == "0%"
    assert ticks[-1] == "40%"


def test_an_unknown_kind_of_mark_takes_a_known_style():
    assert kind_class('x" onload="alert(1)') == "k-world"


OLD = Limits(-0.01, -0.03, -0.01)
HELD = Limits(0.004, -0.03, -0.01, 0.514)
TARGET = Limits(0.02, 0.0, 0.02, target=True)


@pytest.mark.parametrize(
    ("limits", "delta", "low", "high", "said"),
    [
        (OLD, -0.2, -0.3, -0.1, "refused"),
        (OLD, -0.02, -0.05, 0.01, "unsure"),
        (OLD, 0.0, -0.04, 0.01, "unsure"),
        (OLD, -0.005, -0.02, 0.01, "kept"),
        (OLD, 0.05, 0.01, 0.1, "better"),
        (HELD, -0.005, -0.02, 0.01, "unsure"),
        (TARGET, 0.3, 0.2, 0.4, "better"),
        (TARGET, 0.3, 0.0, 0.4, "unsure"),
        (TARGET, 0.01, -0.01, 0.015, "refused"),
    ],
)
def test_a_difference_stands_as_the_gate_judges_it(limits, delta, low, high, said):
    score = SliceScore("s", 10, 0.5, 0.5 + delta, delta, low, high, 0.03)
    assert standing(score, limits) == said
    assert f"interval {said}" in interval_bar(score, limits, (-0.4, 0.4))


def test_all_cards_share_one_linear_scale_on_which_the_limits_lie_where_they_decide():
    cards = demo_story().verdicts
    low, high = axis_of(cards)
    assert (low, high) == (pytest.approx(-0.7), pytest.approx(0.5))
    score = SliceScore("s", 10, 0.5, 0.6, 0.1, 0.0, 0.2, 0.03)

    def place(limits, style):
        drawn = ET.fromstring(interval_bar(score, limits, (low, high)))
        return next(float(x.get("x1")) for x in drawn.iter("line") if x.get("class") == style)

    ten = (place(replace(OLD, measured=0.1), "measured") - place(OLD, "zero")) / 10
    assert place(OLD, "zero") - place(OLD, "measured") == pytest.approx(ten, abs=0.02)
    assert place(OLD, "zero") - place(OLD, "bound") == pytest.approx(3 * ten, abs=0.02)
    assert place(TARGET, "measured") - place(OLD, "zero") == pytest.approx(2 * ten, abs=0.02)


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
