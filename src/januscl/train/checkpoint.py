"""A training run on disk: weights, optimizer and losses so far, in one safetensors file."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from januscl.core import Conflict
from januscl.train.weights import Tensors, fill, read_tensors, write_tensors


@dataclass(frozen=True)
class Checkpoint:
    """Where a run is kept, and how often.

    Attributes:
        path: The file.
        every: Steps between two writes.
    """

    path: Path
    every: int = 25

    def write(
        self, run: str, network: nn.Module, optimizer: torch.optim.AdamW, losses: list[float]
    ) -> None:
        """Keep the run as it stands after ``len(losses)`` steps.

        Raises:
            StorageFull: There was no room; the earlier checkpoint is intact.
        """
        tensors: Tensors = {f"weights/{n}": t for n, t in network.state_dict().items()}
        for name, parameter in network.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer/{key}/{name}"] = value
        write_tensors(self.path, tensors, {"run": run, "losses": losses})

    def restore(self, run: str, network: nn.Module, optimizer: torch.optim.AdamW) -> list[float]:
        """Bring network and optimizer to where the run was kept; return its losses so far.

        Args:
            run: Digest of all that decides the run's course.
            network: Filled in place.
            optimizer: Filled in place.

        Raises:
            Conflict: The file belongs to another run.
            InvalidInput: The file is damaged.
        """
        if not self.path.exists():
            return []
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
                optimizer.state[parameter] = kept
        return [float(loss) for loss in card["losses"]]
