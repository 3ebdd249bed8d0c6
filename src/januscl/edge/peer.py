"""The service as the robot sees it: calls that succeed, may succeed later, or never will."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from januscl.core import InvalidInput, JanusError
from januscl.core.message import MEDIA_TYPE

if TYPE_CHECKING:
    import httpx

Settled = tuple[set[str], dict[str, str]]
"""Ids that were accepted, and reasons by the ids that were not."""

_CONTENT = frozenset({400, 413, 422})
"""What says that the content is wrong. Any other refusal, such as 401 or 404, may be a setting's
fault, or a proxy's, and is tried again: nothing is thrown away for it."""
_PICTURE = _CONTENT | {404, 409, 410, 415}
_LONGEST_ANSWER = 8 * 2**20
_CALL_S = 120.0


class Later(JanusError):
    """Raised when a call failed that may succeed later.

    Args:
        reason: What happened.
        wait: Seconds that the service asked for, 0 where it did not.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Barred(Later):
    """Raised when the robot itself was refused: by another token it may succeed."""


class Never(JanusError):
    """Raised when the service refused what was sent for what it is."""


class Peer:
    """Calls to one service by one robot; redirects are not followed, for the token's sake.

    Each call raises `Later` or `Never` where it does not succeed.

    Args:
        server: Address, such as ``https://janus.example``.
        robot: The robot's name.
        token: Its token.
        timeout: Seconds without a byte after which a call has failed.

    Raises:
        InvalidInput: The address is none of http or https.
    """

    def __init__(self, server: str, robot: str, token: str, timeout: float = 15.0) -> None:
        # Not at the top: it takes a fifth of a second, and importing januscl.edge stays quick.
        import httpx

        if not server.startswith(("http://", "https://")):
            raise InvalidInput(
                "server", "an address with http:// or https://", repr(server)[:80], "Correct it."
            )
        if not token or not token.isascii() or not token.isprintable():
            raise InvalidInput("token", "printable ASCII", "another text", "Ask for a new one.")
        self._robot = robot
        self._skew = 0.0
        self._failure = httpx.HTTPError
        self._client = httpx.Client(
            base_url=f"{server.rstrip('/')}/api/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
        )

    @property
    def skew(self) -> float:
        """Seconds that the robot's clock is ahead of the service's, by its last answer."""
        return self._skew

    def observations(self, message: bytes) -> Settled:
        """Send a batch of records."""
        return _settled(self._call("POST", "observations", message, MEDIA_TYPE, _CONTENT))

    def outcomes(self, outcomes: list[Any]) -> Settled:
        """Send picks, as JSON objects with ``observation`` and ``pick``."""
        body = json.dumps({"outcomes": outcomes}).encode()
        return _settled(self._call("POST", "outcomes", body, "application/json", _CONTENT))

    def image(self, id: str, jpeg: bytes) -> None:
        """Send the pixels of an observation that the service has."""
        self._call("PUT", f"observations/{quote(id, safe='')}/image", jpeg, "image/jpeg", _PICTURE)

    def check_in(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """Say how the robot is; return what the service wants of it."""
        body, path = json.dumps(report).encode(), f"robots/{quote(self._robot, safe='')}/check-in"
        answer = self._call("POST", path, body, "application/json", _CONTENT | {404})
        if not isinstance(answer, dict):
            raise Later("the answer to a check-in is no object")
        return answer

    def close(self) -> None:
        """Close the connection; a call that goes on fails."""
        self._client.close()

    def _call(self, method: str, path: str, body: bytes, media: str, never: frozenset[int]) -> Any:
        try:
            with self._client.stream(
                method, path, content=body, headers={"Content-Type": media}
            ) as answer:
                data = _read(answer)
        except self._failure as error:
            raise Later(f"{type(error).__name__}: {error}") from error
        self._note_time(answer)
        value: Any = None
        with suppress(ValueError):
            value = json.loads(data) if data else None
        status = answer.status_code
        # A proxy refuses in words of its own, but for size, where it speaks for the service.
        ours = isinstance(value, dict) and ("error" in value or "detail" in value)
        if status in never and (ours or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            raise Never(f"{status}: {data[:400].decode(errors='replace')}")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Barred(self._barred(status, value), _asked_wait(answer))
        if not answer.is_success:
            raise Later(f"the service answered {status}", _asked_wait(answer))
        return value

    def _barred(self, status: int, value: Any) -> str:
        """Say why the robot was refused, and how to mend it."""
        told = value.get("error") if isinstance(value, dict) else None
        why = told.get("found") if isinstance(told, dict) else None
        said = f"{status}: {str(why)[:200]}" if why else f"{status}, in a proxy's words"
        return (
            f"the service refuses this robot's token ({said}). Make one with `janus token create "
            f"NAME --role robot --robot {self._robot}` on the service's workspace, and start the "
            "agent with it; until then all that is seen waits in the spool"
        )

    def _note_time(self, answer: "httpx.Response") -> None:
        with suppress(KeyError, ValueError, TypeError, OverflowError):
            theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
            ahead = time.time() - theirs
            # The header counts whole seconds, and the answer took its time.
            self._skew = ahead if abs(ahead) > 2.0 else 0.0


def _read(answer: "httpx.Response") -> bytes:
    parts, size, deadline = list[bytes](), 0, time.monotonic() + _CALL_S
    for part in answer.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > _LONGEST_ANSWER or time.monotonic() > deadline:
            raise Later("the answer is too long or too slow")
    return b"".join(parts)


def _settled(answer: Any) -> Settled:
    """Return what a batch's answer says; one that is cut or a proxy's says nothing."""
    try:
        accepted = {str(id) for id in answer["accepted"]}
        return accepted, {str(one["id"]): str(one["reason"]) for one in answer["rejected"]}
    except (TypeError, KeyError) as error:
        raise Later("the answer is not the service's; is a proxy in between?") from error


def _asked_wait(answer: "httpx.Response") -> float:
    with suppress(ValueError):
        return min(max(float(answer.headers.get("Retry-After", "0")), 0.0), 3600.0)
    return 0.0
