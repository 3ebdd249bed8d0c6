from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from januscl.core import Conflict, Frame, Instances, InvalidInput, Observation, encode_mask, new_id
from januscl.core.contracts import check_watcher
from januscl.watch.chosen import DETECTORS, ChosenNovelty
from januscl.watch.energy import ScoreEnergy
from januscl.watch.gaussian import Mahalanobis, Residual
from januscl.watch.nearness import LocalOutlier, Nearest
from januscl.watch.seen import Seen, seen_in
from januscl.watch.trials import auroc, run_trials

START = datetime(2026, 1, 1, tzinfo=UTC)
CENTRES = np.random.default_rng(7).normal(size=(7, 24)).astype(np.float32)


def observation(number, kinds, scores=None, spread=0.3):
    """A frame whose instances have embeddings around the centres of their kinds."""
    rng = np.random.default_rng(number)
    mask = np.zeros((8, 8), bool)
    mask[:3, :3] = True
    labels = [kind % 6 + 1 for kind in kinds]
    seen = Instances.of_masks([encode_mask(mask)] * len(kinds), labels)
    embeddings = CENTRES[list(kinds)] + spread * rng.normal(size=(len(kinds), 24))
    scores = np.asarray(scores if scores is not None else rng.uniform(0.9, 1, len(kinds)))
    seen = replace(seen, embeddings=embeddings.astype(np.float32), scores=scores.astype(np.float32))
    at = START + timedelta(seconds=number)
    frame = Frame(np.zeros((8, 8, 3), np.uint8), "c", "r", at)
    return Observation(new_id(at, number.to_bytes(10, "big")), frame, seen, "m")


@pytest.fixture(scope="module")
def reference():
    return [observation(n, [n % 6, (n + 1) % 6, (n + 3) % 6, (n + 4) % 6]) for n in range(60)]


@pytest.fixture(scope="module")
def watcher(reference):
    return ChosenNovelty().fit(reference)


@dataclass(frozen=True)
class Coin:
    """A detector that tells nothing."""

    name: str = "coin"

    def learn(self, known):
        return lambda seen: (seen.embeddings[:, 0] * 1e6) % 1.0


def test_an_unknown_kind_is_strange_and_known_kinds_are_not(watcher):
    signals = watcher.score(observation(1000, [0, 6, 3]))
    assert [s.instance for s in signals] == [0, 1, 2]
    assert {s.watcher for s in signals} == {"novelty.chosen"}
    assert signals[1].p_value < 0.01 < min(signals[0].p_value, signals[2].p_value)
    assert signals[1].severity > 2
    assert "of known instances" in signals[1].evidence


def test_known_kinds_get_small_p_values_as_rarely_as_stated(watcher):
    p = [s.p_value for n in range(2000, 2200) for s in watcher.score(observation(n, [0, 2, 5]))]
    for level in (0.02, 0.05, 0.2):
        assert np.mean(np.array(p) <= level) < 1.5 * level + 0.01


@pytest.mark.parametrize("detector", DETECTORS[:-1], ids=lambda d: d.name)
def test_each_detector_alone_is_a_watcher_that_keeps_the_contract(detector, reference):
    check_watcher(ChosenNovelty([detector]), reference, observation(1, [6], spread=0.1))


def test_the_choice_and_the_energy_keep_the_contract(reference):
    check_watcher(ChosenNovelty(), reference, observation(1, [6]))
    check_watcher(ChosenNovelty([ScoreEnergy()]), reference, observation(1, [0], [0.4]))


def test_a_detector_that_tells_nothing_gets_no_weight_to_speak_of(reference):
    watcher = ChosenNovelty([Coin(), Nearest()]).fit(reference)
    assert watcher.weights["coin"] < 0.05
    assert watcher.weights["nearest"] > 0.95


def test_what_was_tried_and_found_can_be_read(watcher):
    assert set(watcher.weights) == {detector.name for detector in DETECTORS}
    assert sum(watcher.weights.values()) == pytest.approx(1)
    assert {"kind 1", "kind 6"} <= set(watcher.trials)
    assert all(0 <= value <= 1 for trial in watcher.trials.values() for value in trial.values())


