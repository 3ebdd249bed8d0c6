import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from januscl.core import Instances, InvalidInput, LabelledFrame, decode_mask, encode_mask
from januscl.decks import Augmenter, Chance, Recipe, recipe_from_json, recipe_to_json

ALWAYS = Recipe(
    mosaic=1,
    paste=Chance(1, 2, 3),
    flip=1,
    flip_vertical=1,
    zoom=Chance(1, 0.6, 0.9),
    rotate=Chance(1, -30, 30),
    brightness=Chance(1, 0.5, 0.8),
    hue=Chance(1, 5, 10),
    saturation=Chance(1, 0.5, 0.8),
    gains=Chance(1, 0.8, 0.9),
    blur=Chance(1, 0.5, 1),
    noise=Chance(1, 2, 8),
)


def frames(count=5, size=(60, 80)):
    rng = np.random.default_rng(4)
    made = []
    for index in range(count):
        ids = np.zeros(size, np.uint8)
        for k in range(3):
            y, x = rng.integers(0, size[0] - 20), rng.integers(0, size[1] - 20)
            ids[y : y + 18, x : x + 16] = k + 1
        image = cv2.resize(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8), size[::-1])
        kept = [k for k in (1, 2, 3) if (ids == k).any()]
        truth = Instances.of_masks([encode_mask(ids == k) for k in kept], kept)
        made.append(LabelledFrame(f"f{index}", image, truth))
    return made


def same(a, b):
    return (
        np.array_equal(a.image, b.image)
        and a.truth.masks == b.truth.masks
        and np.array_equal(a.truth.labels, b.truth.labels)
    )


def test_a_variant_depends_on_the_generator_alone():
    given, augment = frames(), Augmenter(ALWAYS)
    one = augment(given, 2, np.random.default_rng(8))
    assert same(one, augment(given, 2, np.random.default_rng(8)))
    assert not same(one, augment(given, 2, np.random.default_rng(9)))


def test_augmentation_never_changes_the_frames_it_is_given():
    given, kept = frames(), frames()
    augment, rng = Augmenter(ALWAYS), np.random.default_rng(0)
    for index in range(5):
        augment(given, index, rng)
    assert all(same(a, b) for a, b in zip(given, kept, strict=True))


def test_the_empty_recipe_gives_the_frame_back():
    given = frames()
    out = Augmenter(Recipe.nothing())(given, 1, np.random.default_rng(0))
    assert out.image is given[1].image
    assert out.truth is given[1].truth


def test_light_alone_keeps_overlapping_and_tiny_masks_as_they_are():
    masks = np.zeros((2, 20, 20), bool)
    masks[0, :10] = masks[1, 9, :3] = True
    truth = Instances.of_masks([encode_mask(m) for m in masks], [1, 2])
    given = [LabelledFrame("f", np.full((20, 20, 3), 100, np.uint8), truth)]
    recipe = replace(Recipe.nothing(), brightness=Chance(1, 0.5, 0.5))
    out = Augmenter(recipe)(given, 0, np.random.default_rng(0))
    assert out.truth is truth
    assert (out.image == 50).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_truth_of_a_variant_is_what_can_be_seen(seed):
    out = Augmenter(ALWAYS)(frames(), seed % 5, np.random.default_rng(seed))
    assert out.id == f"f{seed % 5}"
    assert out.image.shape == (60, 80, 3)
    assert out.image.dtype == np.uint8
    cover = sum(decode_mask(rle).astype(int) for rle in out.truth.masks)
    assert np.max(cover, initial=0) <= 1, "visible masks do not overlap"
    assert all(rle.area >= ALWAYS.min_pixels for rle in out.truth.masks)
    assert np.array_equal(
        out.truth.boxes, Instances.of_masks(out.truth.masks, out.truth.labels).boxes
    )


def only(**operation):
    """Return what the recipe of one operation makes of the first frame."""
    recipe = replace(Recipe.nothing(), **operation)
    return Augmenter(recipe)(frames(), 0, np.random.default_rng(3))


def area(frame):
    return sum(mask.area for mask in frame.truth.masks)


