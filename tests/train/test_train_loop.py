import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from train_piles import SHORT, draw, inverted

from januscl.core import Conflict, Instances, InvalidInput, JobFailed, Rle, StorageFull
from januscl.train import Checkpoint, CompactModel, Naive, Replay, fit
from januscl.train.processor import precise

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from train_piles import SHORT, draw, inverted
from januscl.train import Checkpoint, CompactModel, Replay, fit

def die(done, steps, loss):
    if done == 5:
        os.kill(os.getpid(), signal.SIGKILL)

piles = [draw(seed) for seed in range(5)]
model, kept = CompactModel.load(Path(sys.argv[2])), Checkpoint(Path(sys.argv[3]), every=2)
fit(model, piles[:3], piles[3:], Replay(), SHORT, inverted, kept, die)
"""


@pytest.fixture
def model(kinds):
    return CompactModel.new(kinds, input_px=64)


@pytest.fixture
def piles():
    return [draw(seed) for seed in range(5)]


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(model, piles):
    one = fit(model, piles[:3], piles[3:], Replay(), SHORT, inverted)
    two = fit(model, piles[:3], piles[3:], Replay(), SHORT, inverted)
    other = fit(model, piles[:3], piles[3:], Replay(), replace(SHORT, seed=1), inverted)
    assert one.losses == two.losses
    assert one.losses != other.losses


def test_bfloat16_rounds_the_products_of_training_and_no_weight(model, piles):
    exact, rounded = (
        fit(model, piles[:3], piles[3:], Replay(), replace(SHORT, precision=precision), inverted)
        for precision in ("float32", "bfloat16")
    )
    assert rounded.losses != exact.losses
    assert np.mean(rounded.losses) == pytest.approx(np.mean(exact.losses), rel=0.1)
    assert {t.dtype for t in rounded.model.network.parameters()} == {torch.float32}


def test_in_bfloat16_no_box_and_no_score_is_rounded(model):
    """A coordinate of 300 px would be a multiple of 2, and boxes without a width give no number."""
    network = model.network
    with precise("bfloat16", torch.device("cpu")):
        features = network.backbone(torch.zeros(1, 3, 64, 64))
        scores, moves = network.rpn.head(list(features.values()))
        regions = network.roi_heads.box_head(torch.zeros(2, 64, 7, 7))
        found = network.roi_heads.box_predictor(regions)
        masks = network.roi_heads.mask_predictor(torch.zeros(2, 64, 14, 14))
    assert regions.dtype == torch.bfloat16
    assert {t.dtype for t in (*scores, *moves, *found, masks)} == {torch.float32}


def test_training_leaves_the_champion_and_the_callers_torch_as_they_were(model, piles):
    before = {n: t.clone() for n, t in model.network.state_dict().items()}
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(model, piles, [], Naive(), replace(SHORT, steps=2, threads=2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == 1
    assert all(torch.equal(t, before[n]) for n, t in model.network.state_dict().items())


def test_frozen_norm_keeps_the_statistics_of_the_champion(model, piles):
    name = "backbone.stem.0.1.running_mean"
    before = model.network.state_dict()[name].clone()
    fine = fit(model, piles, [], Naive(), replace(SHORT, steps=2, frozen_norm=True)).model
    fresh = fit(model, piles, [], Naive(), replace(SHORT, steps=2)).model
    assert torch.equal(fine.network.state_dict()[name], before)
    assert not torch.equal(fresh.network.state_dict()[name], before)


def test_a_run_killed_in_the_middle_goes_on_with_the_identical_losses(model, piles, tmp_path):
    weights, kept = tmp_path / "m.safetensors", tmp_path / "run.safetensors"
    model.save(weights)
    here = str(Path(__file__).parent)
    ended = subprocess.run([sys.executable, "-c", KILLED, here, weights, kept], timeout=120)
    assert ended.returncode == -signal.SIGKILL
    seen = []
    resumed = fit(
        model,
        piles[:3],
        piles[3:],
        Replay(),
        SHORT,
        inverted,
        Checkpoint(kept, every=2),
        lambda *step: seen.append(step),
    )
    whole = fit(model, piles[:3], piles[3:], Replay(), SHORT, inverted)
    assert resumed.resumed_at == 4
    assert resumed.losses == whole.losses
    assert [(done, steps) for done, steps, _ in seen] == [(5, 6), (6, 6)]
    weights_of = (resumed.model.network.state_dict(), whole.model.network.state_dict())
    assert all(torch.equal(t, weights_of[1][n]) for n, t in weights_of[0].items())


def test_a_checkpoint_of_another_run_is_not_continued(model, piles, tmp_path):
    kept = Checkpoint(tmp_path / "run.safetensors", every=1)
    fit(model, piles, [], Naive(), replace(SHORT, steps=1), None, kept)
    with pytest.raises(Conflict, match="belongs to another run"):
        fit(model, piles, [], Naive(), replace(SHORT, steps=2), None, kept)


def test_a_full_disk_stops_training_and_keeps_the_earlier_checkpoint(model, piles, tmp_path):
    path = tmp_path / "run.safetensors"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(done, steps, loss):
        if done == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))

    try:
        with pytest.raises(StorageFull, match="what was there before is intact"):
            fit(model, piles, [], Naive(), SHORT, None, Checkpoint(path, 2), fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    resumed = fit(model, piles, [], Naive(), SHORT, None, Checkpoint(path, 2))
    assert resumed.resumed_at == 2


def test_an_unknown_label_is_refused_before_training_begins(model, piles):
    wrong = replace(piles[0], truth=replace(piles[0].truth, labels=np.full(4, 9)))
    steps = []
    with pytest.raises(InvalidInput, match=r"labels of frame drawn-0.*\[9\].*Grow the model"):
        fit(model, piles, [wrong], Naive(), SHORT, progress=lambda *s: steps.append(s))
    assert steps == []


def test_a_frame_whose_masks_have_another_size_is_refused(model, piles):
    other = Instances.of_masks([Rle(8, 8, np.array([0, 64]))], [1])
    with pytest.raises(InvalidInput, match="resized after labelling"):
        fit(model, [replace(piles[0], truth=other)], [], Naive(), SHORT)


def test_a_frame_without_colour_is_refused(model, piles):
    grey = replace(piles[0], image=piles[0].image[:, :, 0])
    with pytest.raises(InvalidInput, match=r"frame drawn-0: expected \(H, W, 3\) uint8"):
        fit(model, [grey], [], Naive(), SHORT)


def test_training_on_nothing_is_refused(model, piles):
    with pytest.raises(InvalidInput, match="Label some first"):
        fit(model, [], piles, Replay(), SHORT)


def test_empty_bins_and_fully_hidden_packages_can_be_trained_on(model, piles):
    empty = replace(piles[0], truth=Instances.empty())
    hidden = Instances.of_masks([Rle(64, 64, np.array([4096])), piles[1].truth.masks[0]], [1, 2])
    frames = [empty, replace(piles[1], truth=hidden)]
    report = fit(model, frames, [], Naive(), replace(SHORT, steps=3))
    assert np.isfinite(report.losses).all()


def test_a_loss_that_is_not_finite_stops_training_and_names_the_frames(model, piles):
    class Infinite(Naive):
        def penalty(self, network, batch):
            return torch.tensor(float("inf"))

    with pytest.raises(JobFailed, match=r"the loss is inf .*drawn-\d.*Lower the learning rate"):
        fit(model, piles, [], Infinite(), SHORT)


def test_the_loop_calls_a_strategys_penalty_and_finish(model, piles):
    class Anchored(Naive):
        """Pulls every weight to zero, then takes back half of the way from the champion."""

        def penalty(self, network, batch):
            images, targets = batch
            assert images.shape == (2, 3, 64, 64)
            assert len(targets) == 2
            return sum((p**2).sum() for p in network.parameters())

        def finish(self, network, champion):
            with torch.no_grad():
                for mine, theirs in zip(network.parameters(), champion.parameters(), strict=True):
                    mine.lerp_(theirs, 1.0)

    plain = fit(model, piles, [], Naive(), replace(SHORT, steps=2))
    anchored = fit(model, piles, [], Anchored(), replace(SHORT, steps=2))
    assert anchored.losses[0] > plain.losses[0] + 1
    pairs = zip(anchored.model.network.parameters(), model.network.parameters(), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in pairs)