def test_one_detector_is_never_tried(reference):
    alone = ChosenNovelty([Mahalanobis()]).fit(reference)
    assert alone.trials == {}
    assert alone.weights == {"mahalanobis": 1.0}


def test_the_choice_is_the_same_for_the_same_reference(reference, watcher):
    assert ChosenNovelty().fit(reference).weights == watcher.weights


def test_a_kind_that_plays_the_novelty_is_never_learned_from(reference):
    learned = []

    @dataclass(frozen=True)
    class Spy(Coin):
        def learn(self, known):
            learned.append(set(known.labels.tolist()))
            return super().learn(known)

    trials = run_trials([Spy()], seen_in(reference))
    kinds = [t.name for t in trials if t.name.startswith("kind")]
    assert len(kinds) == 6
    for kind in range(1, 7):
        assert sum(kind not in labels for labels in learned) == 2


def test_a_kind_that_lies_apart_is_found_by_every_detector_of_embeddings(reference):
    known = seen_in(reference)
    strange = seen_in([observation(5000 + n, [6, 6, 6]) for n in range(10)])
    fresh = seen_in([observation(6000 + n, [n % 6, (n + 2) % 6]) for n in range(40)])
    for detector in (Nearest(), LocalOutlier(), Mahalanobis(), Residual()):
        gauge = detector.learn(known)
        assert auroc(gauge(strange), gauge(fresh)) > 0.95, detector.name


def test_relative_distance_passes_over_what_is_odd_for_every_kind_alike():
    rng = np.random.default_rng(3)
    kinds = np.repeat([1, 2, 3], 60)
    # Kinds differ along the first three directions; the last one varies and tells none apart.
    table = rng.normal(size=(180, 8)) * 0.2 + np.eye(8)[kinds - 1] * 2
    table[:, 7] = rng.normal(size=180) * 3
    known = Seen(table, np.ones(180), kinds, np.arange(180) // 3, np.zeros(180, np.int64))
    odd, novel = np.zeros((1, 8)), np.zeros((1, 8))
    odd[0, [0, 7]] = 2, 12
    novel[0, [3, 7]] = 2, 0
    one = np.zeros(1, np.int64)
    probe = Seen(np.concatenate((odd, novel)), np.ones(2), np.ones(2, np.int64), one, one)
    relative = Mahalanobis(relative=True).learn(known)(probe)
    assert relative[1] > relative[0] + 1


def test_energy_is_the_score_of_the_detection_turned_around():
    none = np.zeros(3, np.int64)
    seen = Seen(np.zeros((3, 1)), np.array([0.99, 0.5, 0.3]), none, none, none)
    energy = ScoreEnergy().learn(seen)(seen)
    assert (np.diff(energy) > 0).all()
    assert energy[1] == pytest.approx(np.log(0.5))


def test_auroc_counts_ties_half():
    assert auroc(np.array([1.0, 2.0]), np.array([1.0, 0.0])) == pytest.approx(0.875)
    assert auroc(np.array([1.0]), np.array([1.0])) == pytest.approx(0.5)


def test_without_a_usable_reference_nothing_is_guessed(reference):
    bare = [replace(o, instances=replace(o.instances, embeddings=None)) for o in reference]
    with pytest.raises(InvalidInput, match="instances with embeddings"):
        ChosenNovelty().fit(bare)
    with pytest.raises(InvalidInput, match="from 5 or more observations"):
        ChosenNovelty().fit(reference[:4])
    with pytest.raises(Conflict, match="call fit"):
        ChosenNovelty().score(reference[0])
    assert ChosenNovelty().fit(reference).score(bare[0]) == []


def test_detectors_need_names_of_their_own():
    with pytest.raises(InvalidInput, match="names of their own"):
        ChosenNovelty([Nearest(5), Nearest(9)])
    with pytest.raises(InvalidInput, match="one or more"):
        ChosenNovelty([])
