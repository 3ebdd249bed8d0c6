import re

import numpy as np
import pytest

from januscl.core import Instances, InvalidInput, LabelledFrame, Taxonomy, encode_mask
from januscl.line.adapting import CurvePoint, adapt, adapting, label_curve
from januscl.line.curve_picture import curve_picture
from januscl.train import CompactModel

OWN = Taxonomy().with_kind("plate")


def plates(count, size=64):
    frames = []
    for number in range(count):
        rng = np.random.default_rng(number)
        image = rng.integers(0, 60, (size, size, 3), dtype=np.uint8)
        mask = np.zeros((size, size), np.bool_)
        x, y = rng.integers(4, 36, 2)
        mask[y : y + 22, x : x + 22] = True
        image[mask] += np.uint8(150)
        frames.append(
            LabelledFrame(f"p{number}", image, Instances.of_masks([encode_mask(mask)], [1]))
        )
    return frames


@pytest.fixture(scope="module")
def start():
    return CompactModel.new(Taxonomy().with_kind("box").with_kind("disc"), input_px=64)


def test_an_adapted_model_names_the_robots_kinds_alone_and_learned_them(start):
    report = adapt(start, OWN, plates(4), adapting(6, None, 0, 1))
    assert report.model.taxonomy == OWN
    assert len(report.losses) == 6
    assert report.losses[-1] < report.losses[0]


def test_the_curve_begins_with_the_model_as_it_was_and_never_learns_what_judges(start, monkeypatch):
    learned = []

    def watched(model, known, frames, settings, checkpoint=None, show=None):
        learned.append({frame.id for frame in frames})
        return adapt(model, known, frames, settings, checkpoint, show)

    monkeypatch.setattr("januscl.line.adapting.adapt", watched)
    points = label_curve(start, OWN, plates(8), adapting(1, None, 0, 1))
    assert [point.pictures for point in points] == [0, 2, 3, 6]
    assert all(0 <= point.low <= point.high <= 1 for point in points)
    assert all(0 <= point.ap <= 1 for point in points)
    assert learned[0] < learned[1] < learned[2]
    assert len(learned[2]) == 6


def test_too_few_pictures_make_no_curve(start):
    with pytest.raises(InvalidInput, match="4 or more pictures for a curve"):
        label_curve(start, OWN, plates(3), adapting(1, None, 0, 1))


def test_the_picture_of_a_curve_tells_each_point_and_escapes_its_title():
    points = [CurvePoint(0, 0.1, 0.05, 0.14), CurvePoint(15, 0.345, 0.3, 0.39)]
    drawn = curve_picture(points, "<b> & more", "Judged by 5 pictures")
    assert drawn.startswith("<svg")
    assert 'xmlns="http://www.w3.org/2000/svg"' in drawn
    for told in ("10.0", "34.5", ">15<", "labelled pictures", "&lt;b&gt; &amp; more", "by 5"):
        assert told in drawn


@pytest.mark.parametrize(("high", "most"), [(0.2, 30), (0.44, 50), (0.7, 80), (1.0, 100)])
def test_the_scale_of_a_curve_ends_a_little_above_its_highest_interval(high, most):
    drawn = curve_picture([CurvePoint(4, high / 2, 0.0, high)], "x")
    assert re.findall(r'text-anchor="end"[^>]*>(\d+)<', drawn)[-1] == str(most)
