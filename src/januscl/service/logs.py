"""What the service logs of each request: one line, with its id and without secrets."""

import re
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from januscl.core import new_id
from januscl.line.logs import Log
from januscl.service.metrics import Metrics

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


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
