"""How work tells how far it has come, wherever it runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

Progress = Callable[[dict[str, Any]], None]

_listener: ContextVar[Progress | None] = ContextVar("listener", default=None)


def report_progress(**fields: Any) -> None:
    """Tell whoever waits for this job how far it has come; outside a job it does nothing.

    Args:
        fields: JSON values, such as ``step=3, steps=100, loss=0.7``.
    """
    listener = _listener.get()
    if listener is not None:
        listener(fields)


@contextmanager
def listening(listener: Progress | None) -> Iterator[None]:
    """Send what `report_progress` is told inside the block to ``listener``."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
