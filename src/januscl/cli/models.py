"""Model files as the command line names them."""

from collections.abc import Sequence
from pathlib import Path

from januscl.annotate import CocoSet
from januscl.core import Kind, LabelledFrame, Taxonomy
from januscl.train import CompactModel, factory_model


def model_named(name: str) -> CompactModel:
    """Return the shipped model for ``factory``, else the model in a safetensors file.

    Raises:
        NotFound: There is no such file.
        InvalidInput: The file is no model.
    """
    return factory_model() if name == "factory" else CompactModel.load(Path(name))


def joined(known: Taxonomy, names: Sequence[Kind]) -> Taxonomy:
    """Return a taxonomy with those kinds added that it does not have by name."""
    for kind in names:
        if not known.has(kind.name):
            known = known.with_kind(kind.name, kind.shape)
    return known


def frames_of(coco: CocoSet) -> list[LabelledFrame]:
    """Return all pictures of an imported set with their truth, pixels read."""
    return [picture.frame() for picture in coco.pictures]
