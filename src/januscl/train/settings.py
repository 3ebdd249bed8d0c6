"""What a training run is asked to do."""

import math
import re
from dataclasses import dataclass

from januscl.core import InvalidInput

PRECISIONS = ("auto", "float32", "bfloat16")
DEVICES = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


@dataclass(frozen=True)
class Settings:
    """The settings of `fit`; the defaults are for fine-tuning a trained model.

    Attributes:
        steps: Weight updates; with ``seconds`` the most that are made.
        batch: Pictures a step.
        lr: Highest learning rate of AdamW, reached after the warm-up; a network of attention layers
            takes a tenth of it.
        warmup: Steps of linear rise; then the rate falls along a cosine to a hundredth.
        weight_decay: Of AdamW.
        seed: The only source of chance: which pictures, which boxes, which augmentation.
        threads: torch's threads. More than the free cores makes training many times slower.
        frozen_norm: Keep the running statistics of batch normalisation, as fine-tuning on few
            pictures should; a new model learns them.
        precision: Of products and convolutions: ``float32``, ``bfloat16``, or ``auto`` for
            ``bfloat16`` where the device has it.
        device: ``cpu``, ``cuda``, ``cuda:1``, or ``auto`` for the GPU where there is one (and what
            ``JANUS_DEVICE`` says, where it is set). A run may go on on another device than it
            began on.
        seconds: Wall-clock time within which training is to end, that of earlier calls of a run
            that goes on included. As many steps are made as fit, one at least, and the learning
            rate falls to its end with the last of them. No limit when omitted.

    Raises:
        InvalidInput: A number is out of range, or there is no such precision or device.
    """

    steps: int = 100
    batch: int = 8
    lr: float = 1e-3
    warmup: int = 10
    weight_decay: float = 1e-4
    seed: int = 0
    threads: int = 2
    frozen_norm: bool = True
    precision: str = "auto"
    device: str = "auto"
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch", 1), ("warmup", 0), ("seed", 0), ("threads", 1)):
            if getattr(self, name) < least:
                raise InvalidInput(name, f"{least} or more", f"{getattr(self, name)}", "Raise it.")
        if not (0 < self.lr < 1 and 0 <= self.weight_decay < 1):
            raise InvalidInput(
                "lr and weight_decay",
                "numbers above 0 (decay: from 0) and below 1",
                f"{self.lr} and {self.weight_decay}",
                "1e-3 and 1e-4 are good starts.",
            )
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise InvalidInput(
                "seconds", "a number above 0, or none", f"{self.seconds}", "Leave it out."
            )
        if self.precision not in PRECISIONS:
            raise InvalidInput(
                "precision", f"one of {', '.join(PRECISIONS)}", repr(self.precision), "Try auto."
            )
        if not isinstance(self.device, str) or not DEVICES.fullmatch(self.device):
            raise InvalidInput(
                "device", "auto, cpu, cuda or cuda:0", repr(self.device)[:40], "Try auto."
            )

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.lr * (step + 1) / (self.warmup + 1)
        along = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along)))
