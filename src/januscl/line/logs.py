"""Logs as JSON, one line each, without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

from januscl.core import MissingDependency, how_to_install

try:
    import structlog
except ModuleNotFoundError as error:
    raise MissingDependency(
        f"the service needs {error.name}; install it with: {how_to_install('service')}"
    ) from error

_SECRET = re.compile(r"janus_[0-9A-Za-z]+_[A-Za-z0-9_-]+|(?i:bearer)\s+\S+|(?<=://)[^/@\s]+(?=@)")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

Log = structlog.typing.FilteringBoundLogger


def make_log(level: str, file: TextIO | None = None) -> Log:
    """Return a logger that writes JSON lines, to standard output by default."""
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(file or sys.stdout),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    return log


class Forward(logging.Handler):
    """Hands what is logged by `logging` on to a structured log.

    A record's attribute ``told``, a mapping, becomes fields of the line.
    """

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        told = getattr(record, "told", {})
        self._log.log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info,
            **told,
        )  # fmt: skip


def masked(text: str) -> str:
    """Hide what looks like a token, or a password in a URL."""
    return _SECRET.sub("**********", text)


def _masked(log: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets wherever they stand."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = masked(value)
    return event
