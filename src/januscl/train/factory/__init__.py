"""The model that ships with Janus: it knows the base kinds of package. See ``factory.json``."""

import json
from importlib import resources
from typing import Any

from januscl.core import NotFound
from januscl.train.model import CompactModel


def factory_model() -> CompactModel:
    """Return the shipped model.

    Raises:
        NotFound: This installation ships none.
    """
    with resources.as_file(resources.files(__name__)) as folder:
        return CompactModel.load(folder / "factory.safetensors")


def factory_card() -> dict[str, Any]:
    """Return the card that says how the shipped model was made and what it scores.

    Raises:
        NotFound: This installation ships none.
    """
    file = resources.files(__name__) / "factory.json"
    if not file.is_file():
        raise NotFound("this installation ships no factory.json; install januscl again")
    card: dict[str, Any] = json.loads(file.read_text())
    return card
