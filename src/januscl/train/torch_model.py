"""A `SegmentationModel` around a network: its taxonomy, its input size, its file.

All models here share this; they differ in how their network is built.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from januscl.core import Image, Instances, InvalidInput, Rle, Taxonomy, box_of_rle
from januscl.core.wire import taxonomy_from_json, taxonomy_to_json
from januscl.train.appearance import appearance
from januscl.train.networks import Detections, Network
from januscl.train.paste import paste
from januscl.train.prepare import check_image, fitted_size, to_input
from januscl.train.processor import device_named, limited_threads
from januscl.train.strategies import interpolate
from januscl.train.weights import (
    Tensors,
    check_beside,
    check_tensors,
    fill,
    read_tensors,
    write_tensors,
)


class TorchModel(ABC):
    """What can be trained, released and run on a robot; `januscl.train.load_model` reads its file.

    Args:
        network: The weights.
        taxonomy: The kinds that it can name.
        rows: Class ids in the order of the network's rows; ids are permanent, rows only grow.
        input_px: Side of the square that pictures are fitted into.

    Raises:
        InvalidInput: The network cannot take pictures of this side.
    """

    architecture: ClassVar[str]
    """What the card of its file says; it decides which class reads the file."""

    def __init__(
        self, network: Network, taxonomy: Taxonomy, rows: tuple[int, ...], input_px: int
    ) -> None:
        network.check_side(input_px, "input_px")
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.rows = rows
        self.input_px = input_px
        self._taxonomy = taxonomy

    @classmethod
    @abstractmethod
    def built(cls, plan: dict[str, Any], kinds: int, thing: str) -> Network:
        """Return an untrained network.

        Args:
            plan: What `Network.plan` returned; of a file, it may hold anything.
            kinds: How many it tells apart.
            thing: Whose plan it is, for errors.

        Raises:
            InvalidInput: The plan is none.
        """

    @classmethod
    def load(cls, path: Path | str, device: str = "auto") -> Self:
        """Read a model that `save` wrote. Nothing in the file is executed.

        Args:
            path: Of the file.
            device: Where it is to work; see `januscl.train.Settings`.

        Raises:
            NotFound: There is no such file.
            InvalidInput: It is no such file, is damaged, or belongs to another architecture; or
                there is no such device.
        """
        tensors, card = read_tensors(Path(path))
        if card.get("architecture") != cls.architecture:
            raise InvalidInput(
                str(path),
                f"architecture {cls.architecture}",
                repr(card.get("architecture"))[:80],
                "Load it with januscl.train.load_model, which reads every architecture.",
            )
        return cls.of_file(tensors, card, str(path), device)

    @classmethod
    def of_file(cls, tensors: Tensors, card: dict[str, Any], thing: str, device: str) -> Self:
        """Return the model of a file's tensors and card, or raise as `load` does."""
        taxonomy = taxonomy_from_json(card.get("taxonomy"), f"taxonomy of {thing}")
        rows = card.get("rows")
        if (
            not isinstance(rows, list)
            or any(type(row) is not int for row in rows)
            or sorted(rows) != sorted(kind.id for kind in taxonomy)
        ):
            raise InvalidInput(
                f"rows of {thing}",
                "each class id of its taxonomy once",
                repr(rows)[:80],
                "The file was altered; fetch it again.",
            )
        plan = card.get("plan", {})
        if not isinstance(plan, dict):
            raise InvalidInput(f"plan of {thing}", "an object", repr(plan)[:80], "Fetch it again.")
        with torch.device("meta"):
            # A plan may ask for more than this machine has: it must fit the file's own tensors.
            sketch = cls.built(plan, len(rows), thing)
            check_tensors(sketch, tensors, thing)
            check_beside(sketch, tensors, thing)
        with torch.random.fork_rng(devices=[]):
            network = cls.built(plan, len(rows), thing)
        network.check_side(card.get("input_px"), f"input_px of {thing}")
        fill(network, tensors, thing)
        network = network.to(device_named(device))
        return cls(network, taxonomy, tuple(rows), card["input_px"])

    @classmethod
    def of_network(cls, network: Network, taxonomy: Taxonomy, input_px: int, device: str) -> Self:
        """Return the model of a network that has a row for each kind of a taxonomy, in its order.

        Raises:
            InvalidInput: The network cannot take such pictures, or there is no such device.
        """
        network.check_side(input_px, "input_px")
        rows = tuple(kind.id for kind in taxonomy)
        return cls(network.to(device_named(device)), taxonomy, rows, input_px)

    @property
    def taxonomy(self) -> Taxonomy:
        """The kinds that it can name."""
        return self._taxonomy

    @property
    def device(self) -> torch.device:
        """Where its weights are and its work is done."""
        return next(self.network.parameters()).device

    def on(self, device: torch.device) -> Self:
        """Return the model on a device: itself where it is there already, else a copy."""
        if device == self.device:
            return self
        network = copy.deepcopy(self.network).to(device)
        return type(self)(network, self._taxonomy, self.rows, self.input_px)

    def save(self, path: Path | str) -> None:
        """Write weights, taxonomy and input size to one safetensors file, atomically.

        Raises:
            StorageFull: There was no room; an earlier file at ``path`` is untouched.
        """
        card = {
            "architecture": self.architecture,
            "taxonomy": taxonomy_to_json(self._taxonomy),
            "rows": list(self.rows),
            "input_px": self.input_px,
        }
        if self.network.plan:
            card["plan"] = self.network.plan
        write_tensors(Path(path), self.network.state_dict(), card)

    def copy(self) -> Self:
        """Return a model with its own weights."""
        return type(self)(copy.deepcopy(self.network), self._taxonomy, self.rows, self.input_px)

    def grown(self, taxonomy: Taxonomy) -> Self:
        """Return a model with a row for each new kind of ``taxonomy``.

        What it predicts is unchanged until a new kind is taught: scores and masks do not depend
        on the kinds, and an untaught row is never the most probable.

        Raises:
            InvalidInput: ``taxonomy`` lacks a kind that the model knows.
        """
        ids = [kind.id for kind in taxonomy]
        missing = sorted(set(self.rows) - set(ids))
        if missing:
            raise InvalidInput(
                "taxonomy",
                f"all class ids that the model knows: {sorted(self.rows)}",
                f"no {missing}",
                "Retire a kind instead of removing it; ids are permanent.",
            )
        added = tuple(i for i in ids if i not in self.rows)
        grown = self.copy()
        grown.network.grow(len(added))
        return type(self)(grown.network, taxonomy, self.rows + added, self.input_px)

    def towards(self, champion: "TorchModel", part: float) -> Self:
        """Return a model whose weights lie at ``part`` of the way from the champion's to these.

        Args:
            champion: The model that this one was trained from.
            part: 0 for the champion, 1 for this model.
        """
        between = self.copy()
        interpolate(champion.grown(self._taxonomy).on(self.device).network, between.network, part)
        return between

    def predict(
        self,
        images: Sequence[Image],
        floor: float = 0.05,
        limit: int = 100,
        batch: int = 8,
    ) -> list[Instances]:
        """Return what it sees in each image, at the image's own size.

        It works on one thread: at these sizes more are no faster, and a robot needs them elsewhere.

        Args:
            images: Each ``(H, W, 3) uint8`` RGB, of any size.
            floor: Lowest score to report; doubtful instances are reported on purpose.
            limit: Most instances an image.
            batch: Images that go through the network together; more take more memory.

        Raises:
            InvalidInput: An image has another shape or type.
        """
        for index, image in enumerate(images):
            check_image(image, f"image {index}")
        seen: list[Instances] = []
        self.network.eval()
        with limited_threads(1):
            for start in range(0, len(images), batch):
                seen += self._seen(images[start : start + batch], floor, limit)
        return seen

    def _seen(self, images: Sequence[Image], floor: float, limit: int) -> list[Instances]:
        x = self._input(images)
        found, features = self.network.detect(x, floor, limit)
        first = self.network.first_features(x).cpu().numpy()
        return [
            self._instances(image.shape[:2], detections, finest, early)
            for image, detections, finest, early in zip(
                images, found, features["0"], first, strict=True
            )
        ]

    def describe(self, image: Image, masks: Sequence[Rle]) -> NDArray[np.float32]:
        """Return the embeddings ``(N, D)`` of regions, in the space of `predict`'s.

        Args:
            image: ``(H, W, 3) uint8`` RGB.
            masks: N regions of it that the model may have seen nothing in.
        """
        check_image(image, "image")
        self.network.eval()
        first = self.network.first_features(self._input([image])).cpu().numpy()[0]
        return appearance(first, self._cells(image.shape[:2], first.shape[-1]), masks)

    def _input(self, images: Sequence[Image]) -> Tensor:
        x = to_input(images, self.input_px).to(self.device)
        return x.contiguous(memory_format=torch.channels_last)

    def _cells(self, size: tuple[int, ...], cells: int) -> tuple[int, int]:
        """Return rows and columns that a picture fills of a feature map ``cells`` wide."""
        inner = fitted_size(size[0], size[1], self.input_px)
        rows, columns = (max(1, round(side * cells / self.input_px)) for side in inner)
        return rows, columns

    def _instances(
        self,
        size: tuple[int, ...],
        found: Detections,
        features: Tensor,
        first: NDArray[np.float32],
    ) -> Instances:
        height, width = size[0], size[1]
        inner = fitted_size(height, width, self.input_px)
        stretch = np.array([width / inner[1], height / inner[0]] * 2, dtype=np.float32)
        boxes = found.boxes.cpu().numpy() * stretch
        boxes = np.clip(boxes, 0, np.array([width, height] * 2, dtype=np.float32))
        square = np.array([0, 0, self.input_px, self.input_px], dtype=np.float32) * stretch
        pasted = [
            paste(m, square if found.whole else b, height, width)
            for m, b in zip(found.masks.cpu().numpy(), boxes, strict=True)
        ]
        kept = np.array([i for i, mask in enumerate(pasted) if mask is not None], dtype=np.int64)
        masks: list[Rle] = [mask for mask in pasted if mask is not None]
        ids = np.asarray(self.rows, dtype=np.int64)
        tight = [box_of_rle(mask) for mask in masks] if found.whole else boxes[kept]
        return Instances(
            tuple(masks),
            np.asarray(tight, dtype=np.float32).reshape(-1, 4),
            found.scores.cpu().numpy()[kept],
            ids[found.rows.cpu().numpy()[kept]],
            appearance(first, self._cells(size, first.shape[-1]), masks),
            _frame_embedding(features, self._cells(size, features.shape[-1])),
        )


def _frame_embedding(features: Tensor, inner: tuple[int, int]) -> NDArray[np.float32]:
    """Mean and spread of each channel over the picture's own part of a level ``(C, h, w)``."""
    part = features[:, : inner[0], : inner[1]].float().flatten(1)
    mean = part.mean(dim=1)
    # Not `Tensor.std`, which takes as long as a tenth of the network.
    spread = (part - mean[:, None]).square().mean(dim=1).sqrt()
    return torch.cat((mean, spread)).cpu().numpy()


Model = TypeVar("Model", bound=TorchModel)
"""Any of them, where what comes out is what went in."""
