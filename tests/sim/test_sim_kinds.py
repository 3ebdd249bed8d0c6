"""What the packages look like: no two alike, and what arrives later as it is meant to be seen."""

from dataclasses import replace

import numpy as np
import pytest

from januscl.sim import BASE_MIX, LATE_KINDS, Look, Pile
from januscl.sim.camera import Camera
from januscl.sim.eye import eye
from januscl.sim.kinds import draw_packages


def drawn(kind, count=12, seed=0):
    return draw_packages({kind: 1.0}, count, np.random.default_rng(seed))


def upright(package, distance=0.2):
    """Lay one package flat on the floor of the bin and return its picture and its pixels."""
    pose = np.asarray([[0.0, 0.0, distance, 1.0, 0.0, 0.0, 0.0]])
    pile = Pile([package], pose, Look())
    pile.settle(seconds=1.6)
    shot = eye(96).shoot(pile, Camera.of_look(Look()))
    return shot.image.astype(float), shot.ids == 1


def test_the_kinds_are_those_of_the_day_and_those_that_come_later():
    assert set(BASE_MIX) == {
        "box", "tall box", "cylinder", "tube", "padded mailer", "flat envelope"
    }  # fmt: skip
    assert set(LATE_KINDS) == {"black polybag", "holiday box", "wrapped parcel", "window box"}


@pytest.mark.parametrize("kind", [*BASE_MIX, *LATE_KINDS])
def test_no_two_packages_of_a_kind_have_one_size_or_one_colour(kind):
    packages = drawn(kind)
    assert len({package.reach for package in packages}) == 12
    assert len({tuple(part.rgb for part in package.parts) for package in packages}) == 12


def test_some_boxes_have_tape_and_some_have_not_and_labels_lie_where_chance_puts_them():
    boxes = drawn("box", 40)
    taped = [any(part.surface == "tape" for part in box.parts) for box in boxes]
    labels = [part for box in boxes for part in box.parts if part.surface.startswith("label")]
    assert 0 < sum(taped) < 40
    assert len({label.at[:2] for label in labels}) > 30
    assert len({label.size for label in labels}) > 30
    assert len({label.surface for label in labels}) > 1


def test_holiday_boxes_carry_several_prints_that_break_their_faces_up():
    def busyness(kind):
        found = []
        for package in drawn(kind, 6):
            image, inside = upright(package)
            inner = inside[1:] & inside[:-1]
            found.append(np.abs(np.diff(image, axis=0)).mean(axis=2)[inner].mean())
        return np.median(found)

    prints = {box.parts[0].surface for box in drawn("holiday box", 30)}
    assert len(prints) > 2
    assert all(name.startswith("holiday") for name in prints)
    assert busyness("holiday box") > 1.3 * busyness("box")


@pytest.mark.parametrize("kind", ["wrapped parcel", "window box"])
def test_what_lies_behind_film_shows_through_it(kind):
    """The same package with other contents looks otherwise; behind cardboard it would not."""

    def red(package, behind):
        parts = (
            replace(part, rgb=(1.0, 0.0, 0.0)) if part.surface == behind else part
            for part in package.parts
        )
        return replace(package, parts=tuple(parts))

    package = drawn(kind, 1, seed=3)[0]
    assert any(part.surface == "film" and part.alpha < 0.5 for part in package.parts)
    image, inside = upright(package)
    other, _ = upright(red(package, "behind pane"))
    redder = (other[..., 0] - other[..., 1:].mean(axis=2)) - (
        image[..., 0] - image[..., 1:].mean(axis=2)
    )
    assert redder[inside].mean() > 10
