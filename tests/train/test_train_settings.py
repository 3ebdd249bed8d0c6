import subprocess
import sys

import numpy as np
import pytest
import torch

import januscl.train
from januscl.core import InvalidInput, NotFound
from januscl.core.contracts import check_strategy
from januscl.train import CompactModel, Interpolate, Naive, Replay, Settings, strategy_named


@pytest.mark.parametrize("strategy", [Naive(), Replay(), Replay(0.0), Replay(0.8)])
def test_strategies_keep_the_contract(strategy):
    check_strategy(strategy)


def test_replay_gives_history_its_share_of_every_step():
    drawn = Replay(0.25).draw(10, 30, (40, 8), np.random.default_rng(0))
    assert ((drawn >= 10).sum(axis=1) == 2).all()


def test_replay_shows_each_new_picture_equally_often():
    drawn = Replay(0.5).draw(10, 30, (40, 8), np.random.default_rng(0))
    counts = np.bincount(drawn[drawn < 10], minlength=10)
    assert counts.tolist() == [16] * 10


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_replay_share_that_leaves_nothing_new_is_refused(share):
    with pytest.raises(InvalidInput, match="below 1"):
        Replay(share)


def test_strategies_are_found_by_name_and_unknown_ones_named():
    assert strategy_named("replay") == Replay()
    assert strategy_named("naive") == Naive()
    assert strategy_named("replay+interpolate") == Interpolate(Replay(0.7))
    with pytest.raises(NotFound, match=r"'dream' is not one of \['naive', 'joint', 'replay'"):
        strategy_named("dream")


def test_the_rate_rises_through_the_warm_up_and_falls_along_a_cosine():
    rates = [Settings(steps=50, warmup=5, lr=0.01).rate(step) for step in range(50)]
    assert np.argmax(rates) == 5
    assert rates[5] == pytest.approx(0.01)
    assert (np.diff(rates[:6]) > 0).all()
    assert (np.diff(rates[5:]) < 0).all()


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": 0}, {"lr": 0.0}, {"threads": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInput):
        Settings(**wrong)


def test_every_public_name_exists():
    assert sorted(januscl.train.__all__) == sorted(set(januscl.train.__all__))
    for name in januscl.train.__all__:
        assert getattr(januscl.train, name) is not None
    with pytest.raises(AttributeError):
        januscl.train.nothing  # noqa: B018


def test_importing_the_room_does_not_import_torch():
    code = "import sys, januscl.train as t; t.Settings, t.Replay; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_interpolation_ends_a_part_of_the_way_from_the_champion_to_what_was_learned():
    champion, trained = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    torch.nn.init.constant_(champion.weight, 1.0)
    torch.nn.init.constant_(trained.weight, 2.0)
    trained.num_batches_tracked += 5
    Interpolate(Naive(), 0.7).finish(trained, champion)
    assert torch.allclose(trained.weight, torch.full((3,), 1.7))
    assert int(trained.num_batches_tracked) == 5
    check_strategy(Interpolate(Replay()))
    with pytest.raises(InvalidInput, match="above 0 and up to 1, found 0"):
        Interpolate(Naive(), 0)


def test_interpolation_keeps_what_was_learned_of_a_kind_that_the_champion_was_not_taught(kinds):
    champion = CompactModel.new(kinds, 64).grown(kinds.with_kind("bag", "soft"))
    trained = champion.copy()
    predictor = trained.network.roi_heads.box_predictor.kinds
    torch.nn.init.constant_(predictor.bias, 2.0)
    before = champion.network.roi_heads.box_predictor.kinds.bias
    Interpolate(Naive(), 0.5).finish(trained.network, champion.network)
    assert predictor.bias[-1] == 2.0, "it is called by its name"
    assert torch.allclose(predictor.bias[:-1], (before[:-1] + 2.0) / 2)
    tempered = trained.towards(champion, 0.5)
    assert tempered.network.roi_heads.box_predictor.kinds.bias[-1] == 2.0


def test_a_precision_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(InvalidInput, match="auto, float32, bfloat16"):
        Settings(precision="half")
