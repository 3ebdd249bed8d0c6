"""A training run on disk: weights, optimizer and losses so far, in one safetensors file."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from januscl.core import Conflict, LabelledFrame
from januscl.core.wire import digest_of
from januscl.train.settings import Settings
from januscl.train.torch_model import TorchModel
from januscl.train.weights import Tensors, fill, read_tensors, tensors_digest, write_tensors


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is kept, and how often.

    Attributes:
        path: The file.
        every: Steps between two writes.
        written: Called with the path after each write, such as to keep a copy elsewhere.
    """

    path: Path
    every: int = 25
    written: Callable[[Path], None] | None = None

    def due(self, done: int, steps: int) -> bool:
        """Say whether the run is to be written after ``done`` of its steps."""
        return done == steps or done % self.every == 0

    def write(
        self, run: str, network: nn.Module, optimizer: torch.optim.AdamW, course: "Course"
    ) -> None:
        """Keep the run as it stands.

        Raises:
            StorageFull: There was no room; the earlier checkpoint is intact.
        """
        tensors: Tensors = {f"weights/{n}": t for n, t in network.state_dict().items()}
        for name, parameter in network.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer/{key}/{name}"] = value
        write_tensors(self.path, tensors, {"run": run, **asdict(course)})
        if self.written is not None:
            self.written(self.path)

    def restore(self, run: str, network: nn.Module, optimizer: torch.optim.AdamW) -> "Course":
        """Bring network and optimizer to where the run was kept; return its course so far.

        Args:
            run: Digest of all that decides the run's course.
            network: Filled in place.
            optimizer: Filled in place.

        Raises:
            Conflict: The file belongs to another run.
            InvalidInput: The file is damaged.
        """
        if not self.path.exists():
            return Course([], None, 0.0)
        tensors, card = read_tensors(self.path)
        if card.get("run") != run:
            raise Conflict(
                f"checkpoint {self.path} belongs to another run (other pictures, settings, "
                "strategy or first weights); delete it, or name another file"
            )
        weights = {n.partition("/")[2]: t for n, t in tensors.items() if n.startswith("weights/")}
        fill(network, weights, str(self.path))
        for name, parameter in network.named_parameters():
            kept = {
                key: tensors[f"optimizer/{key}/{name}"]
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"optimizer/{key}/{name}" in tensors
            }
            if kept:
                # AdamW counts its steps on the processor, wherever the weights are.
                moved = {k: t if k == "step" else t.to(parameter.device) for k, t in kept.items()}
                optimizer.state[parameter] = moved
        losses = [float(loss) for loss in card["losses"]]
        return Course(losses, card.get("steps"), float(card.get("seconds", 0)))


@dataclass(frozen=True)
class Course:
    """What a run has done so far, and what it means to do.

    Attributes:
        losses: Of each step.
        steps: To be made in all, where a budget in seconds has set them.
        seconds: Wall-clock time so far.
    """

    losses: list[float]
    steps: int | None
    seconds: float


def run_of(
    model: TorchModel,
    frames: Sequence[LabelledFrame],
    drawn: NDArray[np.int64],
    strategy: str,
    settings: Settings,
) -> str:
    """Return a digest of what decides a run's course, all but the augmentation's own code.

    Neither the device nor how many processes share a batch is a part of it: a run that was stopped
    may go on elsewhere.

    Args:
        model: Where the run starts.
        frames: New ones and history, as they are trained on.
        drawn: ``(steps, batch)`` indices of frames.
        strategy: Its name.
        settings: Of the run.
    """
    content = hashlib.sha256(drawn.tobytes())
    for frame in frames:
        content.update(f"{frame.id} {frame.image.shape} {frame.truth.labels.tolist()}".encode())
        content.update(frame.image.tobytes())
        for rle in frame.truth.masks:
            content.update(rle.counts.tobytes())
    return digest_of(
        {
            "frames": content.hexdigest(),
            "strategy": strategy,
            "settings": {
                name: value
                for name, value in asdict(settings).items()
                if name != "device" and value is not None
            },
            "rows": list(model.rows),
            "weights": tensors_digest(model.network.state_dict()),
        }
    )
