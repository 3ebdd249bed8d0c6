"""Who is told: webhooks and mailboxes, as configuration has them."""

import base64
import binascii
import os
import re
from collections.abc import Sequence
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from januscl.line.telling.notify.mail import Security, composed, deliver
from januscl.line.telling.notify.notice import TEST, TYPES, Notice
from januscl.line.telling.notify.reply import Reply
from januscl.line.telling.notify.webhook import post

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~`-]+@[A-Za-z0-9.-]+")
_PLAIN = re.compile(r"[!-~]{1,2000}")
_KEY = "whsec_"
_LEAST_KEY, _MOST_KEY = 24, 64
_KEYS = 2

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$")]


class _Told(BaseModel):
    """What every target has.

    Attributes:
        name: What it is called; what waits for it is kept under this name.
        about: Types of notice, such as ``ticket.opened``, ``ticket.*`` or ``*``.
        hours: After which a notice that it did not take is given up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name
    about: tuple[str, ...] = Field(default=("*",), min_length=1)
    hours: float = Field(default=24.0, gt=0, le=24 * 14)

    @field_validator("about")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        groups = {f"{type.partition('.')[0]}.*" for type in TYPES}
        unknown = [one for one in value if one not in {*TYPES, *groups, "*"}]
        if unknown:
            raise ValueError(
                f"{unknown[0]!r} is none of {', '.join(['*', *sorted(groups), *TYPES])}"
            )
        return value

    def wants(self, type: str) -> bool:
        """Say whether it is told of notices of a type."""
        group = f"{type.partition('.')[0]}.*"
        return type == TEST or bool({"*", group, type} & set(self.about))


class Webhook(_Told):
    """A URL that notices are posted to.

    Attributes:
        url: Where to. Secret: for many receivers it is all that one needs to know.
        secrets: Keys as Standard Webhooks writes them, ``whsec_`` and base64 of 24 to 64 bytes:
            one, or two while keys are changed. All sign.
        secrets_from: Variable of the environment that holds them instead, divided by spaces. It is
            read when a notice is sent: no other process needs to have it.
        private: Its address may be one that is not public.
        plain: It may be http.
    """

    url: SecretStr
    secrets: tuple[SecretStr, ...] = ()
    secrets_from: Variable | None = None
    private: bool = False
    plain: bool = False

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.secrets_from is None:
            _ = self.keys
        elif self.secrets:
            raise ValueError("give secrets or secrets_from, not both")
        text = self.url.get_secret_value()
        if not _PLAIN.fullmatch(text):
            raise ValueError("url must be ASCII without spaces; encode what is not")
        try:
            url = urlsplit(text)
            host, _ = url.hostname, url.port
        except ValueError:
            raise ValueError("url is no URL") from None
        schemes = ("https", "http") if self.plain else ("https",)
        if url.scheme not in schemes or not host or url.username or url.fragment:
            allowed = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"url must be {allowed}host/..., without a user, password or #")
        return self

    @property
    def keys(self) -> list[bytes]:
        """What signs.

        Raises:
            ValueError: The variable is not set, or holds something else than keys.
        """
        secrets = [secret.get_secret_value() for secret in self.secrets]
        if self.secrets_from is not None:
            secrets = _held(self.secrets_from, "secrets_from").split()
        if not 1 <= len(secrets) <= _KEYS:
            raise ValueError(f"secrets must be at least 1 and at most {_KEYS}")
        return [_key(secret) for secret in secrets]

    def check(self) -> None:
        """See that there is what signs; raise ValueError where there is not."""
        _ = self.keys

    @property
    def place(self) -> str:
        """Where it is, without anything secret."""
        url = urlsplit(self.url.get_secret_value())
        return f"{url.scheme}://{url.netloc}/…"


class Mailbox(_Told):
    """Addresses that notices are sent to by e-mail.

    Attributes:
        host, port: Of the server that takes the messages.
        security: ``starttls``, ``tls`` from the start, or ``none``.
        user, password: For the server, where it asks.
        password_from: Variable of the environment that holds the password instead. It is read when
            a notice is sent: no other process needs to have it.
        sender: Address that the messages come from.
        to: Addresses.
        digest_from: Notices that wait at once from which they come as one message.
    """

    host: str = Field(min_length=1, max_length=253)
    port: int = Field(default=587, ge=1, le=65535)
    security: Security = "starttls"
    user: str | None = None
    password: SecretStr | None = None
    password_from: Variable | None = None
    sender: str
    to: tuple[str, ...] = Field(min_length=1, max_length=50)
    digest_from: int = Field(default=5, ge=2, le=1000)

    @model_validator(mode="after")
    def _usable(self) -> Self:
        for address in (self.sender, *self.to):
            if len(address) > 254 or not _ADDRESS.fullmatch(address):
                raise ValueError("sender and to must be plain addresses such as ops@example.com")
        if self.password is not None and self.password_from is not None:
            raise ValueError("give password or password_from, not both")
        has = self.password is not None or self.password_from is not None
        if (self.user is not None) != has:
            raise ValueError("user and password belong together")
        if has and self.security == "none":
            raise ValueError("a password needs security = 'starttls' or 'tls'")
        return self

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password, where the server asks for them.

        Raises:
            ValueError: The variable is not set.
        """
        if self.user is None:
            return None
        if self.password_from is not None:
            return self.user, _held(self.password_from, "password_from")
        assert self.password is not None
        return self.user, self.password.get_secret_value()

    def check(self) -> None:
        """See that there is a password where one is needed; raise ValueError where there is not."""
        _ = self.login

    @property
    def place(self) -> str:
        """Where it is, without anything secret."""
        return f"{', '.join(self.to)} by {self.host}:{self.port}"


Target = Webhook | Mailbox


def send(target: Target, notices: Sequence[Notice]) -> Reply:
    """Send notices once, and say how the target answered; it is never raised for its sake.

    Args:
        target: Whom to.
        notices: One for a webhook; one or many for a mailbox.
    """
    try:
        target.check()
    except ValueError as error:
        return Reply(False, str(error))
    if isinstance(target, Webhook):
        (notice,) = notices
        return post(target.url.get_secret_value(), target.keys, notice, target.private)
    message = composed(target.sender, target.to, notices)
    return deliver(message, target.host, target.port, target.security, target.login)


def _held(variable: str, setting: str) -> str:
    """Return what the environment holds; the name is not told, for it may be the secret itself."""
    value = os.environ.get(variable)
    if not value:
        raise ValueError(f"the environment does not hold the variable that {setting} names")
    return value


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_KEY), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_KEY) or not _LEAST_KEY <= len(key) <= _MOST_KEY:
        raise ValueError(
            f"a secret is {_KEY} and base64 of {_LEAST_KEY} to {_MOST_KEY} random bytes; "
            "docs/notify.md shows how to make one"
        )
    return key
