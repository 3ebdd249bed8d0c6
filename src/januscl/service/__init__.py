"""The service: the HTTP doors, who may pass them, and what they tell of themselves.

Owns: routes, limits, logs and metrics, and the worker that drains the inbox. May call:
`januscl.line` and below; never the command line. Moves nothing by itself. Names are loaded on
first use, because the extra ``service`` may not be installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from januscl.core import MissingDependency, how_to_install

if TYPE_CHECKING:
    from januscl.service.app import create_app
    from januscl.service.server import serve

__all__ = ["create_app", "serve"]

_HOME = {"create_app": "app", "serve": "server"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    except ModuleNotFoundError as error:
        if isinstance(error, MissingDependency) or str(error.name).startswith("januscl"):
            raise
        raise MissingDependency(
            f"the service needs {error.name}; install it with: {how_to_install('service')}"
        ) from error
