"""The models that ship with Janus, each with a card beside it that says how it was made.

``factory`` knows the base kinds of package in the usual cell; ``universal`` is where the model of a
new robot starts.
"""

import json
from importlib import resources
from typing import Any

from januscl.core import NotFound
from januscl.train.model import CompactModel


def factory_model() -> CompactModel:
    """Return the shipped model of the base kinds.

    Raises:
        NotFound: This installation ships none.
    """
    return _model("factory")


def factory_card() -> dict[str, Any]:
    """Return the card that says how the factory model was made and what it scores.

    Raises:
        NotFound: This installation ships none.
    """
    return _card("factory")


def universal_model() -> CompactModel:
    """Return the shipped model that was pretrained on things of any kind.

    Raises:
        NotFound: This installation ships none.
    """
    return _model("universal")


def universal_card() -> dict[str, Any]:
    """Return the card that says how the universal model was made and what it scores.

    Raises:
        NotFound: This installation ships none.
    """
    return _card("universal")


def _model(name: str) -> CompactModel:
    with resources.as_file(resources.files(__name__)) as folder:
        return CompactModel.load(folder / f"{name}.safetensors")


def _card(name: str) -> dict[str, Any]:
    file = resources.files(__name__) / f"{name}.json"
    if not file.is_file():
        raise NotFound(f"this installation ships no {name}.json; install januscl again")
    card: dict[str, Any] = json.loads(file.read_text())
    return card
