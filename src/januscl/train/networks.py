"""What a network is to the rest of the room: it learns from labels, finds instances, and grows.

Letters: B pictures, S input size in px, N instances.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from januscl.core import InvalidInput
from januscl.train.heads import grown_rows

Targets = list[dict[str, Tensor]]
_SMALLEST, _LARGEST = 32, 2048


@dataclass(frozen=True, eq=False)
class Detections:
    """What the network found in one input picture, best score first.

    Attributes:
        boxes: ``(N, 4) float32`` xyxy px of the input picture.
        scores: ``(N,) float32``, probability of being a package of any kind.
        rows: ``(N,) int64``, row of the most probable kind, from 0.
        masks: ``(N, M, M) float32`` probabilities inside each box, or over the whole input picture.
        whole: Whether masks cover the whole input picture.
    """

    boxes: Tensor
    scores: Tensor
    rows: Tensor
    masks: Tensor
    whole: bool = False


class Network(nn.Module, ABC):
    """A network that can be trained on labelled pictures and asked what it sees in others.

    What is a package is kept apart from which kind it is: one layer, `naming`, names kinds, and
    nothing else depends on them.
    """

    lr_scale = 1.0
    """By how much a learning rate that suits the compact network is multiplied for this one."""
    alone = False
    """Whether one process must train it: some of its weights get no gradient in some steps."""

    def forward(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return what `losses` does, so that torch can train it on several devices."""
        return self.losses(images, targets)

    @abstractmethod
    def losses(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the losses by name, each a scalar; they are added up.

        Args:
            images: ``(B, 3, S, S) float32``, as `januscl.train.prepare.to_input` makes them.
            targets: For each picture ``boxes (N, 4) float32`` xyxy px, ``labels (N,) int64`` as
                row + 1, ``masks (N, S, S) uint8``.
        """

    @abstractmethod
    def detect(
        self, images: Tensor, floor: float, limit: int
    ) -> tuple[list[Detections], dict[str, Tensor]]:
        """Find the instances of each picture; also return features ``(B, C, h, w)`` under ``"0"``.

        Args:
            images: As `losses` takes them.
            floor: Lowest score to keep.
            limit: Most instances to keep a picture.
        """

    @abstractmethod
    def first_features(self, images: Tensor) -> Tensor:
        """Map ``(B, 3, S, S)`` to the features of the first layers, ``(B, C, h, w)``."""

    @abstractmethod
    def check_side(self, side: object, thing: str) -> None:
        """Raise `InvalidInput` unless pictures of this side in px can be taken."""

    @property
    @abstractmethod
    def naming(self) -> nn.Linear:
        """The layer with a row for each kind."""

    @abstractmethod
    def name_kinds(self, layer: nn.Linear) -> None:
        """Take another layer for the one that names kinds; nothing else changes."""

    @property
    def plan(self) -> dict[str, Any]:
        """JSON values from which the network is built again, beside the number of kinds."""
        return {}

    def grow(self, added: int) -> None:
        """Add rows for ``added`` new kinds; every output for the old ones stays as it is."""
        self.name_kinds(grown_rows(self.naming, added))


def check_multiple(side: object, of: int, thing: str, fix: str) -> None:
    """Raise `InvalidInput` unless ``side`` is a multiple of ``of`` in 32..2048."""
    if type(side) is not int or side % of or not _SMALLEST <= side <= _LARGEST:
        raise InvalidInput(thing, f"a multiple of {of} in {_SMALLEST}..{_LARGEST}", repr(side), fix)