def test_each_operation_of_a_recipe_does_what_it_is_called():
    given = frames()[0]
    before = given.image.astype(float)
    assert area(only(zoom=Chance(1, 0.5, 0.5))) < 0.4 * area(given), "it shrinks"
    assert np.array_equal(only(flip=1).image, given.image[:, ::-1])
    assert np.array_equal(only(flip_vertical=1).image, given.image[::-1])
    turned = only(rotate=Chance(1, 20, 20))
    assert turned.truth.masks != given.truth.masks
    assert area(turned) == pytest.approx(area(given), rel=0.2)
    assert only(brightness=Chance(1, 0.5, 0.5)).image.mean() < 0.6 * before.mean(), "darker"
    assert only(brightness=Chance(1, 1.3, 1.3)).image.mean() > 1.1 * before.mean(), "brighter"
    grey = only(saturation=Chance(1, 0, 0)).image.astype(int)
    assert np.ptp(grey, axis=2).max() <= 1, "discoloured"
    for operation in ({"hue": Chance(1, 60, 60)}, {"gains": Chance(1, 0.6, 1.4)}):
        shifts = (only(**operation).image - before).mean(axis=(0, 1))
        assert np.ptp(shifts) > 3, operation
    sharp = np.abs(np.diff(only(noise=Chance(1, 8, 8)).image.astype(float), axis=0)).mean()
    soft = np.abs(np.diff(only(blur=Chance(1, 3, 3)).image.astype(float), axis=0)).mean()
    assert soft < np.abs(np.diff(before, axis=0)).mean() < sharp


def test_mosaic_and_copy_paste_bring_instances_of_other_frames():
    plain = frames()
    # Each frame has a colour and a kind of its own.
    given = [
        LabelledFrame(
            frame.id,
            np.full_like(frame.image, 40 * (k + 1)),
            Instances.of_masks(frame.truth.masks, [k + 1] * len(frame.truth)),
        )
        for k, frame in enumerate(plain)
    ]
    for operation in ({"mosaic": 1.0}, {"paste": Chance(1, 3, 3)}):
        augment = Augmenter(replace(Recipe.nothing(), **operation))
        brought = set()
        for seed in range(6):
            out = augment(given, 0, np.random.default_rng(seed))
            for mask, label in zip(out.truth.masks, out.truth.labels, strict=True):
                assert (out.image[decode_mask(mask)] == 40 * label).all(), "pixels with their mask"
                brought.add(int(label))
        assert len(brought) > 2, operation


def test_operations_come_up_as_often_as_the_recipe_says():
    given = frames()
    augment = Augmenter(replace(Recipe.nothing(), flip=0.3))
    rng = np.random.default_rng(5)
    flipped = sum(augment(given, 0, rng).image is not given[0].image for _ in range(600))
    assert pytest.approx(flipped, abs=45) == 600 * 0.3


def test_frames_of_other_sizes_lend_pixels_to_a_variant_of_this_size():
    given = [*frames(2), *frames(3, size=(40, 100))]
    for seed in range(6):
        out = Augmenter(ALWAYS)(given, 0, np.random.default_rng(seed))
        assert out.image.shape == (60, 80, 3)


def test_a_frame_without_instances_can_be_varied_and_can_lend_nothing():
    empty = [LabelledFrame("e", np.full((30, 30, 3), 9, np.uint8), Instances.empty())]
    out = Augmenter(ALWAYS)(empty, 0, np.random.default_rng(0))
    assert len(out.truth) == 0


def test_a_recipe_survives_json_unchanged():
    assert recipe_from_json(recipe_to_json(ALWAYS)) == ALWAYS
    assert recipe_from_json(recipe_to_json(Recipe())) == Recipe()
    assert recipe_from_json({}) == Recipe.nothing()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"sharpen": 1}, "sharpen"),
        ([], "an object with operations among"),
        ({"flip": 2}, "recipe.flip: expected a probability in 0..1, found 2"),
        ({"flip": float("nan")}, "recipe.flip: expected a finite number, found nan"),
        ({"flip": "often"}, "recipe.flip: expected a finite number, found 'often'"),
        ({"zoom": 0.5}, "recipe.zoom: expected probability, low and high"),
        (
            {"zoom": {"probability": 1, "low": 2, "high": 1}},
            "recipe.zoom: expected low <= high, finite, found 2..1",
        ),
        ({"blur": {"probability": 5, "low": 1, "high": 1}}, "recipe.blur: expected a probability"),
        ({"zoom": {"probability": 1, "low": 0, "high": 1}}, "recipe.zoom: expected a range within"),
        ({"noise": {"probability": 1, "low": 0, "high": 90}}, "recipe.noise: expected a range"),
        ({"min_pixels": 0}, "recipe.min_pixels: expected 1 or more"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_by_name(value, says):
    with pytest.raises(InvalidInput, match=re.escape(says)):
        recipe_from_json(value)
