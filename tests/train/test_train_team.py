"""Several processes that train one model in step."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from train_piles import SHORT, draw, inverted

from januscl.core import InvalidInput
from januscl.train import Checkpoint, CompactModel, Naive, Replay, fit
from januscl.train.crew import Team

MEMBER = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path

import torch.distributed as dist

here, folder = map(Path, sys.argv[1:3])
rank, dies_at = map(int, sys.argv[3:])
sys.path.insert(0, str(here))
from train_piles import SHORT, draw, inverted
from januscl.train import Checkpoint, CompactModel, Replay, fit

dist.init_process_group("gloo", f"file://{folder}/meet-{dies_at}", rank=rank, world_size=2)

def die(done, steps, loss):
    print(repr(loss), flush=True)
    if done == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)

piles = [draw(seed) for seed in range(5)]
model = CompactModel.load(folder / "model.safetensors")
# Each on a disk of its own.
kept = Checkpoint(folder / f"disk-{rank}" / "run.safetensors", every=2)
settings = replace(SHORT, frozen_norm=True)
report = fit(model, piles[:3], piles[3:], Replay(), settings, inverted, kept, die)
report.model.save(folder / f"trained-{rank}.safetensors")
print("all", *map(repr, report.losses), report.resumed_at)
dist.destroy_process_group()
"""


def train(folder, dies_at=0):
    """Let two processes train together, and return what each of them printed."""
    here = str(Path(__file__).parent)
    words = [[sys.executable, "-c", MEMBER, here, folder, str(r), str(dies_at)] for r in range(2)]
    members = [subprocess.Popen(words_of, stdout=subprocess.PIPE, text=True) for words_of in words]
    try:
        told = [member.communicate(timeout=120)[0].split() for member in members]
    finally:
        for member in members:
            member.kill()
    return [member.returncode for member in members], told


@pytest.mark.slow
def test_two_processes_train_one_model_and_go_on_together_after_a_kill(kinds, tmp_path):
    model = CompactModel.new(kinds, input_px=64)
    model.save(tmp_path / "model.safetensors")
    codes, (seen, _) = train(tmp_path, dies_at=5)
    assert codes[0] == -9
    assert codes[1] != 0
    assert not (tmp_path / "disk-1" / "run.safetensors").exists(), "the first alone keeps it"
    codes, (first, second) = train(tmp_path)
    assert codes == [0, 0]
    assert first == second
    *losses, resumed_at = first[first.index("all") + 1 :]
    assert resumed_at == "4", "where the checkpoint was, which the second process did not have"
    assert losses[:5] == seen, "as if nothing had stopped them"
    one, two = (CompactModel.load(tmp_path / f"trained-{rank}.safetensors") for rank in range(2))
    weights = two.network.state_dict()
    assert all(torch.equal(t, weights[n]) for n, t in one.network.state_dict().items())
    piles = [draw(seed) for seed in range(5)]
    settings = replace(SHORT, frozen_norm=True)
    alone = fit(model, piles[:3], piles[3:], Replay(), settings, inverted)
    together = sum(float(loss) for loss in losses)
    assert together == pytest.approx(sum(alone.losses), rel=0.15), "as one process would learn"


@pytest.fixture
def team_of_one(tmp_path):
    dist.init_process_group("gloo", f"file://{tmp_path}/meet", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_a_team_of_one_is_a_process_that_is_alone(kinds, tmp_path, team_of_one):
    model, piles = CompactModel.new(kinds, input_px=64), [draw(0), draw(1)]
    together = fit(model, piles, [], Naive(), replace(SHORT, steps=2))
    dist.destroy_process_group()
    alone = fit(model, piles, [], Naive(), replace(SHORT, steps=2))
    dist.init_process_group("gloo", f"file://{tmp_path}/again", rank=0, world_size=1)
    assert together.losses == alone.losses


def test_a_batch_that_cannot_be_shared_evenly_is_refused(kinds, monkeypatch, tmp_path):
    monkeypatch.setattr("januscl.train.loop.team", lambda: Team(0, 3))
    model, kept = CompactModel.new(kinds, input_px=64), Checkpoint(tmp_path / "run.safetensors")
    with pytest.raises(InvalidInput, match="a multiple of 3, the number of workers"):
        fit(model, [draw(0)], [], Naive(), SHORT, None, kept)
