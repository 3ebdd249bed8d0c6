"""The segmentation models of transformers: RF-DETR-Seg, Mask2Former and EoMT."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError

from januscl.core import InvalidInput, MissingDependency, NotFound, Taxonomy, how_to_install
from januscl.train.adapters.configuration import family_of, plain
from januscl.train.adapters.queries import QueryNetwork
from januscl.train.adapters.reading import FAMILIES, Family
from januscl.train.prepare import check_kinds
from januscl.train.torch_model import TorchModel

_ONE = {"num_labels": 1}
"""A package; which kind it is, is told by a layer of ours."""
_ANEW = ("class_embed", "class_predictor", "empty_weight")
"""Names of the heads of classes and of their weights in a loss, which other classes change."""


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
                made for when omitted, or the nearest side that it can take.
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
            InvalidInput: It is of another family, names a model elsewhere, its weights are not
                those of its configuration, or as for `new`.
        """
        check_kinds(taxonomy)
        library = _library()
        asked = {"local_files_only": local_files_only, "trust_remote_code": False}
        # Read, not built: what is named in it could make the library fetch or run something else.
        found, _ = _fetched(
            lambda: library.PreTrainedConfig.get_config_dict(str(name), **asked), name
        )
        config = _configured(found, str(name))
        family = FAMILIES[config.model_type]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model, told = _fetched(
                lambda: getattr(library, family.name).from_pretrained(
                    str(name),
                    config=config,
                    **asked,
                    ignore_mismatched_sizes=True,
                    output_loading_info=True,
                    use_safetensors=True,
                    dtype=torch.float32,
                ),
                name,
            )
            _check_loaded(told, str(name))
            network = _network(lambda: model, len(taxonomy), family, str(name))
        return cls._of(network, taxonomy, input_px, device)

    @classmethod
    def built(cls, plan: dict[str, Any], kinds: int, thing: str) -> QueryNetwork:
        """Return an untrained network of the plan's configuration."""
        config = _configured(plan.get("config"), thing)
        family = FAMILIES[config.model_type]
        made = getattr(_library(), family.name)
        return _network(lambda: made(config), kinds, family, thing)

    @classmethod
    def _of(
        cls, network: QueryNetwork, taxonomy: Taxonomy, input_px: int | None, device: str
    ) -> Self:
        side = network.own_side if input_px is None else input_px
        return cls.of_network(network, taxonomy, side, device)


def _configured(found: Any, thing: str) -> Any:
    """Return the configuration of transformers, for one class, or raise `InvalidInput`."""
    family = family_of(found, thing)
    made = getattr(_library(), family.name)
    try:
        return made.config_class.from_dict({**plain(found), **_ONE})
    except Exception as error:  # a configuration's validators raise what they like
        raise _unfit(family, thing, error) from error


def _network(build: Callable[[], Any], kinds: int, family: Family, thing: str) -> QueryNetwork:
    """Return the network around a model, or raise `InvalidInput`."""
    try:
        return QueryNetwork(build(), kinds)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # of sizes that do not go together, in the library's own words
        raise _unfit(family, thing, error) from error


def _unfit(family: Family, thing: str, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"configuration of {thing}",
        f"one of {family.name}",
        _first_line(error),
        "See its documentation in transformers.",
    )


def _check_loaded(told: dict[str, Any], thing: str) -> None:
    """Refuse weights that leave anything but the heads of classes to chance."""
    left = {*told["missing_keys"], *(key for key, *_ in told["mismatched_keys"])}
    wrong = sorted(key for key in left if not any(head in key for head in _ANEW))
    if wrong or told["error_msgs"]:
        first = wrong[0] if wrong else told["error_msgs"][0]
        raise InvalidInput(
            f"weights of {thing}",
            "all of the model that config.json describes",
            f"{len(wrong)} missing or of another shape, such as {str(first)[:120]}",
            "The two files are of different models; fetch them again.",
        )


def _fetched(read: Callable[[], Any], name: str | Path) -> Any:
    """Return what is read, or raise `NotFound` or, of what is there and cannot be, `InvalidInput`.

    What is this machine's own, such as too little memory, is raised as it is.
    """
    try:
        return read()
    except OSError as error:  # of the network, the disk, or the hub: that library raises no other
        raise NotFound(
            f"no model could be read from {name}: {_first_line(error)}. Give a name on "
            "huggingface.co, or a folder with a config.json and model.safetensors"
        ) from error
    except (SafetensorError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise InvalidInput(
            str(name), "a model of transformers", _first_line(error), "Fetch it again."
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
