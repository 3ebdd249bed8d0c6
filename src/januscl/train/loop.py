"""The training loop, to be read in one sitting.

Everything that a step does follows from the seed and the step's number, so a run can stop at any
point and go on from its last checkpoint with the very same losses.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from januscl.core import InvalidInput, JobFailed, LabelledFrame, Strategy
from januscl.train.checkpoint import Checkpoint, run_of
from januscl.train.model import CompactModel
from januscl.train.network import CompactMaskRCNN, Targets
from januscl.train.prepare import check_frame, fitted_frame, to_input, to_target
from januscl.train.processor import limited_threads, precise
from januscl.train.settings import Settings

Augment = Callable[[Sequence[LabelledFrame], int, np.random.Generator], LabelledFrame]
Progress = Callable[[int, int, float], None]
_STEEPEST = 10.0
"""Gradients are cut to this norm: one odd batch must not undo what was learned."""


@dataclass(frozen=True, eq=False)
class FitReport:
    """What a training run made.

    Attributes:
        model: The trained model; the one that `fit` was given is unchanged.
        losses: The loss of each step, those before a resume included.
        resumed_at: The step that this call started from.
        seconds: Wall-clock time of this call.
    """

    model: CompactModel
    losses: tuple[float, ...]
    resumed_at: int
    seconds: float


def fit(
    model: CompactModel,
    new: Sequence[LabelledFrame],
    history: Sequence[LabelledFrame],
    strategy: Strategy,
    settings: Settings,
    augment: Augment | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
) -> FitReport:
    """Train a copy of ``model`` on new pictures and on history, as the strategy mixes them.

    Pictures are first resized to the model's input size, so ``augment`` sees and returns small
    ones. On two cores a step of 8 pictures at 192 px takes 0.3 s in ``bfloat16`` and 0.4 s without.

    Args:
        model: Where to start; it must know every label (see `CompactModel.grown`).
        new: What is to be learned, at least one picture.
        history: What must not be forgotten; may be empty.
        strategy: Which pictures a step sees, and what is added to its loss.
        settings: Steps, rates, seed and threads.
        augment: Called with all frames, new before history, the index of the chosen one and a
            generator; returns the frame to train on.
        checkpoint: Where to keep the run; if a part of it is kept there, it goes on from there.
        progress: Called after each step with the steps done, all steps, and the loss.

    Raises:
        InvalidInput: There is no new picture, or one does not fit its labels; before training.
        Conflict: The checkpoint belongs to another run.
        JobFailed: The loss is no longer a finite number.
        StorageFull: There was no room for a checkpoint; the earlier one is intact.
    """
    began = time.monotonic()
    frames = _ready(model, new, history)
    shape = (settings.steps, settings.batch)
    drawn = strategy.draw(len(new), len(history), shape, np.random.default_rng(settings.seed))
    trained = model.copy()
    optimizer = torch.optim.AdamW(
        trained.network.parameters(), settings.lr, weight_decay=settings.weight_decay
    )
    run = run_of(model, frames, drawn, strategy.name, settings)
    losses = checkpoint.restore(run, trained.network, optimizer) if checkpoint else []
    resumed_at = len(losses)
    with limited_threads(settings.threads), torch.random.fork_rng(devices=[]):
        _train_mode(trained.network, settings.frozen_norm)
        for step in range(resumed_at, settings.steps):
            chance = _begin(step, settings, optimizer)
            chosen = [
                augment(frames, int(i), chance) if augment else frames[i] for i in drawn[step]
            ]
            losses.append(_step(trained, chosen, strategy, optimizer, settings.precision))
            done = step + 1
            if checkpoint and (done % checkpoint.every == 0 or done == settings.steps):
                checkpoint.write(run, trained.network, optimizer, losses)
            if progress:
                progress(done, settings.steps, losses[-1])
    trained.network.eval()
    strategy.finish(trained.network, model.network)
    return FitReport(trained, tuple(losses), resumed_at, time.monotonic() - began)


def _ready(
    model: CompactModel, new: Sequence[LabelledFrame], history: Sequence[LabelledFrame]
) -> list[LabelledFrame]:
    """Return all frames, new before history, checked and at the model's input size."""
    if not new:
        raise InvalidInput("new", "at least one labelled picture", "none", "Label some first.")
    for frame in (*new, *history):
        check_frame(frame, model.rows)
    return [fitted_frame(frame, model.input_px) for frame in (*new, *history)]


def _begin(step: int, settings: Settings, optimizer: torch.optim.Optimizer) -> np.random.Generator:
    """Set the step's rate and torch's seed; return the generator of the step's other chance."""
    for group in optimizer.param_groups:
        group["lr"] = settings.rate(step)
    chance = np.random.default_rng((settings.seed, step))
    torch.manual_seed(int(chance.integers(2**62)))
    return chance


def _step(
    model: CompactModel,
    frames: Sequence[LabelledFrame],
    strategy: Strategy,
    optimizer: torch.optim.Optimizer,
    precision: str,
) -> float:
    """Make one weight update and return its loss; the weights are untouched if it is not finite."""
    network, size = model.network, model.input_px
    images = to_input([frame.image for frame in frames], size)
    images = images.contiguous(memory_format=torch.channels_last)
    targets: Targets = [to_target(frame, size, model.rows) for frame in frames]
    with precise(precision):
        parts = network.losses(images, targets)
    loss = torch.stack(list(parts.values())).sum() + strategy.penalty(network, (images, targets))
    if not torch.isfinite(loss):
        terms = ", ".join(f"{name} {float(part.detach()):.3g}" for name, part in parts.items())
        raise JobFailed(
            f"training stopped: the loss is {float(loss.detach())} ({terms}) on frames "
            f"{[frame.id for frame in frames]}. Lower the learning rate, or check these labels."
        )
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), _STEEPEST)
    optimizer.step()
    return float(loss.detach())


def _train_mode(network: CompactMaskRCNN, frozen_norm: bool) -> None:
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train(not frozen_norm)
