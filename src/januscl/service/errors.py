"""Errors on their way out: one form for all, ``{"error": {thing, expected, found, fix}}``."""

import json
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from januscl.core import Conflict, InvalidInput, JanusError, NotFound, StorageFull, Unreachable
from januscl.line.access import Forbidden, Unknown
from januscl.line.wording import expected

_STATUS: tuple[tuple[type[JanusError], int, str], ...] = (
    (Unknown, 401, "Send `Authorization: Bearer <token>`; make one with `janus token create`."),
    (Forbidden, 403, "Use a token that may."),
    (NotFound, 404, "Check the name."),
    (Conflict, 409, "Look at the present state, and try again."),
    (Unreachable, 503, "Nothing of the request was acknowledged. Send it again."),
    (StorageFull, 507, "Free some room; nothing of the request was kept. Send it again."),
)


class Refused(JanusError):
    """Raised by the service itself, for reasons that only a service has.

    Args:
        status: Of HTTP.
        thing, expected, found, fix: See `januscl.core.InvalidInput`.
        retry_after: Seconds after which the same request may pass.
    """

    def __init__(
        self,
        status: int,
        thing: str,
        expected: str,
        found: str,
        fix: str,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{thing}: expected {expected}, found {found}. {fix}")
        self.status, self.retry_after = status, retry_after
        self.thing, self.expected, self.found, self.fix = thing, expected, found, fix


class Answer(Response):
    """JSON in ASCII alone, for a text from outside need not be encodable otherwise."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes of a JSON value."""
        return json.dumps(content, ensure_ascii=True, allow_nan=False).encode("ascii")


def handle_errors(app: FastAPI) -> None:
    """Have every error of the app answered in the one form."""
    app.add_exception_handler(JanusError, _janus)
    app.add_exception_handler(RequestValidationError, _query)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _cut)
    app.add_exception_handler(Exception, _bug)


async def _janus(request: Request, error: Exception) -> Response:
    if isinstance(error, Refused):
        answer = _said(error.status, error.thing, error.expected, error.found, error.fix)
        if error.retry_after is not None:
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    if isinstance(error, InvalidInput):
        return _said(422, error.thing, error.expected, error.found, error.fix)
    for kind, status, fix in _STATUS:
        if isinstance(error, kind):
            answer = _said(status, "request", "one that can be carried out", str(error), fix)
            if status == 401:
                answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
    return await _bug(request, error)


async def _query(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    thing = ".".join(str(part) for part in first["loc"])
    found = repr(first.get("input"))[:80]
    return _said(422, thing, expected(first), found, "The API's page lists what is accepted.")


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    fix = "The API's page, /api/v1/docs, lists all routes."
    answer = _said(error.status_code, "request", "a route and a method that exist",
                   str(error.detail), fix)  # fmt: skip
    answer.headers.update(error.headers or {})
    return answer


async def _cut(request: Request, error: Exception) -> Response:
    return _said(400, "body", "all of it", "a connection that was cut", "Send it again.")


async def _bug(request: Request, error: Exception) -> Response:
    return _said(
        500, "service", "no error of its own", type(error).__name__,
        "The log has more under this answer's X-Request-ID.",
    )  # fmt: skip


def _said(status: int, thing: str, expected: str, found: str, fix: str) -> Answer:
    told = {"thing": thing, "expected": expected, "found": found, "fix": fix}
    return Answer({"error": told}, status_code=status)
