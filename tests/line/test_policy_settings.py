"""Settings that make no sense are refused when they are made, and each one is in the manual."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from januscl.core import InvalidInput, NotFound
from januscl.line import Collecting, Judging, Learning, Releasing, Watching

MANUAL = Path(__file__).parents[2] / "docs" / "site.md"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("frames", 1),
        ("frames", 60.0),
        ("least", 0),
        ("routine_every", -1),
        ("routine_frames", 1),
        ("held_back", 0.0),
        ("held_back", 1.0),
        ("held_back", float("nan")),
        ("min_cost", -1.0),
        ("patience", float("nan")),
        ("hours", float("inf")),
    ],
)
def test_a_setting_of_collecting_outside_its_range_is_refused_at_once(setting, value):
    with pytest.raises(InvalidInput, match=rf"collecting\.{setting}: expected"):
        Collecting(**{setting: value})


@pytest.mark.parametrize(
    ("setting", "value"),
    [("replay", -1), ("steps", 0), ("batch", 0), ("threads", 0), ("seed", -1), ("steps", 1.5)],
)
def test_a_setting_of_learning_outside_its_range_is_refused_at_once(setting, value):
    with pytest.raises(InvalidInput, match=rf"learning\.{setting}: expected"):
        Learning(**{setting: value})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("slice_margin", 0.0),
        ("slice_margin", 0.5),
        ("slice_margins", {"bags": -0.1}),
        ("slice_margins", {"bags": float("nan")}),
        ("robot_seconds", -1.0),
        ("robot_megabytes", float("inf")),
    ],
)
def test_a_setting_of_judging_outside_its_range_is_refused_at_once(setting, value):
    with pytest.raises(InvalidInput, match=rf"judging\.{setting}[.\w]*: expected"):
        Judging(**{setting: value})


def test_a_strategy_that_does_not_exist_is_refused_before_any_label_is_paid_for():
    with pytest.raises(NotFound, match="'dream' is not one of"):
        Learning(strategy="dream")


@pytest.mark.parametrize("settings", [Watching, Collecting, Learning, Judging, Releasing])
def test_every_setting_is_in_the_manual(settings):
    name = settings.__name__
    rows = re.findall(rf"^\| `{name}\.(.*?) \|", MANUAL.read_text(), re.MULTILINE)
    told = set(re.findall(r"\w+", " ".join(rows)))
    assert {field.name for field in fields(settings)} == told
