"""What a configuration of transformers that came from outside may hold.

It is judged before that library sees it, as the library would fetch, or build, what is named there.
"""

from collections.abc import Mapping
from typing import Any

from januscl.core import InvalidInput
from januscl.train.adapters.reading import FAMILIES, Family

_FETCHING = ("attn_implementation", "experts_implementation", "auto_map", "quantization_config")
_ELSEWHERE = ("backbone", "use_timm_backbone", "use_pretrained_backbone", "backbone_kwargs")
"""With these the library asks the network for another model, or for code."""
_COUNTING = ("layers", "blocks", "depth", "levels", "group_detr")
"""In the names of numbers of modules, each of which takes time to build whatever its size."""
_MOST_MODULES, _LARGEST, _LONGEST, _DEEPEST = 128, 2**20, 256, 6


def family_of(config: Any, thing: str) -> Family:
    """Return the family of a configuration.

    Args:
        config: As it was read; it may be anything.
        thing: Whose it is, for errors.

    Raises:
        InvalidInput: It is no object, is of another family, names a model elsewhere, or counts
            or measures what no such model has.
    """
    if not isinstance(config, dict):
        raise InvalidInput(
            f"configuration of {thing}", "an object", repr(config)[:80], "Fetch it again."
        )
    _check(config, thing, 0)
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


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without what could make transformers fetch or run other code."""
    return {
        key: plain(value) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in (*_FETCHING, *_ELSEWHERE) and not str(key).startswith("_")
    }


def _check(config: Mapping[str, Any], thing: str, depth: int) -> None:
    """Refuse what is named elsewhere, and what is too many, too large or too deep."""
    if depth > _DEEPEST:
        raise InvalidInput(
            f"configuration of {thing}", "an object in few others", "a deep one", "Fetch it again."
        )
    for key, value in config.items():
        if key in _ELSEWHERE and value:
            raise InvalidInput(
                f"{key} of {thing}",
                "none",
                repr(value)[:80],
                "Describe the backbone in backbone_config: no other model is fetched.",
            )
        if isinstance(value, dict):
            _check(value, thing, depth + 1)
        else:
            _check_size(str(key), value, thing)


def _check_size(key: str, value: object, thing: str) -> None:
    listed = value if isinstance(value, list | tuple) else [value]
    numbers = [part for part in listed if type(part) is int]
    counted = any(word in key for word in _COUNTING)
    if len(listed) > _LONGEST:
        expected, found = f"{_LONGEST} entries or fewer", str(len(listed))
    elif any(isinstance(part, list | dict) for part in listed):
        expected, found = "numbers or names", repr(value)[:80]
    elif counted and sum(map(abs, numbers)) > _MOST_MODULES:
        expected, found = f"{_MOST_MODULES} in all or fewer", repr(value)[:80]
    elif any(abs(number) > _LARGEST for number in numbers):
        expected, found = f"{_LARGEST} or less", repr(value)[:80]
    else:
        return
    raise InvalidInput(f"{key} of {thing}", expected, found, "Take another model.")
