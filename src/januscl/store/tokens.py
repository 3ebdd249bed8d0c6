"""Who may speak to the service, and as what. Of the secrets only hashes are kept."""

import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, or_, select, update

from januscl.core import InvalidInput, NotFound, new_id
from januscl.store.database import Door
from januscl.store.records import Role, TokenRow
from januscl.store.tables import tokens

_SECRET = re.compile(r"janus_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")
_NOTED = timedelta(minutes=1)


class Tokens:
    """Bearer tokens.

    A secret reads ``janus_<id>_<32 random bytes>`` and is shown once, when it is made. Its plain
    SHA-256 is kept, which suffices because nobody can try 32 random bytes.
    """

    def __init__(self, door: Door) -> None:
        self._door = door

    def create(
        self,
        name: str,
        role: Role | str,
        *,
        robot: str | None = None,
        expires: datetime | None = None,
        at: datetime | None = None,
    ) -> tuple[str, TokenRow]:
        """Make a token; return its secret, which is kept nowhere, and its row.

        Args:
            name: What people call it.
            role: What it may do.
            robot: Whom it speaks for. A robot's token names one, no other does.
            expires: From when on it is void; never when omitted.
            at: When it was made; now when omitted.

        Raises:
            InvalidInput: The role is unknown, or does not fit the robot.
        """
        given = _role(role)
        if (given is Role.ROBOT) != (robot is not None):
            raise InvalidInput(
                f"token {name!r}"[:80],
                "a robot's name with the role robot, and with no other",
                f"role {given} and robot {robot!r}"[:80],
                "A robot writes as itself alone; a person's token is bound to none.",
            )
        id = new_id()
        secret = f"janus_{UUID(id).hex}_{secrets.token_urlsafe(32)}"
        row = TokenRow(id, name, given, robot, at or datetime.now(UTC), expires)
        with self._door.write() as connection:
            connection.execute(insert(tokens).values(**vars(row), sha256=_digest(secret)))
        return secret, row

    def verify(self, secret: str, at: datetime | None = None) -> TokenRow | None:
        """Return the token of a secret; None when it is unknown, expired or revoked.

        Args:
            secret: As the caller sent it, whatever that is.
            at: The time; now when omitted.
        """
        form = _SECRET.fullmatch(secret)
        if form is None:
            return None
        with self._door.read() as connection:
            query = select(tokens).where(tokens.c.id == str(UUID(form[1])))
            row = connection.execute(query).first()
        # The id is no secret; the rest is compared in a time that tells nothing of it.
        if row is None or not hmac.compare_digest(row.sha256, _digest(secret)):
            return None
        token = _token_of(row)
        over = token.expires is not None and token.expires <= (at or datetime.now(UTC))
        return None if over or token.revoked is not None else token

    def valid(self, id: str, at: datetime | None = None) -> bool:
        """Say whether a token is neither revoked nor expired at a time; now when omitted."""
        table, now = tokens.c, at or datetime.now(UTC)
        lasting = or_(table.expires.is_(None), table.expires > now)
        query = select(table.id).where(table.id == id, table.revoked.is_(None), lasting)
        with self._door.read() as connection:
            return connection.execute(query).first() is not None

    def used(self, id: str, at: datetime | None = None) -> None:
        """Note that a token was used; once a minute is enough, more often is not written."""
        now = at or datetime.now(UTC)
        table = tokens.c
        due = or_(table.last_used.is_(None), table.last_used <= now - _NOTED)
        with self._door.read() as connection:
            if connection.execute(select(table.id).where(table.id == id, due)).first() is None:
                return
        with self._door.append() as connection:
            connection.execute(update(tokens).where(table.id == id, due).values(last_used=now))

    def revoke(self, id: str, at: datetime | None = None) -> None:
        """Make a token void for ever; what was revoked stays so, from the first time on.

        Raises:
            NotFound: There is no such token.
        """
        now = at or datetime.now(UTC)
        with self._door.write() as connection:
            if connection.execute(select(tokens.c.id).where(tokens.c.id == id)).first() is None:
                raise NotFound(f"token {id} is not in the catalogue")
            open_ = (tokens.c.id == id, tokens.c.revoked.is_(None))
            connection.execute(update(tokens).where(*open_).values(revoked=now))

    def list(self) -> Sequence[TokenRow]:
        """Return all tokens, void ones too, in the order in which they were made."""
        query = select(tokens).order_by(tokens.c.created, tokens.c.id)
        with self._door.read() as connection:
            return [_token_of(row) for row in connection.execute(query)]


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _role(role: Role | str) -> Role:
    try:
        return Role(role)
    except ValueError as error:
        known = ", ".join(Role)
        raise InvalidInput(
            "role", f"one of {known}", repr(role)[:80], "Choose what it may do."
        ) from error


def _token_of(row: Row[Any]) -> TokenRow:
    fields = {name: value for name, value in row._mapping.items() if name != "sha256"}
    return TokenRow(**{**fields, "role": Role(row.role)})
