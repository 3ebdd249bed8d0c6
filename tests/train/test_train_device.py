"""Where a model works: named, chosen by itself, or by the machine's environment."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from train_piles import SHORT, draw

from januscl.core import InvalidInput
from januscl.train import CompactMaskRCNN, CompactModel, Naive, Settings, fit
from januscl.train.ahead import ahead
from januscl.train.processor import device_named, precise

CUDA = torch.device("cuda", 0)


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.delenv("JANUS_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.delenv("JANUS_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def test_the_current_gpu_is_taken_where_there_is_one(two_gpus):
    assert device_named() == device_named("cuda") == torch.device("cuda", 1)
    assert device_named("cuda:0") == CUDA
    assert device_named("cpu") == torch.device("cpu")


def test_without_a_gpu_the_processor_is_taken_and_one_that_was_named_is_missed(no_gpu):
    assert device_named() == torch.device("cpu")
    with pytest.raises(InvalidInput, match=r"device cuda: expected a GPU.*0 of them"):
        device_named("cuda")


def test_the_environment_says_what_auto_stands_for_on_this_machine(two_gpus, monkeypatch):
    monkeypatch.setenv("JANUS_DEVICE", "cuda:0")
    assert device_named() == CUDA
    assert device_named("cpu") == torch.device("cpu"), "what is asked for by name is not changed"
    monkeypatch.setenv("JANUS_DEVICE", "cuda:2")
    with pytest.raises(InvalidInput, match="2 of them on this machine"):
        device_named()
    monkeypatch.setenv("JANUS_DEVICE", "tpu")
    with pytest.raises(InvalidInput, match="auto, cpu, cuda"):
        device_named()


def test_settings_refuse_a_device_that_cannot_be():
    for name in ("gpu", "cuda:", "cuda:x", "meta", ""):
        with pytest.raises(InvalidInput, match="device"):
            Settings(device=name)


def test_a_gpu_that_is_not_there_is_told_before_training_begins(no_gpu, kinds):
    model, steps = CompactModel.new(kinds, input_px=64), []
    with pytest.raises(InvalidInput, match="a GPU that torch can use"):
        fit(
            model, [draw(0)], [], Naive(), Settings(steps=1, device="cuda"),
            progress=lambda *step: steps.append(step),
        )  # fmt: skip
    assert steps == []


@pytest.mark.parametrize("able", [True, False])
def test_a_gpu_computes_in_bfloat16_if_it_can(monkeypatch, able):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: able)
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    assert precise("auto", CUDA)._enabled is able
    assert precise("auto", CUDA).device == "cuda"
    assert not precise("float32", CUDA)._enabled


def test_on_a_gpu_no_part_of_the_network_is_left_on_the_processor():
    """Tensors without data know their device, and refuse to be mixed."""
    with FakeTensorMode():
        with CUDA:
            network = CompactMaskRCNN(2)
        network.grow(1)
        features = network.backbone(torch.zeros(2, 3, 64, 64, device=CUDA))
        scores, moves = network.rpn.head(list(features.values()))
        regions = network.roi_heads.box_head(torch.zeros(5, 64, 7, 7, device=CUDA))
        logits, deltas = network.roi_heads.box_predictor(regions)
        masks = network.roi_heads.mask_predictor(torch.zeros(5, 64, 14, 14, device=CUDA))
    assert {t.device for t in (*scores, *moves, logits, deltas, masks)} == {CUDA}
    assert logits.shape == (5, 4)
    assert masks.shape == (5, 4, 28, 28)


def test_a_model_moves_with_all_it_knows_and_stays_where_it_was(kinds):
    model = CompactModel.new(kinds, input_px=64, device="cpu")
    assert model.on(torch.device("cpu")) is model
    moved = model.on(torch.device("meta"))
    assert moved.device == torch.device("meta")
    assert model.device == torch.device("cpu")
    assert (moved.rows, moved.input_px, moved.taxonomy) == (model.rows, 64, kinds)


def test_a_run_may_go_on_on_another_device(kinds, tmp_path, monkeypatch):
    from januscl.train import Checkpoint

    model = CompactModel.new(kinds, input_px=64)
    settings = Settings(**{**vars(SHORT), "steps": 2})
    written = []
    kept = Checkpoint(tmp_path / "run.safetensors", every=1, written=written.append)
    whole = fit(model, [draw(0), draw(1)], [], Naive(), settings, None, kept)
    elsewhere = Settings(**{**vars(settings), "device": "cpu"})
    again = fit(model, [draw(0), draw(1)], [], Naive(), elsewhere, None, kept)
    assert again.resumed_at == 2
    assert again.losses == whole.losses
    assert written == [kept.path, kept.path]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_what_is_made_ahead_comes_in_order_and_only_a_little_ahead(threads):
    made = []
    found = ahead(lambda number: made.append(number) or number * 2, range(100), threads)
    assert [next(found) for _ in range(3)] == [0, 2, 4]
    assert len(made) <= 3 + 2 * threads + 1
    assert list(found) == [number * 2 for number in range(3, 100)]


def test_what_goes_wrong_ahead_is_raised_when_its_turn_comes():
    found = ahead(lambda number: 1 // (2 - number), range(100), 2)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(found)
