"""Teaching the network that draws packages again."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from diagnosis.piles import OUTSIDE, PACKAGE, Picture, lesson

_CHANNELS = 11
_WIDTHS = 24, 48, 80
_BATCH, _FASTEST, _DECAY = 24, 3e-3, 1e-3
_ON_PACKAGE = 3.0  # weight beyond that of any other pixel, on the mask and its package


def _layer(given: int, made: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(given, made, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(made), nn.ReLU())


class Draw(nn.Module):
    """As `januscl.triage.redraw` runs it in numpy, with the same names."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c = _WIDTHS
        self.s1, self.s2 = _layer(4 * _CHANNELS, a), _layer(a, a)
        self.d1, self.d2 = _layer(a, b, 2), _layer(b, b)
        self.e1, self.e2, self.e3 = _layer(b, c, 2), _layer(c, c), _layer(c, c)
        self.u1, self.u2 = _layer(b + c, b), _layer(a + b, a)
        self.o = nn.Conv2d(a, 12, 1)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:  # noqa: N803
        """Return the logits ``(B, 3, SIDE, SIDE)`` of bin, package and others."""
        fine = self.s2(self.s1(F.pixel_unshuffle(x_BCHW, 2)))
        middle = self.d2(self.d1(fine))
        coarse = self.e3(self.e2(self.e1(middle)))
        middle = self.u1(torch.cat((F.interpolate(coarse, scale_factor=2.0), middle), 1))
        fine = self.u2(torch.cat((F.interpolate(middle, scale_factor=2.0), fine), 1))
        return F.pixel_shuffle(self.o(fine), 2)


def teach(folder: Path, pictures: Sequence[Picture], seconds: float, total: float) -> bool:
    """Teach for some seconds, from where the last call in this folder ended.

    Args:
        folder: Keeps the network between calls.
        pictures: To learn from.
        seconds: Of this call.
        total: Of all calls; the rate falls to nothing towards its end.

    Returns:
        Whether the total is reached.
    """
    network, kept = Draw(), folder / "draw.pt"
    steps = torch.optim.AdamW(network.parameters(), lr=_FASTEST, weight_decay=_DECAY)
    spent, done, call = 0.0, 0, 0
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state["network"])
        steps.load_state_dict(state["steps"])
        spent, done, call = state["spent"], state["done"], state["call"] + 1
    network.train()
    rng, began, fit = np.random.default_rng((call, 9)), time.monotonic(), 0.0
    while (now := time.monotonic() - began) < seconds and spent + now < total:
        falling = float(0.5 * (1 + np.cos(np.pi * (spent + now) / total)))
        for group in steps.param_groups:
            group["lr"] = _FASTEST * max(falling, 0.02) * min((done + 1) / 100, 1)
        fit += 0.02 * (_step(network, steps, pictures, rng) - fit)
        done += 1
    spent += time.monotonic() - began
    print(f"{done} steps, {spent:.0f} of {total:.0f} s, IoU of the package about {fit:.3f}")
    torch.save(
        {"network": network.state_dict(), "steps": steps.state_dict(), "spent": spent,
         "done": done, "call": call},
        kept,
    )  # fmt: skip
    return spent >= total


def write(folder: Path, path: Path) -> None:
    """Write what was taught, as the product reads it: normalisation goes into the weights."""
    state = torch.load(folder / "draw.pt", weights_only=True)["network"]
    arrays = {"o.w": _half(state["o.weight"][:, :, 0, 0]), "o.b": state["o.bias"].numpy()}
    for name in ("s1", "s2", "d1", "d2", "e1", "e2", "e3", "u1", "u2"):
        gain, shift, mean, spread = (
            state[f"{name}.1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        by = gain / torch.sqrt(spread + 1e-5)
        arrays[f"{name}.w"] = _half(state[f"{name}.0.weight"] * by[:, None, None, None])
        arrays[f"{name}.b"] = (shift - mean * by).numpy()
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _half(values: torch.Tensor) -> np.ndarray:
    return values.numpy().astype(np.float16)


def _step(
    network: Draw, steps: torch.optim.Optimizer, pictures: Sequence[Picture], rng: Any
) -> float:
    lessons = []
    while len(lessons) < _BATCH:
        made = lesson(pictures[int(rng.integers(len(pictures)))], rng)
        if made is not None:
            lessons.append(made)
    seen = torch.from_numpy(np.stack([x for x, _ in lessons]))
    truth = torch.from_numpy(np.stack([y for _, y in lessons])).long()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(seen.to(memory_format=torch.channels_last))
    package = truth == PACKAGE
    weight = 1 + _ON_PACKAGE * (package | (seen[:, 9] > 0))
    loss = F.cross_entropy(found.float(), truth, reduction="none", ignore_index=OUTSIDE)
    steps.zero_grad()
    ((loss * weight).sum() / weight.sum()).backward()
    steps.step()
    drawn = found.argmax(1) == 1
    both, either = (drawn & package).sum((1, 2)), (drawn | package).sum((1, 2))
    return float((both / either.clamp(min=1)).mean())
