"""Model versions as files in the blob store, loaded once."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from januscl.core import Image, ModelVersion
from januscl.store import Workspace
from januscl.train import Footprint, TorchModel, footprint, load_model


class Shelf:
    """Keeps model versions in a workspace and hands out loaded models.

    Args:
        workspace: Where weights and cards are kept.
        capacity: Loaded models kept in memory; the least recently used one goes first.
    """

    def __init__(self, workspace: Workspace, capacity: int = 3) -> None:
        self._workspace = workspace
        self._capacity = capacity
        self._loaded: dict[str, TorchModel] = {}
        self._footprints: dict[tuple[str, tuple[int, ...]], Footprint] = {}

    def add(
        self,
        model: TorchModel,
        at: datetime,
        *,
        parent: str | None,
        deck: str | None,
        card: dict[str, Any],
    ) -> ModelVersion:
        """Keep a model's weights and card; the same weights are one version."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            model.save(path)
            weights = self._workspace.blobs.put(path.read_bytes())
        version = ModelVersion(f"m-{weights[:12]}", weights, model.taxonomy, parent, deck, at, card)
        self._workspace.catalogue.models.put(version)
        return version

    def footprint(self, model: str, images: Sequence[Image]) -> Footprint:
        """Return what a model version takes on this machine; see `januscl.train.footprint`.

        It is measured once for pictures of one size.
        """
        weights = self._workspace.catalogue.models.get(model).weights
        key = (weights, images[0].shape)
        if key not in self._footprints:
            self._footprints[key] = footprint(self._workspace.model_file(weights), images)
        return self._footprints[key]

    def load(self, model: str) -> TorchModel:
        """Return the model version with this id, from memory or the blob store.

        Raises:
            NotFound: There is no such version.
            IntegrityError: Its weights were damaged.
        """
        if model not in self._loaded:
            version = self._workspace.catalogue.models.get(model)
            with TemporaryDirectory() as folder:
                path = Path(folder) / "model.safetensors"
                path.write_bytes(self._workspace.blobs.get(version.weights))
                self._loaded[model] = load_model(path)
        self._loaded[model] = self._loaded.pop(model)
        while len(self._loaded) > self._capacity:
            del self._loaded[next(iter(self._loaded))]
        return self._loaded[model]
