"""Training by several processes in step, each with its share of every batch.

Whoever starts them (Ray Train, torchrun) makes torch's process group; here it is only found. A
process that is alone is a team of one, for which everything here does nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from januscl.core.files import write_atomically


@dataclass(frozen=True)
class Team:
    """The processes that train together.

    Attributes:
        rank: Number of this one; the first, 0, keeps what all have made.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process keeps what all have made."""
        return self.rank == 0

    def wrapped(self, network: nn.Module) -> nn.Module:
        """Return a module to call in place of the network, whose gradients are all processes' mean.

        All begin with the weights of the first (Li et al., PyTorch Distributed, VLDB 2020).
        """
        if self.size == 1:
            return network
        return DistributedDataParallel(network)

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a scalar over all processes; it is the same number in each."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.size

    def same_file(self, path: Path, device: torch.device) -> None:
        """Bring the first process's file, if it has one, to the same path of all others.

        Args:
            path: On a disk that they share, or each on its own.
            device: Where the process group exchanges tensors.
        """
        if self.size == 1:
            return
        data = path.read_bytes() if self.leads and path.exists() else b""
        length = torch.tensor([len(data)], device=device)
        dist.broadcast(length, 0)
        if not length.item():
            if not self.leads:
                path.unlink(missing_ok=True)
            return
        content = torch.frombuffer(bytearray(data or int(length)), dtype=torch.uint8).to(device)
        dist.broadcast(content, 0)
        if not self.leads:
            write_atomically(path, content.cpu().numpy().tobytes())


def team() -> Team:
    """Return the team that this process is of."""
    if not (dist.is_available() and dist.is_initialized()):
        return Team()
    return Team(dist.get_rank(), dist.get_world_size())
