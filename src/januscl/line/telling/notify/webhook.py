"""A notice sent by HTTP, signed as Standard Webhooks asks (standardwebhooks.com).

HMAC-SHA256 over ``id.timestamp.body``; one signature for each key, so that a receiver which knows
either takes it while keys are changed.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from januscl.line.telling.notify.guard import NotAllowed, address_of
from januscl.line.telling.notify.notice import Notice
from januscl.line.telling.notify.reply import Reply

DEADLINE_S = 15.0
"""Of one attempt, its name's looking up included, however slowly the target answers."""
_CONNECT_S = 5.0
_LONGEST_WAIT_S = 3600.0
_LATER = frozenset({401, 403, 404, 407, 408, 425, 429})
"""These 4xx speak of the target, its door or its mood, not of the notice."""


def signed(keys: Sequence[bytes], id: str, at: int, body: bytes) -> dict[str, str]:
    """Return the headers that prove where a body comes from, and when it was sent.

    Args:
        keys: One, or two while keys are changed.
        id: Of the notice.
        at: Unix time of this attempt, seconds.
        body: As it is sent.
    """
    content = f"{id}.{at}.".encode() + body
    digests = [hmac.new(key, content, hashlib.sha256).digest() for key in keys]
    signatures = [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def post(url: str, keys: Sequence[bytes], notice: Notice, private: bool = False) -> Reply:
    """Send a notice once and say how it was answered; nothing is raised for a target's sake.

    Redirects are not followed, the answer's body is not read, and no proxy of the environment is
    used, as it would resolve the name again.

    Args:
        url: Of the target.
        keys: See `signed`.
        notice: What is sent.
        private: The target may have an address that is not public.
    """
    ends = time.monotonic() + DEADLINE_S

    async def in_time(at: httpx.URL, address: str) -> Reply:
        async with asyncio.timeout(max(ends - time.monotonic(), 0.0)):
            return await _post(at, address, keys, notice)

    for name in ("httpx", "httpcore"):  # they log the URL, which is a secret
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        at = httpx.URL(url)
        address = address_of(_host(at), _port(at), private, DEADLINE_S)
        return asyncio.run(in_time(at, address))
    except NotAllowed as error:
        return Reply(False, str(error))
    except TimeoutError:
        return Reply(False, f"no answer within {DEADLINE_S:.0f} s")
    except (httpx.HTTPError, OSError) as error:
        told = str(error).strip() or "the connection broke"
        return Reply(False, f"{type(error).__name__}: {told}"[:200])
    except (UnicodeError, httpx.InvalidURL):  # whose text may hold a part of the URL
        return Reply(False, "the URL has no host that could be looked up")


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


async def _post(url: httpx.URL, address: str, keys: Sequence[bytes], notice: Notice) -> Reply:
    body = notice.body
    headers = {
        "host": url.netloc.decode("ascii"),
        "content-type": "application/json",
        "user-agent": "januscl",
        **signed(keys, notice.id, int(time.time()), body),
    }
    async with (
        httpx.AsyncClient(
            verify=httpx.create_ssl_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(DEADLINE_S, connect=_CONNECT_S),
        ) as client,
        client.stream(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers=headers,
            # The certificate must be the name's, though the connection goes to an address.
            extensions={"sni_hostname": _host(url)},
        ) as answer,
    ):
        return _judged(answer)


def _judged(answer: httpx.Response) -> Reply:
    status = answer.status_code
    if 200 <= status < 300:
        return Reply(True, f"HTTP {status}")
    if 300 <= status < 400:
        return Reply(False, f"HTTP {status}; a redirect is not followed, give the URL it leads to")
    refused = 400 <= status < 500 and status not in _LATER
    return Reply(False, f"HTTP {status}", refused, _wait(answer.headers.get("retry-after", "")))


def _wait(asked: str) -> float:
    """Return what a ``Retry-After`` asks for, seconds or a date, an hour at most."""
    try:
        seconds = float(asked) if asked.isdigit() else _until(parsedate_to_datetime(asked))
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)


def _until(at: datetime) -> float:
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return (at - datetime.now(UTC)).total_seconds()
