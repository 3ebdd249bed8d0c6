from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import Frame, Instances, Observation, encode_mask, new_id
from januscl.core.contracts import check_watcher
from januscl.watch import InstanceNovelty

START = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 32
AMONG, RARE = 6, 7
CENTRES = np.random.default_rng(7).normal(size=(8, SIZE))
CENTRES[:AMONG] *= 0.6
CENTRES[AMONG] = 0.7  # a little off in every direction, and nearer to the middle than most
CENTRES[RARE] *= 3
SPREAD = np.array([1.0] * 6 + [0.5, 0.5])


def observation(number, kinds, camera="c", drawn_by=None):
    """A frame whose instances have embeddings around the centres of their kinds."""
    rng = np.random.default_rng(number if drawn_by is None else drawn_by)
    masks = np.zeros((len(kinds), 32, 32), bool)
    for mask, (y, x) in zip(masks, rng.integers(0, 29, (len(kinds), 2)), strict=True):
        mask[y : y + 3, x : x + 3] = True
    seen = Instances.of_masks([encode_mask(mask) for mask in masks], [1] * len(kinds))
    embeddings = CENTRES[list(kinds)] + SPREAD[list(kinds), None] * rng.normal(
        size=(len(kinds), SIZE)
    )
    seen = replace(seen, embeddings=embeddings.astype(np.float32))
    at = START + timedelta(seconds=number)
    frame = Frame(np.zeros((32, 32, 3), np.uint8), camera, "r", at)
    return Observation(new_id(at, number.to_bytes(10, "big")), frame, seen, "m")


def drawn(number, share, novel=AMONG):
    rng = np.random.default_rng((number, 3))
    return [novel if rng.random() < share else int(rng.integers(6)) for _ in range(6)]


def work(watcher, first, looks, share, novel=AMONG):
    """Return the p-values of what is novel and of what is known in some looks."""
    strange, known = [], []
    for number in range(first, first + looks):
        kinds = drawn(number, share, novel)
        for signal in watcher.score(observation(number, kinds)):
            (strange if kinds[signal.instance] == novel else known).append(signal.p_value)
    return np.array(strange), np.array(known)


@pytest.fixture(scope="module")
def reference():
    return [observation(n, drawn(n, 0)) for n in range(120)]


def test_a_kind_that_lies_among_the_known_ones_is_found_once_it_has_gathered(reference):
    watcher = InstanceNovelty(leaning=True).fit(reference)
    at_first = [s.p_value for s in watcher.score(observation(1000, [AMONG] * 50, "another"))]
    work(watcher, 1100, 200, 0.2)
    later, known = work(watcher, 1400, 100, 0.2)
    assert (np.array(at_first) <= 0.02).mean() < 0.05
    assert (later <= 0.02).mean() > 0.4
    assert (known <= 0.02).mean() <= 1.2 * 0.02


def test_while_nothing_is_new_p_values_are_small_as_rarely_as_stated(reference):
    _, known = work(InstanceNovelty(leaning=True).fit(reference), 2000, 300, 0)
    for level in (0.01, 0.02, 0.1):
        assert (known <= level).mean() <= 1.2 * level


def test_a_known_kind_that_becomes_three_times_as_common_is_not_found_strange(reference):
    watcher = InstanceNovelty(leaning=True).fit(reference)
    work(watcher, 3000, 200, 0.4, novel=2)
    common, others = work(watcher, 3300, 150, 0.4, novel=2)
    assert (common <= 0.02).mean() <= 3 * 0.02
    assert (others <= 0.02).mean() <= 1.2 * 0.02


def test_a_pile_that_lies_there_for_hours_teaches_nothing(reference):
    still, moved = (
        InstanceNovelty(leaning=True).fit(reference),
        InstanceNovelty(leaning=True).fit(reference),
    )
    kinds = drawn(1, 0)
    for number in range(4000, 4300):
        still.score(observation(number, kinds, drawn_by=4000))
    probe = observation(5000, [0, 1, AMONG, 3], camera="another")
    assert still.score(probe) == moved.score(probe)


def test_what_came_again_is_not_counted_again(reference):
    once, twice = (
        InstanceNovelty(leaning=True).fit(reference),
        InstanceNovelty(leaning=True).fit(reference),
    )
    for number in range(6000, 6060):
        seen = observation(number, drawn(number, 0.2))
        assert once.score(seen) == twice.score(seen) == twice.score(seen)


def test_packages_that_flicker_while_they_lie_there_do_not_find_themselves_strange(reference):
    watcher, known = InstanceNovelty(leaning=True).fit(reference), []
    for pile in range(70):
        kinds, rng = drawn(9000 + pile, 0), np.random.default_rng(pile)
        lies = CENTRES[kinds] + rng.normal(size=(6, SIZE))
        for look in range(10):
            seen = observation(10 * pile + look, kinds, drawn_by=pile)
            jitter = rng.choice([0.1, 0.9], (6, 1), p=[0.7, 0.3])
            shown = (lies + jitter * rng.normal(size=lies.shape)) / np.sqrt(1 + jitter**2)
            instances = replace(seen.instances, embeddings=shown.astype(np.float32))
            if look % 4 == 2:  # the model sees nothing of one of them
                instances = instances.only(np.arange(1, 6))
            signals = watcher.score(replace(seen, instances=instances))
            known += [s.p_value for s in signals]
    assert (np.array(known) <= 0.02).mean() <= 0.02


def test_what_lay_in_a_bin_counts_once_however_long_the_bin_is_empty(reference):
    short, long = (
        InstanceNovelty(leaning=True).fit(reference),
        InstanceNovelty(leaning=True).fit(reference),
    )
    for number in range(6100, 6220, 2):
        seen, nothing = observation(number, drawn(number, 0.2)), observation(number + 1, [])
        assert short.score(seen) == long.score(seen)
        for again in range(4):
            short.score(replace(nothing, id=f"short {again} of {number}"))
        for again in range(9):
            assert long.score(replace(nothing, id=f"long {again} of {number}")) == []


def test_the_evidence_says_that_a_sort_has_become_more_common(reference):
    watcher = InstanceNovelty(leaning=True).fit(reference)
    work(watcher, 7000, 200, 0.3)
    signals = watcher.score(observation(7900, [AMONG]))
    assert "of a sort that has become more common" in signals[0].evidence
    far = watcher.score(observation(7901, [RARE]))[0]
    assert far.p_value < 0.02
    assert far.evidence.endswith("as is usual")


def test_a_watcher_that_has_been_at_work_keeps_the_contract(reference):
    class AtWork(InstanceNovelty):
        def fit(self, given):
            fitted = super().fit(given)
            work(fitted, 8000, 60, 0)
            return fitted

    check_watcher(AtWork(), reference, observation(8500, [RARE]))
