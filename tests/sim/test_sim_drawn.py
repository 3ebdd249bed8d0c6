import numpy as np

from januscl.core import decode_mask
from januscl.sim import BASE_TAXONOMY, LATE_KINDS, LEAST_PIXELS, ODD, make_drawn, make_wild
from januscl.sim.outlines import FAMILIES, draw_outline
from januscl.sim.prints import draw_print

KINDS = BASE_TAXONOMY.with_kind(ODD)


def test_a_composed_picture_depends_on_its_seed_and_number_alone():
    few, more = list(make_drawn(3, 5, 7, 96)), list(make_drawn(5, 5, 7, 96))
    for a, b in zip(few, more, strict=False):
        assert a.id == b.id
        assert np.array_equal(a.image, b.image)
        assert a.truth.masks == b.truth.masks
    other = next(make_drawn(1, 6, 7, 96))
    assert other.id != few[0].id
    assert not np.array_equal(other.image, few[0].image)


def test_things_in_a_composed_picture_are_labelled_without_overlap_and_none_is_a_speck():
    for frame in make_drawn(12, 1, 7, 96):
        masks = [decode_mask(mask) for mask in frame.truth.masks]
        assert frame.image.shape == (96, 96, 3)
        assert set(frame.truth.labels.tolist()) <= {7}
        assert all(mask.sum() >= LEAST_PIXELS for mask in masks)
        assert np.sum(masks, axis=0).max(initial=0) <= 1


def test_a_labelled_thing_differs_from_what_it_covers():
    """Its mask is where it was drawn: pictures without it differ there and seldom elsewhere."""
    contrasts = []
    for frame in make_drawn(30, 2, 7, 96):
        image = frame.image.astype(float)
        for rle in frame.truth.masks:
            mask = decode_mask(rle)
            ring = np.zeros_like(mask)
            ring[1:-1, 1:-1] = mask[:-2, 1:-1] | mask[2:, 1:-1] | mask[1:-1, :-2] | mask[1:-1, 2:]
            ring &= ~mask
            if ring.any():
                contrasts.append(np.abs(image[mask].mean(0) - image[ring].mean(0)).max())
    assert np.median(contrasts) > 15


def test_every_family_of_outlines_keeps_about_its_size():
    rng = np.random.default_rng(0)
    for family in range(len(FAMILIES)):
        for _ in range(20):
            reach = np.linalg.norm(draw_outline(rng, family), axis=1).max()
            assert 0.5 < reach < 2.3


def test_a_print_stays_within_its_range():
    rng = np.random.default_rng(0)
    for _ in range(50):
        made = draw_print(rng, 20, 33, np.array((0.2, 0.9, 0.5), np.float32))
        assert made.shape == (20, 33, 3)
        assert made.min() >= 0
        assert made.max() <= 1


def test_wild_piles_hold_odd_things_and_none_of_the_late_kinds():
    frames = list(make_wild(6, 3, KINDS, 96))
    names = {KINDS.kind(label).name for f in frames for label in f.truth.labels.tolist()}
    assert ODD in names
    assert not names & set(LATE_KINDS)


def test_no_two_wild_cells_look_alike_and_each_comes_again_from_its_seed():
    first, again = list(make_wild(3, 4, KINDS, 64)), list(make_wild(3, 4, KINDS, 64))
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.image, b.image)
        assert a.truth.masks == b.truth.masks
    means = np.array([frame.image.mean(axis=(0, 1)) for frame in first])
    apart = np.abs(means[:, None] - means[None]).max(axis=2)[np.triu_indices(3, 1)]
    assert apart.min() > 3
