"""Model files as the command line names them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from januscl.annotate import CocoSet
from januscl.core import Kind, LabelledFrame, Rle, Taxonomy
from januscl.train import (
    TorchModel,
    factory_model,
    is_new,
    load_model,
    new_model,
    universal_model,
)

_SMALL_OBJECT_PX = 22.0
_SIZES = (192, 256, 320, 384)


def model_named(name: str, kinds: Taxonomy | None = None, seed: int = 0) -> TorchModel:
    """Return a shipped model by its name, or a new one, else the model in a safetensors file.

    Args:
        name: As a person gives it.
        kinds: What a new model is to name; without them there is no new one.
        seed: Of a new one.

    Raises:
        NotFound: There is no such file, or nothing under the name.
        InvalidInput: The file is no model.
        MissingDependency: The model needs a package that is not installed.
    """
    if name == "universal":
        return universal_model()
    if name == "factory":
        return factory_model()
    if kinds is not None and is_new(name):
        return new_model(name, kinds, seed=seed)
    return load_model(Path(name))


def joined(known: Taxonomy, names: Sequence[Kind]) -> Taxonomy:
    """Return a taxonomy with those kinds added that it does not have by name."""
    for kind in names:
        if not known.has(kind.name):
            known = known.with_kind(kind.name, kind.shape)
    return known


def fitting_size(masks: Iterable[Rle]) -> int:
    """Return the input side in px at which the median object is no smaller than 22 px."""
    sides = [float(np.sqrt(rle.area)) / max(rle.height, rle.width) for rle in masks]
    wanted = _SMALL_OBJECT_PX / max(float(np.median(sides)), 1e-3) if sides else 0.0
    return next((size for size in _SIZES if size >= wanted), _SIZES[-1])


def frames_of(coco: CocoSet) -> list[LabelledFrame]:
    """Return all pictures of an imported set with their truth, pixels read."""
    return [picture.frame() for picture in coco.pictures]
