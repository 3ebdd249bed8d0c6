from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import Conflict, Frame, Instances, InvalidInput, Observation, encode_mask, new_id
from januscl.core.contracts import check_watcher
from januscl.watch import InstanceNovelty, ScoreMargin

START = datetime(2026, 1, 1, tzinfo=UTC)
CENTRES = np.random.default_rng(7).normal(size=(7, 32)).astype(np.float32)


def observation(number, kinds, scores=None):
    """A frame whose instances have embeddings around the centres of their kinds."""
    rng = np.random.default_rng(number)
    mask = np.zeros((8, 8), bool)
    mask[:3, :3] = True
    seen = Instances.of_masks([encode_mask(mask)] * len(kinds), [1] * len(kinds))
    embeddings = CENTRES[list(kinds)] + 0.2 * rng.normal(size=(len(kinds), 32)).astype(np.float32)
    scores = np.asarray(scores if scores is not None else rng.uniform(0.9, 1, len(kinds)))
    seen = replace(seen, embeddings=embeddings, scores=scores.astype(np.float32))
    at = START + timedelta(seconds=number)
    frame = Frame(np.zeros((8, 8, 3), np.uint8), "c", "r", at)
    return Observation(new_id(at, number.to_bytes(10, "big")), frame, seen, "m")


@pytest.fixture(scope="module")
def reference():
    return [observation(n, [n % 6, (n + 1) % 6, (n + 3) % 6, (n + 4) % 6]) for n in range(60)]


def test_an_unknown_kind_is_strange_and_known_kinds_are_not(reference):
    novelty = InstanceNovelty().fit(reference)
    signals = novelty.score(observation(1000, [0, 6, 3]))
    assert [s.instance for s in signals] == [0, 1, 2]
    assert signals[1].p_value < 0.01 < min(signals[0].p_value, signals[2].p_value)
    assert signals[1].severity > 2


def test_known_kinds_get_small_p_values_as_rarely_as_stated(reference):
    novelty = InstanceNovelty().fit(reference)
    p = [s.p_value for n in range(2000, 2200) for s in novelty.score(observation(n, [0, 2, 5]))]
    assert np.mean(np.array(p) <= 0.05) < 0.1


def test_a_detection_that_does_not_count_gets_no_novelty(reference):
    signals = InstanceNovelty().fit(reference).score(observation(1, [6, 6], [0.9, 0.2]))
    assert [s.instance for s in signals] == [0]


def test_a_model_without_embeddings_gives_no_novelty_and_cannot_be_a_reference(reference):
    bare = replace(reference[0], instances=replace(reference[0].instances, embeddings=None))
    assert InstanceNovelty().fit(reference).score(bare) == []
    with pytest.raises(InvalidInput, match="instances with embeddings"):
        InstanceNovelty().fit([bare] * 30)
    with pytest.raises(Conflict):
        InstanceNovelty().score(bare)


def test_doubtful_detections_are_told_for_the_instance_and_the_frame(reference):
    signals = ScoreMargin().fit(reference).score(observation(1, [0, 1, 2], [0.95, 0.5, 0.5]))
    by_row = {s.instance: s for s in signals}
    assert by_row[0].p_value > 0.1 > by_row[1].p_value
    assert by_row[None].p_value < 0.05
    assert by_row[None].severity == pytest.approx(2.1)


def test_the_watchers_of_instances_keep_the_contract(reference):
    check_watcher(InstanceNovelty(), reference, observation(1, [6]))
    check_watcher(ScoreMargin(), reference, observation(1, [0], [0.5]))


def test_what_lay_in_many_looks_of_the_reference_makes_no_other_package_strange():
    def pile(number, look):
        seen = observation(1000 + number, [number % 6, (number + 2) % 6, (number + 3) % 6])
        jitter = 0.02 * np.random.default_rng(100 * number + look).normal(size=(3, 32))
        embeddings = (seen.instances.embeddings + jitter).astype(np.float32)
        return replace(
            seen, id=f"{number} {look}", instances=replace(seen.instances, embeddings=embeddings)
        )

    reference = [pile(number, look) for number in range(40) for look in range(10)]
    novelty = InstanceNovelty().fit(reference)
    p = [s.p_value for number in range(100, 200) for s in novelty.score(pile(number, 0))]
    assert np.mean(np.array(p) <= 0.05) < 0.1
