"""The doors to models: by file, whatever its architecture, and by name."""

from pathlib import Path
from typing import Any

from januscl.core import InvalidInput, NotFound, Taxonomy
from januscl.train.adapters import ResnetModel, TransformersModel
from januscl.train.model import CompactModel
from januscl.train.names import NEW, PRETRAINED
from januscl.train.torch_model import TorchModel
from januscl.train.weights import read_tensors

_READERS: dict[str, type[TorchModel]] = {
    reader.architecture: reader for reader in (CompactModel, ResnetModel, TransformersModel)
}


def load_model(path: Path | str, device: str = "auto") -> TorchModel:
    """Read a model file; its card says of which architecture it is. Nothing in it is executed.

    Args:
        path: Of a file that a model's `save` wrote.
        device: Where it is to work; see `januscl.train.Settings`.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no such file, is damaged, or is of an architecture that this version
            does not know; or there is no such device.
        MissingDependency: Its architecture needs a package that is not installed.
    """
    tensors, card = read_tensors(Path(path))
    name = card.get("architecture")
    if not isinstance(name, str) or name not in _READERS:
        raise InvalidInput(
            str(path),
            f"one of the architectures {', '.join(_READERS)}",
            repr(name)[:80],
            "Load it with the version of Janus that wrote it.",
        )
    return _READERS[name].of_file(tensors, card, str(path), device)


def new_model(
    name: str,
    taxonomy: Taxonomy,
    input_px: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> TorchModel:
    """Return a model that is still to be taught these kinds.

    Args:
        name: One of `januscl.train.NEW`, or ``hf:`` and the name on huggingface.co, or the folder,
            of a model of transformers with weights that were trained elsewhere.
        taxonomy: The kinds that it is to name.
        input_px: Side of the square that pictures are fitted into; what it is made for when
            omitted.
        seed: Of the weights that begin anew.
        device: Where it is to work; see `januscl.train.Settings`.

    Raises:
        NotFound: There is no such name, or nothing under it.
        InvalidInput: The taxonomy is empty, the model cannot take pictures of this side, or there
            is no such device.
        MissingDependency: It needs a package that is not installed.
    """
    if name.startswith(PRETRAINED):
        place = name.removeprefix(PRETRAINED)
        return TransformersModel.from_pretrained(place, taxonomy, input_px, seed, device)
    if name not in NEW:
        raise NotFound(
            f"no model is called {name!r}: take one of {', '.join(NEW)}, or {PRETRAINED} and a "
            "name on huggingface.co or a folder"
        )
    if name == "compact":
        return CompactModel.new(taxonomy, input_px or 192, seed, device)
    if name == "mask-rcnn-r50":
        return ResnetModel.new(taxonomy, input_px or 320, seed, device)
    return TransformersModel.new(taxonomy, _CONFIGS[name], input_px, seed, device)


def _rf_detr(side: int, windows: int) -> dict[str, Any]:
    """Return the configuration of RF-DETR-Seg with a small backbone and pictures of this side."""
    return {
        "model_type": "rf_detr",
        "backbone_config": {
            "model_type": "rf_detr_dinov2",
            "hidden_size": 384,
            "num_hidden_layers": 12,
            "num_attention_heads": 6,
            "image_size": side,
            "patch_size": 12,
            "num_windows": windows,
            "out_features": ["stage3", "stage6", "stage9", "stage12"],
        },
        "d_model": 256,
        "decoder_layers": 4,
        "decoder_n_points": 2,
        "decoder_self_attention_heads": 8,
        "decoder_cross_attention_heads": 16,
        "num_queries": 100,
    }


# The sizes of the published models, so that weights trained elsewhere and here compare.
_CONFIGS: dict[str, dict[str, Any]] = {
    "rf-detr-seg-nano": _rf_detr(312, 1),
    "rf-detr-seg-small": _rf_detr(384, 2),
    "mask2former-tiny": {
        "model_type": "mask2former",
        "backbone_config": {
            "model_type": "swin",
            "embed_dim": 96,
            "depths": [2, 2, 6, 2],
            "num_heads": [3, 6, 12, 24],
            "window_size": 7,
            "out_features": ["stage1", "stage2", "stage3", "stage4"],
        },
    },
    "eomt-small": {
        "model_type": "eomt",
        "hidden_size": 384,
        "num_hidden_layers": 12,
        "num_attention_heads": 6,
        "image_size": 640,
        "patch_size": 16,
        "num_blocks": 3,
        "num_queries": 200,
    },
}
