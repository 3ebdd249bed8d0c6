import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from train_piles import draw

from januscl.core import Conflict, Instances, InvalidInput, NotFound
from januscl.core.contracts import check_strategy
from januscl.train import (
    CompactModel,
    Distill,
    Ewc,
    Interpolate,
    Joint,
    Lora,
    Naive,
    Replay,
    strategy_named,
)
from januscl.train.prepare import to_input, to_target

NAMES = (
    "naive", "joint", "replay", "replay:balanced", "replay:hardest", "lora", "distill", "ewc",
    "interpolate", "interpolate:held", "replay+distill", "replay+interpolate",
    "replay:hardest+lora+distill+ewc+interpolate:held",
)  # fmt: skip


def batches_of(model):
    def batch_of(frames):
        images = to_input([frame.image for frame in frames], model.input_px)
        return images, [to_target(frame, model.input_px, model.rows) for frame in frames]

    return batch_of


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_keeps_the_contract(name, kinds):
    model = CompactModel.new(kinds, input_px=64)
    strategy = strategy_named(name)
    assert strategy.name == name
    check_strategy(strategy, network=model.network, batch_of=batches_of(model))


@pytest.mark.parametrize("name", NAMES)
def test_before_training_starts_no_output_changes_though_a_kind_was_added(name, kinds):
    champion = CompactModel.new(kinds, input_px=64)
    piles = [draw(seed) for seed in range(12)]
    images = to_input([pile.image for pile in piles[:2]], 64)
    grown = champion.grown(kinds.with_kind("bag", "soft"))
    trained = grown.copy()
    strategy_named(name).begin(
        trained.network, grown.network, piles[:6], piles[6:], batches_of(grown)
    )
    before, _ = champion.network.detect(images, 0.0, 20)
    after, _ = trained.network.eval().detect(images, 0.0, 20)
    assert grown.rows[: len(champion.rows)] == champion.rows, "no kind is renumbered"
    for one, two in zip(before, after, strict=True):
        assert len(one.scores) > 0
        assert torch.equal(one.rows, two.rows)
        assert torch.allclose(one.scores, two.scores, atol=1e-5)
        assert torch.allclose(one.boxes, two.boxes, atol=1e-3)
        assert torch.allclose(one.masks, two.masks, atol=1e-5)


def test_an_added_kind_takes_nothing_from_the_probability_of_any_other(kinds):
    champion = CompactModel.new(kinds, input_px=64)
    grown = champion.grown(kinds.with_kind("bag", "soft").with_kind("tin", "cylinder"))
    features = torch.randn(50, 128, generator=torch.Generator().manual_seed(0))
    old, _ = champion.network.roi_heads.box_predictor(features)
    new, _ = grown.network.roi_heads.box_predictor(features)
    assert new.shape == (50, 5)
    assert torch.allclose(old.softmax(1), new.softmax(1)[:, :3], atol=1e-4)
    assert new.softmax(1)[:, 3:].max() < 1e-4


def test_the_default_of_the_line_draws_as_it_always_did():
    """Digests of what it drew before there were other strategies."""
    drawn = strategy_named("replay+interpolate").draw(17, 40, (250, 8), np.random.default_rng(3))
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == "a5f6d1592daf24d5"
    drawn = strategy_named("replay").draw(17, 40, (250, 8), np.random.default_rng(3))
    assert hashlib.sha256(drawn.tobytes()).hexdigest()[:16] == "60b5169408fa3486"


def test_names_are_joined_in_any_order_and_mean_the_same():
    assert strategy_named("interpolate+distill+replay").name == "replay+distill+interpolate"
    assert strategy_named("naive+ewc") == strategy_named("ewc") == Ewc(Naive())
    assert strategy_named("joint") == Joint()
    assert strategy_named("lora") == Lora()
    assert strategy_named("replay+distill") == Distill(Replay())
    held = Interpolate(Replay(0.7, "balanced"), held=True)
    assert strategy_named("replay:balanced+interpolate:held") == held


