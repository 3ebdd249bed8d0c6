"""The segmentation models of transformers: RF-DETR-Seg, Mask2Former and EoMT."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import torch

from januscl.core import InvalidInput, MissingDependency, NotFound, Taxonomy, how_to_install
from januscl.train.adapters.queries import QueryNetwork
from januscl.train.adapters.reading import FAMILIES, Family
from januscl.train.prepare import check_kinds
from januscl.train.torch_model import TorchModel

_ONE = {"num_labels": 1}
"""A package; which kind it is, is told by a layer of ours."""
_FETCHING = ("attn_implementation", "experts_implementation", "auto_map", "quantization_config")


class TransformersModel(TorchModel):
    """A model of the transformers library, built here or from weights that were trained elsewhere.

    It finds and cuts out packages as its authors' code does; kinds are named by a layer of ours.
    """

    architecture = "januscl-transformers-1"

    @classmethod
    def new(
        cls,
        taxonomy: Taxonomy,
        config: dict[str, Any],
        input_px: int | None = None,
        seed: int = 0,
        device: str = "auto",
    ) -> Self:
        """Return an untrained model, the same on every device.

        Args:
            taxonomy: The kinds that it is to name.
            config: Of transformers, with its ``model_type``: ``rf_detr``, ``mask2former`` or
                ``eomt``; what is left out takes that library's defaults.
            input_px: Side of the square that pictures are fitted into; what the configuration is
                made for when omitted.
            seed: Of the weights.
            device: See `januscl.train.Settings`.

        Raises:
            MissingDependency: transformers is not installed.
            InvalidInput: The taxonomy is empty, the configuration is none, the model cannot take
                pictures of this side, or there is no such device.
        """
        check_kinds(taxonomy)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = cls.built({"config": config}, len(taxonomy), "the model")
        return cls._of(network, taxonomy, input_px, device)

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        taxonomy: Taxonomy,
        input_px: int | None = None,
        seed: int = 0,
        device: str = "auto",
        local_files_only: bool = False,
    ) -> Self:
        """Return a model with weights that were trained elsewhere, to be taught these kinds.

        Its features, masks and boxes are what was trained; whether a query is a package, and which
        kind, begins anew, as the classes were others. Nothing that comes with it is executed, and
        no weights are read but safetensors.

        Args:
            name: On huggingface.co, or a folder that ``save_pretrained`` wrote.
            taxonomy: The kinds that it is to name.
            input_px: As for `new`.
            seed: Of the weights that begin anew.
            device: See `januscl.train.Settings`.
            local_files_only: Take it from the folder or the cache, and never from the network.

        Raises:
            MissingDependency: transformers is not installed.
            NotFound: There is no such model, or no safetensors file of it.
            InvalidInput: It is of another family, or as for `new`.
        """
        check_kinds(taxonomy)
        library = _library()
        asked = {"local_files_only": local_files_only, "trust_remote_code": False}
        found = _fetched(lambda: library.AutoConfig.from_pretrained(str(name), **asked), name)
        family = _family(found.to_dict(), str(name))
        config = type(found).from_dict({**_plain(found.to_dict()), **_ONE})
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = _fetched(
                lambda: getattr(library, family.name).from_pretrained(
                    str(name),
                    config=config,
                    **asked,
                    ignore_mismatched_sizes=True,
                    use_safetensors=True,
                    dtype=torch.float32,
                ),
                name,
            )
            network = QueryNetwork(model, len(taxonomy))
        return cls._of(network, taxonomy, input_px, device)

    @classmethod
    def built(cls, plan: dict[str, Any], kinds: int, thing: str) -> QueryNetwork:
        """Return an untrained network of the plan's configuration."""
        config = plan.get("config")
        if not isinstance(config, dict):
            raise InvalidInput(
                f"configuration of {thing}", "an object", repr(config)[:80], "Fetch it again."
            )
        family = _family(config, thing)
        library = _library()
        try:
            made = getattr(library, family.name)
            return QueryNetwork(
                made(made.config_class.from_dict({**_plain(config), **_ONE})), kinds
            )
        except Exception as error:  # a configuration's validators raise what they like
            raise InvalidInput(
                f"configuration of {thing}",
                f"one of {family.name}",
                _first_line(error),
                "See its documentation in transformers.",
            ) from error

    @classmethod
    def _of(
        cls, network: QueryNetwork, taxonomy: Taxonomy, input_px: int | None, device: str
    ) -> Self:
        config = network.model.config
        side = FAMILIES[config.model_type].side(config) if input_px is None else input_px
        return cls.of_network(network, taxonomy, side, device)


def _family(config: dict[str, Any], thing: str) -> Family:
    """Return the family of a configuration, or raise `InvalidInput`."""
    name, backbone = config.get("model_type"), config.get("backbone_config")
    if not isinstance(name, str) or name not in FAMILIES:
        raise InvalidInput(
            f"model_type of {thing}",
            f"one of {', '.join(FAMILIES)}",
            repr(name)[:40],
            "Take a model of one of these families.",
        )
    family = FAMILIES[name]
    found = backbone.get("model_type") if isinstance(backbone, dict) else backbone
    if found not in (None, family.backbone):
        raise InvalidInput(
            f"backbone of {thing}", str(family.backbone), repr(found)[:40], "Take another model."
        )
    return family


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without what could make transformers fetch or run other code."""
    return {
        key: _plain(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in _FETCHING and not str(key).startswith("_")
    }


def _fetched(read: Callable[[], Any], name: str | Path) -> Any:
    """Return what is read, or raise `NotFound`."""
    try:
        return read()
    except Exception as error:  # of the network, the disk, the file or its validators
        raise NotFound(
            f"no model could be read from {name}: {_first_line(error)}. Give a name on "
            "huggingface.co, or a folder with a config.json and model.safetensors"
        ) from error


def _library() -> Any:
    try:
        return import_module("transformers")
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "this model needs transformers, which is not installed: "
            f"{how_to_install('transformers')}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
