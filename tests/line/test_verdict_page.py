import numpy as np
import pytest
from report_sample import KINDS, pile, seen

from januscl.core import LabelledFrame, MissingDependency
from januscl.evaluate import SliceData, breakdown, gate, match
from januscl.line.report import Judged, VerdictCard, changes, write_report
from januscl.line.telling import asked_of_old, verdict_story

BLIND = (7, 8)


def judged(name, seeds, kinds, sees_all=()):
    """A slice whose challenger sees what the champion is blind to in some of the pictures."""
    frames, before, after = [], [], []
    for seed in seeds:
        image, truth = pile(seed, kinds)
        frames.append(LabelledFrame(f"{name} {seed}", image, truth))
        before.append(seen(truth, seed, BLIND))
        after.append(seen(truth, seed, () if seed in sees_all else BLIND))
    return Judged(name, frames, before, after)


def story(*slices):
    data = {
        part.name: SliceData(
            match([f.truth for f in part.frames], part.before),
            match([f.truth for f in part.frames], part.after),
        )
        for part in slices
    }
    verdict = gate(data, target=None)
    limits = tuple(asked_of_old(score) for score in verdict.slices)
    card = VerdictCard("bag model", "first model", "m-2", verdict, limits)
    return verdict_story(slices, card, KINDS)


def test_the_pictures_that_changed_most_come_first_over_all_slices():
    same = judged("old", range(4), (1, 2, 3))
    better = judged("bags", range(10, 16), (1, 7, 7, 8), sees_all=(12, 14))
    shown = changes([same, better])
    assert (shown.frames, shown.better, shown.worse) == (10, 2, 0)
    assert [one.caption.split(":")[0] for one in shown.comparisons] == ["bags", "bags"]
    assert {id(one.image) for one in shown.comparisons} == {
        id(better.frames[i].image) for i in (2, 4)
    }
    fewest = [one.before for one in changes([same, better], most=1).comparisons]
    assert len(fewest) == 1


def test_a_picture_that_got_worse_is_shown_as_such():
    part = judged("bags", range(3), (1, 7), sees_all=(0, 1, 2))
    worse = Judged("bags", part.frames, part.after, part.before)
    captions = [one.caption for one in changes([worse]).comparisons]
    assert captions
    assert all(caption.endswith("more") for caption in captions)


def test_every_group_of_packages_is_told_with_the_largest_loss_first():
    part = judged("bags", range(6), (1, 2, 7, 8), sees_all=(0, 1, 2, 3))
    groups = story(part).groups
    change = [group.after - group.before for group in groups]
    assert change == sorted(change)
    assert {group.by for group in groups} == {"kind", "size", "outline"}
    bags = next(group for group in groups if group.name == "black polybag")
    truths, after = [f.truth for f in part.frames], part.after
    own = {(g.by, g.name): g for g in breakdown(truths, after, KINDS)}
    assert bags.after == own["kind", "black polybag"].ap > bags.before == 0
    assert sum(group.truths for group in groups if group.by == "kind") == sum(map(len, truths))


def test_the_page_holds_the_answer_the_groups_and_the_pictures(tmp_path):
    page = tmp_path / "verdict.html"
    write_report(story(judged("<b>bags</b>", range(5), (1, 7), sees_all=range(5))), page)
    text = page.read_text()
    assert "It passed" in text
    assert "What got worse, what got better" in text
    assert "&lt;b&gt;bags&lt;/b&gt;" in text
    assert "<b>bags</b>" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("data:image/jpeg") == 2 * 5


def test_models_that_see_nothing_have_a_page_too(tmp_path):
    part = judged("dark", range(2), (7,))
    told = story(Judged("dark", part.frames, part.before, part.before))
    assert not told.comparisons[0].comparisons
    assert all(np.isclose(group.after, 0) for group in told.groups)
    write_report(told, tmp_path / "verdict.html")


def test_without_jinja2_the_page_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingDependency, match="report"):
        write_report(story(judged("bags", range(2), (1, 7))), tmp_path / "verdict.html")
