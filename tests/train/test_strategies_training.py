"""What each strategy does to a training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_strategies import batches_of
from torch import nn
from train_piles import SHORT, draw, inverted

from januscl.core import Instances, InvalidInput
from januscl.train import (
    Checkpoint,
    CompactModel,
    Distill,
    Ewc,
    Interpolate,
    Lora,
    Naive,
    Replay,
    Settings,
    fit,
    strategy_named,
)
from januscl.train.processor import precise
from januscl.train.strategies import interpolate
from januscl.train.strategies.heldout import PARTS
from januscl.train.strategies.losses import losses_of


@pytest.fixture(scope="module")
def champion(kinds):
    model = CompactModel.new(kinds, input_px=64)
    settings = Settings(steps=40, batch=4, lr=3e-3, threads=1, frozen_norm=False)
    trained = fit(model, [draw(i) for i in range(24)], [], Naive(), settings).model
    trained.network.zero_grad()
    return trained


@pytest.fixture
def piles():
    return [draw(seed) for seed in range(30, 48)]


def weights_of(model):
    return model.network.state_dict()


def by_hand(model, frames, drawn, settings):
    """The loop as it was before strategies had anything to begin, without augmentation."""
    network = model.copy().network.train()
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.lr, weight_decay=settings.weight_decay
    )
    batch_of, losses = batches_of(model), []
    for step, row in enumerate(drawn):
        chance = np.random.default_rng((settings.seed, step))
        images, targets = batch_of([frames[k] for k in row])
        for group in optimizer.param_groups:
            group["lr"] = settings.rate(step)
        torch.manual_seed(int(chance.integers(2**62)))
        with precise("auto", torch.device("cpu")):
            parts = network(images.contiguous(memory_format=torch.channels_last), targets)
        loss = torch.stack(list(parts.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    network.eval()
    interpolate(model.network, network, Interpolate(Naive()).part)
    return losses, network.state_dict()


def test_the_default_of_the_line_gives_the_losses_and_weights_that_it_always_gave(champion, piles):
    strategy = strategy_named("replay+interpolate")
    assert strategy == Interpolate(Replay(0.7))
    drawn = strategy.draw(6, 12, (6, 2), np.random.default_rng(0))
    losses, weights = by_hand(champion, piles, drawn, SHORT)
    report = fit(champion, piles[:6], piles[6:], strategy, SHORT)
    assert report.losses == tuple(losses)
    assert all(torch.equal(t, weights[n]) for n, t in weights_of(report.model).items())


def test_all_strategies_together_go_on_with_the_identical_losses(champion, piles, tmp_path):
    strategy = strategy_named("replay:hardest+lora+distill+ewc+interpolate:held")
    kept = Checkpoint(tmp_path / "run.safetensors", every=2)

    def stop(done, steps, loss):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(champion, piles[:6], piles[6:], strategy, SHORT, inverted, kept, stop)
    resumed = fit(champion, piles[:6], piles[6:], strategy, SHORT, inverted, kept)
    whole = fit(champion, piles[:6], piles[6:], strategy, SHORT, inverted)
    assert resumed.resumed_at == 4
    assert resumed.losses == whole.losses
    weights = weights_of(whole.model)
    assert all(torch.equal(t, weights[n]) for n, t in weights_of(resumed.model).items())


def test_a_run_of_another_strategy_does_not_take_up_the_checkpoint(champion, piles, tmp_path):
    kept = Checkpoint(tmp_path / "run.safetensors")
    short = replace(SHORT, steps=2)
    fit(champion, piles[:6], piles[6:], strategy_named("ewc"), short, None, kept)
    with pytest.raises(Exception, match="strategy or first weights"):
        fit(champion, piles[:6], piles[6:], strategy_named("distill"), short, None, kept)


def begun(strategy, model, new, history):
    trained = model.copy()
    return trained, strategy.begin(trained.network, model.network, new, history, batches_of(model))


def test_distillation_costs_nothing_until_the_challenger_leaves_the_champion(champion, piles):
    trained, ready = begun(Distill(), champion, piles[:6], [])
    batch = batches_of(champion)(piles[:4])
    start = ready.penalty(trained.network, batch).detach()
    assert float(start) == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        for parameter in trained.network.roi_heads.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    apart = ready.penalty(trained.network, batch)
    assert float(apart.detach()) > 0.001
    apart.backward()
    heads = trained.network.roi_heads
    for part in (heads.box_predictor.kinds, heads.box_predictor.deltas, heads.mask_predictor.mask):
        assert part.weight.grad.abs().sum() > 0, "kinds, boxes and masks are held"
    assert all(p.grad is None for p in champion.network.parameters())


def test_the_champion_teaches_nothing_where_the_labels_contradict_it(champion, piles):
    grown = champion.grown(champion.taxonomy.with_kind("bag", "soft"))
    trained, ready = begun(Distill(), grown, piles[:6], [])
    with torch.no_grad():
        for parameter in trained.network.roi_heads.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    batch_of = batches_of(grown)
    all_new = [
        replace(f, truth=replace(f.truth, labels=np.full(len(f.truth), 3))) for f in piles[:4]
    ]
    empty = [replace(f, truth=Instances.empty()) for f in piles[:4]]
    assert float(ready.penalty(trained.network, batch_of(piles[:4])).detach()) > 0
    assert float(ready.penalty(trained.network, batch_of(all_new))) == 0
    assert float(ready.penalty(trained.network, batch_of(empty))) == 0


def test_distillation_keeps_what_the_challenger_says_of_old_pictures(champion, piles):
    """Trained on pictures whose names are swapped, it changes less of the names than naively."""
    settings = replace(SHORT, steps=12, batch=4, lr=2e-3, frozen_norm=True)
    moved = {}
    for strategy in (Naive(), Distill(Replay(), 20.0)):
        report = fit(
            champion, [inverted_always(p) for p in piles[:6]], piles[6:], strategy, settings
        )
        _, judge = begun(Distill(), champion, piles, [])
        apart = judge.penalty(report.model.network, batches_of(champion)(piles[6:]))
        moved[strategy.name] = float(apart.detach())
    assert moved["replay+distill"] < 0.7 * moved["naive"]


def inverted_always(frame):
    return replace(frame, image=255 - frame.image)


def test_no_trace_of_the_teacher_stays_on_the_trained_network(champion, piles):
    report = fit(champion, piles[:4], [], Distill(), replace(SHORT, steps=1))
    assert not report.model.network.backbone._forward_hooks
    assert not champion.network.backbone._forward_hooks


def test_distillation_of_another_network_is_refused_before_training():
    other = nn.Conv2d(3, 8, 3)
    with pytest.raises(InvalidInput, match="a Mask R-CNN, found Conv2d"):
        Distill().begin(other, other, [], [], None)


def test_ewc_pulls_most_at_the_weights_that_mattered_for_history(champion, piles):
    trained, ready = begun(Ewc(strength=2.0), champion, piles[:4], piles[4:10])
    batch = batches_of(champion)(piles[:2])
    assert float(ready.penalty(trained.network, batch)) == 0
    parameter = trained.network.roi_heads.box_predictor.objectness.bias
    with torch.no_grad():
        parameter.add_(0.1)
    once = float(ready.penalty(trained.network, batch))
    with torch.no_grad():
        parameter.add_(0.1)
    assert once > 0
    assert float(ready.penalty(trained.network, batch)) == pytest.approx(4 * once, rel=1e-3)
    gradients = []
    for frame in piles[4:10]:
        network = champion.copy().network.train()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        sum(network(*batches_of(champion)([frame])).values()).backward()
        gradients.append(float(network.roi_heads.box_predictor.objectness.bias.grad) ** 2)
    assert once == pytest.approx(0.01 * np.mean(gradients), rel=0.8), "but for sampled regions"


def test_ewc_moves_less_of_what_mattered_and_without_history_changes_nothing(champion, piles):
    naive = fit(champion, piles[:6], piles[6:], Naive(), SHORT)
    bound = fit(champion, piles[:6], piles[6:], Ewc(strength=1e5), SHORT)
    alone = fit(champion, piles[:6], [], Ewc(strength=1e5), SHORT)
    anchor = begun(Ewc(), champion, piles[:6], piles[6:])[1].anchor
    with torch.no_grad():
        moved = [float(anchor.stretch(report.model.network)) for report in (bound, naive)]
    assert moved[0] < 0.5 * moved[1]
    assert alone.losses == naive.losses


def test_ewc_without_history_anchors_nothing_and_keeps_the_inner_penalty(champion, piles):
    trained, ready = begun(Ewc(Distill()), champion, piles[:4], [])
    batch = batches_of(champion)(piles[:2])
    with torch.no_grad():
        for parameter in trained.network.roi_heads.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    assert ready.anchor is None
    penalty = float(ready.penalty(trained.network, batch).detach())
    assert penalty == float(ready.strategy.penalty(trained.network, batch).detach())
    assert penalty > 0


def test_lora_moves_a_large_weight_in_few_directions_and_leaves_an_ordinary_model(champion, piles):
    report = fit(champion, piles[:6], [], Lora(rank=3), SHORT)
    weights = weights_of(champion)
    assert weights_of(report.model).keys() == weights.keys()
    large = small = 0
    for name, weight in weights_of(report.model).items():
        if name.endswith("weight") and weight.dim() > 1:
            change = (weight - weights[name]).flatten(1)
            rank = int(torch.linalg.matrix_rank(change.double(), rtol=1e-4))
            if min(change.shape) > 6:
                assert rank <= 3, name
                large += rank > 0
            else:
                small += rank > 0
    assert large > 15
    assert small > 0, "small ones are learned whole"
    assert all(p.requires_grad for p in report.model.network.parameters())
    assert fit(report.model, piles[:6], [], Naive(), replace(SHORT, steps=1)).losses[0] > 0


def test_lora_is_refused_by_a_network_without_wide_layers():
    network = nn.Sequential(nn.Linear(12, 40), nn.ReLU(), nn.Linear(40, 2))
    with pytest.raises(InvalidInput, match="wider than 16"):
        Lora().begin(network, network, [], [], None)


def test_the_mix_is_the_one_with_the_lowest_loss_on_what_was_held_out(champion, piles):
    batch_of = batches_of(champion)
    trained, ready = begun(Interpolate(Replay(), held=True), champion, piles[:6], piles[6:])
    with torch.no_grad():
        for parameter in trained.network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.manual_seed(1)))
    mixes = {}
    for part in PARTS:
        between = trained.copy().network
        interpolate(champion.network, between, part)
        new, old = (losses_of(between, group, batch_of) for group in ([piles[5]], piles[11::6]))
        mixes[part] = (new.mean() + old.mean()) / 2, between.state_dict()
    _, expected = min(mixes.values(), key=lambda mix: mix[0])
    ready.finish(trained.network, champion.network)
    assert mixes[0.4][0] < mixes[1.0][0], "noise is worth going back from"
    assert all(torch.equal(t, expected[n]) for n, t in weights_of(trained).items())


def test_with_too_few_new_pictures_to_hold_any_out_the_mix_is_the_usual_one(champion, piles):
    held = fit(champion, piles[:5], [], Interpolate(Replay(), held=True), SHORT)
    usual = fit(champion, piles[:5], [], Interpolate(Replay()), SHORT)
    weights = weights_of(usual.model)
    assert all(torch.equal(t, weights[n]) for n, t in weights_of(held.model).items())
