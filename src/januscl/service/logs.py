"""Logs as JSON, one line each, with the request's id and without secrets."""

import logging
import re
import sys
import time
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from januscl.core import new_id
from januscl.service.metrics import Metrics

_SECRET = re.compile(r"janus_[0-9A-Za-z]+_[A-Za-z0-9_-]+|(?i:bearer)\s+\S+|(?<=://)[^/@\s]+(?=@)")
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
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
    """Hands what libraries log on to a structured log."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self._log.log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


def _masked(log: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide what looks like a token, or a password in a URL, wherever it stands."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRET.sub("**********", value)
    return event


class Account:
    """Gives each request an id, and writes one line and one count of it.

    Args:
        app: What answers.
        log: Where the line goes.
        metrics: Where the count goes.
    """

    def __init__(self, app: ASGIApp, log: Log, metrics: Metrics) -> None:
        self._app, self._log, self._metrics = app, log, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        id = given.decode() if _GIVEN_ID.fullmatch(given) else new_id()
        status, size, start = 500, 0, time.perf_counter()

        async def count(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", id.encode())]
            await send(message)

        async def measure() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message

        with structlog.contextvars.bound_contextvars(request_id=id):
            try:
                await self._app(scope, measure, count)
            except Exception:
                self._log.exception("error in a request")
                raise
            finally:
                route = getattr(scope.get("route"), "path", "none")
                seconds = time.perf_counter() - start
                self._metrics.answered(route, scope["method"], status, seconds)
                self._metrics.received(size)
                self._log.info(
                    "request", method=scope["method"][:10], route=route, status=status,
                    milliseconds=round(1000 * seconds, 1), bytes=size,
                    token=scope.get("state", {}).get("token"),
                )  # fmt: skip