@pytest.mark.parametrize("name", ["dream", "replay+dream", "replay:oldest", "", "replay+"])
def test_an_unknown_name_is_not_found_and_the_known_ones_are_listed(name):
    with pytest.raises(NotFound, match=r"not one of \['naive', 'joint', 'replay', .*'ewc'"):
        strategy_named(name)


@pytest.mark.parametrize("name", ["naive+replay", "replay+replay:hardest", "ewc+replay+ewc"])
def test_names_that_exclude_each_other_are_refused(name):
    with pytest.raises(InvalidInput, match="Leave one of them out"):
        strategy_named(name)


def test_a_name_is_checked_without_torch():
    code = (
        "import sys; from januscl.train import strategy_named as s; "
        "s('replay:hardest+lora+distill+ewc+interpolate:held'); print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Replay(choice="oldest"),
        lambda: Distill(weight=0.0),
        lambda: Ewc(strength=0.0),
        lambda: Ewc(pictures=0),
        lambda: Lora(rank=0),
        lambda: Interpolate(Naive(), 1.1),
    ],
)
def test_a_setting_out_of_range_is_refused(wrong):
    with pytest.raises(InvalidInput):
        wrong()


@pytest.mark.parametrize("name", ["distill", "ewc"])
def test_a_strategy_that_must_meet_the_champion_says_so_when_it_has_not(name):
    with pytest.raises(Conflict, match="has not begun"):
        strategy_named(name).penalty(None, None)


def test_joint_shows_every_picture_new_or_old_equally_often():
    drawn = Joint().draw(10, 30, (40, 8), np.random.default_rng(0))
    assert np.bincount(drawn.ravel(), minlength=40).tolist() == [8] * 40


def labelled(labels):
    pile = draw(0, count=1)
    truth = Instances.of_masks([pile.truth.masks[0]] * len(labels), labels)
    return replace(pile, truth=truth)


def test_balanced_replay_shows_a_rare_kind_and_an_empty_bin_as_often_as_the_common_kind():
    history = [labelled([1])] * 18 + [labelled([1, 2]), labelled([])]
    ready = Replay(0.5, "balanced").begin(None, None, [], history, None)
    drawn = ready.draw(1, 20, (300, 8), np.random.default_rng(0))
    shown = Counter(int(k) - 1 for k in drawn.ravel() if k > 0)
    assert sum(shown.values()) == 1200
    assert shown[19] == pytest.approx(400, rel=0.1), "the empty bin"
    assert shown[18] == pytest.approx(400 + 400 / 19, rel=0.1), "the rare kind"
    assert sum(shown[k] for k in range(18)) == pytest.approx(400 * 18 / 19, rel=0.1)


def test_hardest_replay_shows_the_half_on_which_the_champion_is_worst(kinds):
    model = CompactModel.new(kinds, input_px=64)
    batch_of = batches_of(model)
    easy, hard = [draw(s, count=1) for s in range(5)], [draw(s, count=8) for s in range(5)]
    history = [frame for pair in zip(easy, hard, strict=True) for frame in pair]
    network = model.network
    losses = []
    for frame in history:
        torch.manual_seed(0)
        judge = model.copy().network.train()
        for module in judge.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        with torch.no_grad():
            losses.append(float(sum(judge(*batch_of([frame])).values())))
    worst = {3 + int(k) for k in np.argsort(losses)[-5:]}
    ready = Replay(0.5, "hardest").begin(network, network, easy[:3], history, batch_of)
    drawn = ready.draw(3, 10, (20, 8), np.random.default_rng(0))
    assert set(drawn[drawn >= 3].tolist()) == worst


def test_pictures_held_out_to_choose_the_mix_are_never_trained_on(kinds):
    model = CompactModel.new(kinds, input_px=64)
    frames = [draw(seed, count=1) for seed in range(24)]
    ready = strategy_named("replay+interpolate:held").begin(
        model.network, model.network, frames[:12], frames[12:], batches_of(model)
    )
    drawn = ready.draw(12, 12, (50, 8), np.random.default_rng(0))
    held = {5, 11, 17, 23}
    assert set(drawn.ravel().tolist()) == set(range(24)) - held
