"""Training throughput: `januscl.train.fit` against torchvision's reference detection loop.

Run: ``python benchmarks/bench_train.py [--steps 8] [--rounds 5] [--threads 1] [--device cpu]``.

Same network, same pictures, same batch, in turns. The peer is written from torchvision's
``references/detection`` (``engine.py`` and ``train.py``), which its package does not hold: a
``DataLoader`` that shuffles, its ``collate_fn``, ``SGD`` with momentum 0.9 and weight decay 1e-4,
the loss checked each step, and ``torch.amp.autocast`` where its ``--amp`` is given. It is measured
twice: on its own ``CocoDetection``, which reads each picture from its file and each mask from its
annotation, and on tensors that lie in memory ready to use, so that the loop alone is compared.
Janus makes its tensors from pictures and run lengths in every step. Neither augments. How much a
step computes follows from how many packages the network proposes, so both learn too slowly to
change it. Figures are
pictures a second: the median of the rounds, and the ratio with its range over them.
"""

import argparse
import contextlib
import io
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from januscl.annotate import write_coco
from januscl.core import LabelledFrame
from januscl.sim import make_drawn
from januscl.train import CompactModel, Naive, Settings, factory_model, fit, limited_threads
from januscl.train.prepare import to_input, to_target

BATCH, RATE = 8, 1e-6


class FromFiles(torchvision.datasets.CocoDetection):
    """Pictures from their files and masks from their annotations, as ``coco_utils.py`` has them."""

    def __getitem__(self, index: int) -> tuple:
        image, annotations = super().__getitem__(index)
        boxes = torch.tensor([a["bbox"] for a in annotations], dtype=torch.float32)
        boxes[:, 2:] += boxes[:, :2]
        target = {
            "boxes": boxes,
            "labels": torch.tensor([a["category_id"] for a in annotations]),
            "masks": torch.stack(
                [torch.as_tensor(self.coco.annToMask(a), dtype=torch.uint8) for a in annotations]
            ),
        }
        return (to_tensor(image) * 255 - 110) / 60, target


def samples(model: CompactModel, frames: Sequence[LabelledFrame]) -> list[tuple]:
    """Return each picture as a tensor with its target, as a torchvision dataset gives them."""
    size = model.input_px
    return [
        (to_input([frame.image], size)[0], to_target(frame, size, model.rows)) for frame in frames
    ]


def collate(batch: list[tuple]) -> tuple:
    return tuple(zip(*batch, strict=True))


def forever(loader: DataLoader) -> Iterator[tuple]:
    while True:
        yield from loader


def reference(
    model: CompactModel, data: Dataset | list[tuple], steps: int, amp: bool, device: torch.device
) -> float:
    """Train as the reference does and return pictures a second."""
    network: nn.Module = model.copy().on(device).network
    network.train()
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, collate_fn=collate)
    learned = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learned, lr=RATE, momentum=0.9, weight_decay=1e-4)
    began = time.perf_counter()
    for _, (images, targets) in zip(range(steps), forever(loader), strict=False):
        batch = torch.stack(images).to(device)
        labels = [{k: v.to(device) for k, v in target.items()} for target in targets]
        with torch.amp.autocast(device.type, torch.bfloat16, enabled=amp):
            parts = network(batch, labels)
            loss = torch.stack(list(parts.values())).sum()
        if not math.isfinite(loss.item()):
            raise SystemExit("the reference loop's loss is no number")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return steps * BATCH / (time.perf_counter() - began)


def ours(
    model: CompactModel, frames: list[LabelledFrame], steps: int, amp: bool, device: str
) -> float:
    """Train by `fit` and return pictures a second, all that it does before its first step told."""
    settings = Settings(
        steps=steps, batch=BATCH, lr=RATE, threads=torch.get_num_threads(), frozen_norm=False,
        precision="bfloat16" if amp else "float32", device=device,
    )  # fmt: skip
    began = time.perf_counter()
    fit(model, frames, [], Naive(), settings)
    return steps * BATCH / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    model, device = factory_model(), torch.device(given.device)
    frames = list(make_drawn(32, seed=0, label=model.taxonomy.kinds[0].id))
    with TemporaryDirectory() as folder, limited_threads(given.threads):
        annotations = Path(folder) / "annotations.json"
        write_coco(annotations, frames, model.taxonomy)
        with contextlib.redirect_stdout(io.StringIO()):
            from_files = FromFiles(folder, annotations)
        peers = {"from files": from_files, "from memory": samples(model, frames)}
        for amp in (False, True):
            rounds = [
                [ours(model, frames, given.steps, amp, given.device)]
                + [reference(model, data, given.steps, amp, device) for data in peers.values()]
                for _ in range(given.rounds + 1)
            ][1:]  # the first warms up
            tell("bfloat16" if amp else "float32", list(peers), np.asarray(rounds))


def tell(precision: str, peers: list[str], rounds: np.ndarray) -> None:
    print(f"{precision}: Janus {np.median(rounds[:, 0]):.2f} pictures a second")
    for name, theirs in zip(peers, rounds.T[1:], strict=True):
        ratio = rounds[:, 0] / theirs
        print(
            f"  reference {name} {np.median(theirs):.2f}: {np.median(ratio):.2f}x "
            f"({ratio.min():.2f} to {ratio.max():.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
