"""Strategies against forgetting: which pictures a step sees, what is added, how training ends.

Three of them draw pictures (`Naive`, `Joint`, `Replay`). The others wrap one that draws: they
change what may move (`Lora`), add to the loss (`Distill`, `Ewc`), or go back a part of the way once
training has ended (`Interpolate`). Nothing here imports torch before a training begins, so that a
name can be checked anywhere.
"""

from januscl.train.strategies.distill import Distill
from januscl.train.strategies.drawing import Joint, Naive, Replay
from januscl.train.strategies.ewc import Ewc
from januscl.train.strategies.interpolation import Interpolate, interpolate
from januscl.train.strategies.lora import Lora
from januscl.train.strategies.named import strategy_named

__all__ = [
    "Distill", "Ewc", "Interpolate", "Joint", "Lora", "Naive", "Replay", "interpolate",
    "strategy_named",
]  # fmt: skip
