"""The steps of the loop as they are taken, sent to whoever listens (server-sent events)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from januscl.core import InvalidInput
from januscl.line.access import Act
from januscl.service import forms
from januscl.service.errors import Refused
from januscl.service.gate import House, who_may
from januscl.store import AuditRow, TokenRow

MOST_STREAMS = 32
"""Listeners at once, of one process."""

_LOOK_SECONDS = 0.5
_ALIVE_SECONDS = 15.0
_AT_ONCE = 200
_LARGEST = 2**63 - 1

LastId = Annotated[
    str | None, Header(alias="Last-Event-ID", description="Go on after this event; now if omitted.")
]


def stream_routes(
    house: House, stopping: Callable[[], bool], alive_seconds: float = _ALIVE_SECONDS
) -> APIRouter:
    """Return the route.

    Args:
        house: What the routes share.
        stopping: Says whether the server is about to stop; streams end then.
        alive_seconds: After which a stream that has nothing to tell says that it is alive.
    """
    router = APIRouter(prefix=forms.PREFIX, tags=["people"])
    reader, streams = who_may(house, Act.READ), _Streams(house, stopping, alive_seconds)

    @router.get(
        "/stream",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
            **forms.problems(401, 403, 422, 429),
        },
    )
    async def stream(token: TokenRow = reader, last_id: LastId = None) -> StreamingResponse:
        """Send each row of the audit log as an event `audit`, from now on or after `Last-Event-ID`.

        An event's id is the row's number. A stream ends when the server stops or the token is
        revoked; connect again with the last id, and nothing is missed.
        """
        if last_id is None:
            start = await run_in_threadpool(house.workspace.catalogue.audit.last)
        else:
            start = _number(last_id)
        streams.check()
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            streams.events(start, token), media_type="text/event-stream", headers=headers
        )

    return router


class _Streams:
    """The streams of one process.

    Args:
        house, stopping, alive_seconds: See `stream_routes`.
    """

    def __init__(self, house: House, stopping: Callable[[], bool], alive_seconds: float) -> None:
        catalogue = house.workspace.catalogue
        self._audit, self._tokens = catalogue.audit, catalogue.tokens
        self._stopping, self._alive_seconds = stopping, alive_seconds
        self._listeners = 0

    def check(self) -> None:
        """Raise `Refused` where as many listen as may."""
        if self._listeners >= MOST_STREAMS:
            raise Refused(
                429, "streams", f"at most {MOST_STREAMS} at once", "as many already",
                "Close one, or come again later.", 30,
            )  # fmt: skip

    async def events(self, after: int, token: TokenRow) -> AsyncIterator[str]:
        """Give the rows after a number as they come, until the server stops or the token ends."""
        self._listeners += 1
        try:
            yield ": from here on\n\n"
            silent = 0.0
            while not self._stopping():
                rows = await run_in_threadpool(self._audit.after, after, _AT_ONCE)
                for number, row in rows:
                    yield _event(number, row)
                    after = number
                if rows:
                    silent = 0.0
                    continue
                await asyncio.sleep(_LOOK_SECONDS)
                silent += _LOOK_SECONDS
                if silent >= self._alive_seconds:
                    silent = 0.0
                    if not await run_in_threadpool(self._tokens.valid, token.id):
                        return
                    yield ": alive\n\n"
        finally:
            self._listeners -= 1


def _number(id: str) -> int:
    if not id.isdecimal() or not id.isascii() or int(id[:20]) > _LARGEST:
        raise InvalidInput(
            "Last-Event-ID", "the id of an event", repr(id)[:80], "Leave it out to begin now."
        )
    return int(id)


def _event(number: int, row: AuditRow) -> str:
    told = {
        "number": number, "at": row.at.isoformat(), "actor": row.actor, "action": row.action,
        "subject": row.subject, "detail": row.detail,
    }  # fmt: skip
    return f"id: {number}\nevent: audit\ndata: {json.dumps(told, ensure_ascii=True)}\n\n"
