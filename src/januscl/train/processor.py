"""What torch runs on, and how it uses it."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from januscl.core import InvalidInput
from januscl.train.settings import DEVICES

DEVICE = "JANUS_DEVICE"
"""The variable of the environment that says what ``auto`` stands for on this machine."""


def device_named(name: str = "auto") -> torch.device:
    """Return the device of this process that a name stands for.

    Args:
        name: ``cpu``, ``cuda`` (the current GPU), ``cuda:1``, or ``auto``: what the variable
            ``JANUS_DEVICE`` says, and without it the current GPU where there is one.

    Raises:
        InvalidInput: There is no such name, or no such GPU here.
    """
    asked = name
    if asked == "auto":
        asked = os.environ.get(DEVICE) or "auto"
    if not DEVICES.fullmatch(asked):
        raise InvalidInput("device", "auto, cpu, cuda or cuda:0", repr(asked)[:40], "Try auto.")
    count = 0 if asked == "cpu" else torch.cuda.device_count()
    if asked == "cpu" or (asked == "auto" and not count):
        return torch.device("cpu")
    number = int(asked[5:]) if ":" in asked else torch.cuda.current_device() if count else 0
    if number >= count:
        raise InvalidInput(
            f"device {asked}",
            "a GPU that torch can use",
            f"{count} of them on this machine",
            "Check the driver and CUDA_VISIBLE_DEVICES, or take cpu.",
        )
    return torch.device("cuda", number)


@contextmanager
def limited_threads(number: int) -> Iterator[None]:
    """Let torch use ``number`` threads of this process within the block, and as before after it.

    More than the free cores makes training and prediction many times slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def own_chance(device: torch.device) -> AbstractContextManager[None]:
    """Return the block within which torch's chance may be seeded without a trace outside."""
    return torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])


def precise(precision: str, device: torch.device) -> torch.autocast:
    """Return the block within which convolutions and products have this precision.

    Weights, gradients of weights and losses stay ``float32`` (Micikevicius et al., Mixed Precision
    Training, ICLR 2018). On a processor that has ``bfloat16`` a training step takes 0.6x the time.

    Args:
        precision: ``float32``, ``bfloat16``, or ``auto``: ``bfloat16`` where the device has it.
        device: Where they are computed.
    """
    mixed = precision == "bfloat16" or (precision == "auto" and _has_bfloat16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=mixed)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
