"""The default `SegmentationModel`: the compact network with its taxonomy and input size."""

from typing import Any, Self

import torch

from januscl.core import Taxonomy
from januscl.train.network import CompactMaskRCNN
from januscl.train.prepare import check_kinds
from januscl.train.torch_model import TorchModel


class CompactModel(TorchModel):
    """A small Mask R-CNN for packages, made for two CPU cores; a GPU is used where there is one."""

    architecture = "januscl-compact-1"

    @classmethod
    def new(
        cls, taxonomy: Taxonomy, input_px: int = 192, seed: int = 0, device: str = "auto"
    ) -> Self:
        """Return an untrained model, the same on every device.

        Raises:
            InvalidInput: The taxonomy is empty, ``input_px`` is not a multiple of 16 in
                32..2048, or there is no such device; see `januscl.train.Settings`.
        """
        check_kinds(taxonomy)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = CompactMaskRCNN(len(taxonomy))
        return cls.of_network(network, taxonomy, input_px, device)

    @classmethod
    def built(cls, plan: dict[str, Any], kinds: int, thing: str) -> CompactMaskRCNN:
        """Return an untrained network; there is nothing to plan."""
        return CompactMaskRCNN(kinds)
