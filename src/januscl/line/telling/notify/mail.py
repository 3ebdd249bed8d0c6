"""Notices sent by e-mail: one in a message, or many in a digest."""

import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from typing import Any, Literal

import httpx

from januscl.line.telling.notify.deadline import within
from januscl.line.telling.notify.notice import Notice
from januscl.line.telling.notify.reply import Reply

Security = Literal["starttls", "tls", "none"]
DEADLINE_S = 60.0
"""Of one attempt, however slowly the server answers, its name's looking up included."""
_TIMEOUT_S = 10.0
_SUBJECT = 150


def composed(sender: str, to: Sequence[str], notices: Sequence[Notice]) -> EmailMessage:
    """Return the message of some notices; the same notices give the same Message-ID.

    Args:
        sender: Its address.
        to: Addresses.
        notices: One, or many for a digest, oldest first.
    """
    message = EmailMessage()
    message["From"], message["To"] = sender, ", ".join(to)
    first = notices[0]
    subject = first.text if len(notices) == 1 else f"{len(notices)} notices: {first.text} and more"
    message["Subject"] = f"[Janus] {_plain(subject)}"[:_SUBJECT]
    message["Date"] = format_datetime(notices[-1].at)
    id = first.id if len(notices) == 1 else _digest_id(notices)
    message["Message-ID"] = f"<{id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    message.set_content("\n\n".join(_told(notice) for notice in notices) + "\n")
    return message


def deliver(
    message: EmailMessage,
    host: str,
    port: int,
    security: Security,
    login: tuple[str, str] | None = None,
) -> Reply:
    """Hand a message to a server once and say how it was answered.

    Args:
        message: As `composed` makes it.
        host: Of the server.
        port: Of the server.
        security: ``starttls``, which is refused where the server has none; ``tls`` from the start;
            or ``none``.
        login: User and password.
    """
    line = _Line()
    try:
        return within(DEADLINE_S, lambda: _delivered(line, message, host, port, security, login))
    except TimeoutError:
        line.cut()
        return Reply(False, f"not done within {DEADLINE_S:g} s")


class _Line:
    """A connection that another thread may cut; what is cut sends nothing any more."""

    def __init__(self) -> None:
        self._server: smtplib.SMTP | None = None
        self._is_cut = False

    def check(self, server: smtplib.SMTP) -> None:
        """Say which server it leads to; raise OSError where it was cut meanwhile."""
        self._server = server
        if self._is_cut:
            server.close()
            raise OSError("it took too long")

    def cut(self) -> None:
        """End the exchange wherever it stands."""
        self._is_cut = True
        if self._server is not None and self._server.sock is not None:
            with suppress(OSError):
                self._server.sock.shutdown(socket.SHUT_RDWR)


def _delivered(
    line: _Line,
    message: EmailMessage,
    host: str,
    port: int,
    security: Security,
    login: tuple[str, str] | None,
) -> Reply:
    """Hand a message over, and put whatever goes wrong in words without a secret."""
    try:
        with _connected(line, host, port, security) as server:
            if login is not None:
                server.login(*login)
            line.check(server)
            left_out = server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return Reply(False, f"no recipient was accepted: {_codes(codes)}", min(codes) >= 500)
    except smtplib.SMTPDataError as error:
        return Reply(False, f"SMTP {error.smtp_code}", error.smtp_code >= 500)
    except smtplib.SMTPResponseException as error:
        return Reply(False, f"{type(error).__name__}: SMTP {error.smtp_code}")
    except (smtplib.SMTPException, OSError) as error:
        told = str(error).strip() or "the connection broke"
        return Reply(False, f"{type(error).__name__}: {told}"[:200])
    except UnicodeError:  # whose text may hold a part of the password
        return Reply(False, "the host, user or password is nothing that can be sent")
    if left_out:
        return Reply(True, f"SMTP 250, but not for {', '.join(sorted(left_out))}")
    return Reply(True, "SMTP 250")


class _Quiet(smtplib.SMTP):
    """Once a message was taken, nothing that goes wrong with the goodbye makes it untaken."""

    def __exit__(self, *error: object) -> None:
        try:
            self.quit()
        except (smtplib.SMTPException, OSError):
            self.close()


class _QuietTls(smtplib.SMTP_SSL):
    __exit__ = _Quiet.__exit__


def _connected(line: _Line, host: str, port: int, security: Security) -> smtplib.SMTP:
    if security == "tls":
        safe = _QuietTls(host, port, timeout=_TIMEOUT_S, context=_context())
        line.check(safe)
        return safe
    server = _Quiet(host, port, timeout=_TIMEOUT_S)
    line.check(server)
    if security == "starttls":
        try:
            server.starttls(context=_context())
        except BaseException:
            server.close()
            raise
    return server


def _context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _codes(codes: Sequence[int]) -> str:
    return ", ".join(f"SMTP {code}" for code in sorted(set(codes)))


def _digest_id(notices: Sequence[Notice]) -> str:
    return f"digest_{sha256(' '.join(notice.id for notice in notices).encode()).hexdigest()[:32]}"


def _plain(text: str) -> str:
    """Return a text without what could end a header: names come from robots and people."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _told(notice: Notice) -> str:
    fields = [f"  {name}: {_plain(_written(value))}" for name, value in notice.data.items()]
    head = f"{notice.at:%Y-%m-%d %H:%M:%S} UTC  {notice.type}  {_plain(notice.text)}"
    return "\n".join([head, *fields, f"  notice: {notice.id}"])


def _written(value: Any) -> str:
    """Return a field's value as a person reads it, such as ``42 (30 to 55), rising``."""
    if isinstance(value, Mapping) and {"expected", "low", "high", "trend"} <= value.keys():
        low, high = value["low"], value["high"]
        return f"{value['expected']:g} ({low:g} to {high:g}), {value['trend']}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
