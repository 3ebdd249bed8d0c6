import numpy as np
import pytest
from drawn_piles import cuts, piles

from januscl.core import InvalidInput, NotFound, Taxonomy
from januscl.evaluate import (
    average_precision,
    backward_transfer,
    forgetting,
    forward_transfer,
    slice_table,
)

NAN = float("nan")


def test_forgetting_is_the_fall_from_the_best_and_transfer_from_the_learning():
    ap = [[0.6, NAN, NAN], [0.7, 0.5, NAN], [0.55, 0.6, 0.8]]
    assert forgetting(ap) == pytest.approx(((0.7 - 0.55) + (0.5 - 0.6)) / 2)
    assert backward_transfer(ap) == pytest.approx(((0.55 - 0.6) + (0.6 - 0.5)) / 2)


def test_phases_that_learned_no_slice_count_as_history():
    ap = [[0.6, 0.1], [0.7, 0.5], [0.6, 0.4]]
    assert forgetting(ap) == pytest.approx(0.1)
    assert backward_transfer(ap) == pytest.approx((0.0 - 0.1) / 2)


def test_slices_count_from_the_phase_in_which_they_were_learned():
    ap = [[0.6, 0.2, 0.1, 0.3], [0.7, 0.5, 0.4, 0.2], [0.66, 0.6, 0.3, 0.8]]
    learned = [0, 1, 1, 2]  # two in one phase, the last one just now
    assert forgetting(ap, learned) == pytest.approx((0.04 - 0.1 + 0.1) / 3)
    assert backward_transfer(ap, learned) == pytest.approx((0.06 + 0.1 - 0.1) / 3)
    assert forgetting(ap, [0, 1, 2, 2]) == forgetting([row[:3] for row in ap])


def test_forward_transfer_is_what_a_slice_gains_before_its_own_phase():
    ap = [[0.6, 0.2, NAN], [0.7, 0.5, 0.3], [0.55, 0.6, 0.8]]
    assert forward_transfer(ap, [0, 0, 0]) == pytest.approx((0.2 + 0.3) / 2)
    assert forward_transfer(ap, [0.5, 0.25, 0.1]) == pytest.approx((-0.05 + 0.2) / 2)
    both_at_once = [[0.6, 0.2, 0.35], [0.7, 0.5, 0.3], [0.55, 0.6, 0.8]]
    gained = forward_transfer(both_at_once, [0.5, 0.25, 0.1], [0, 1, 1])
    assert gained == pytest.approx((-0.05 + 0.25) / 2)


@pytest.mark.parametrize(
    ("ap", "untrained", "learned"),
    [
        ([[0.5, 0.1], [0.5, 0.6]], [0.1], None),
        ([[0.5, 0.1], [0.5, 0.6]], [0.1, 0.1], [0, 0]),
        ([[0.5, NAN], [0.5, 0.6]], [0.1, 0.1], None),
        ([[0.5, 0.1], [0.5, 0.6]], [0.1, NAN], None),
    ],
)
def test_forward_transfer_wants_what_was_measured_before_the_learning(ap, untrained, learned):
    with pytest.raises(InvalidInput, match="AP matrix"):
        forward_transfer(ap, untrained, learned)


@pytest.mark.parametrize("learned", [[0], [0, 3], [0, -1], [2, 2], []])
def test_slices_that_were_learned_in_no_phase_or_only_now_are_refused(learned):
    ap = [[0.5, 0.1], [0.5, 0.6], [0.4, 0.6]]
    for metric in (forgetting, backward_transfer):
        with pytest.raises(InvalidInput, match="AP matrix"):
            metric(ap, learned)


@pytest.mark.parametrize(
    "ap", [[[0.5]], [0.5, 0.6], [[0.5, 0.1, 0.2], [0.5, 0.6, 0.2]], [[0.5, 0.1], [NAN, 0.6]]]
)
def test_a_history_with_gaps_where_it_matters_is_refused(ap):
    for metric in (forgetting, backward_transfer):
        with pytest.raises(InvalidInput, match="AP matrix"):
            metric(ap)


def test_the_table_has_a_row_for_each_slice_and_each_kind_in_it():
    taxonomy = Taxonomy().with_kind("box").with_kind("tube").with_kind("mailer")
    truths = {"base": piles(0, 6), "late": piles(1, 5)}
    predictions = {name: cuts(2, frames, 0.7) for name, frames in truths.items()}
    rows = slice_table(truths, predictions, taxonomy)
    assert [(r.slice, r.kind) for r in rows] == [
        (s, k) for s in ("base", "late") for k in (None, "box", "tube", "mailer")
    ]
    whole = average_precision(truths["late"], predictions["late"])
    assert (rows[4].ap, rows[4].frames) == (whole.ap, 5)
    assert (
        rows[4].truths
        == sum(r.truths for r in rows[5:])
        == np.sum([len(t) for t in truths["late"]])
    )


def test_the_table_wants_every_slice_and_every_name():
    truths = {"base": piles(0, 2)}
    with pytest.raises(InvalidInput, match=r"found none for \['base'\]"):
        slice_table(truths, {}, Taxonomy())
    with pytest.raises(NotFound):
        slice_table(truths, truths, Taxonomy().with_kind("box"))
