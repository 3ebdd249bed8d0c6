"""Who may do what: the table that joins roles and acts, and tokens as they come and go."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from januscl.core import InvalidInput, JanusError
from januscl.store import Catalogue, Role, TokenRow

_LONGEST_DAYS = 36500


class Unknown(JanusError):
    """Raised when a request carries no token, or one that is unknown, revoked or expired."""


class Forbidden(JanusError):
    """Raised when a token does not allow what was asked."""


class Act(StrEnum):
    """What a request does."""

    SEND = "send observations, pictures and outcomes, and check in"
    FETCH = "fetch the weights of a model"
    LABEL = "label frames"
    NAME = "name a kind that no model knows yet"
    TASKS = "read label tasks, their pictures and the kinds"
    READ = "read what the line knows and does"
    TOKENS = "list and revoke tokens"


MAY: Mapping[Act, frozenset[Role]] = {
    Act.SEND: frozenset({Role.ROBOT}),
    Act.FETCH: frozenset({Role.ROBOT, Role.OPERATOR, Role.ADMIN}),
    Act.LABEL: frozenset({Role.ANNOTATOR}),
    Act.NAME: frozenset({Role.ANNOTATOR, Role.ADMIN}),
    Act.TASKS: frozenset({Role.ANNOTATOR, Role.OPERATOR, Role.ADMIN}),
    Act.READ: frozenset({Role.OPERATOR, Role.ADMIN}),
    Act.TOKENS: frozenset({Role.ADMIN}),
}
"""Which roles may do each act. A robot, moreover, sends only as itself."""


def create_token(
    catalogue: Catalogue,
    name: str,
    role: Role,
    robot: str | None = None,
    days: float | None = None,
) -> tuple[str, TokenRow]:
    """Make a token; return its secret, which is shown once and kept nowhere, and its row.

    Args:
        catalogue: Keeps the secret's SHA-256.
        name: Whose it is, for a person.
        role: What it is for.
        robot: The robot's name; for a robot's token, and only for that.
        days: Until it expires; never when omitted.

    Raises:
        InvalidInput: A robot's token names no robot or another one does, or the days are none.
    """
    if days is not None and not 0 < days <= _LONGEST_DAYS:
        raise InvalidInput(
            "days of a token", f"0 to {_LONGEST_DAYS}", f"{days}", "Leave it out for ever."
        )
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with catalogue.transaction() as tx:
        secret, token = tx.tokens.create(name, role, robot=robot, expires=expires)
        detail = {"name": name, "role": str(role), "robot": robot}
        tx.audit.record("access", "token.created", token.id, detail)
    return secret, token


def revoke_token(catalogue: Catalogue, id: str, actor: str) -> None:
    """Make a token void from now on; one that is revoked stays so.

    Raises:
        NotFound: There is no such token.
    """
    with catalogue.transaction() as tx:
        tx.tokens.revoke(id)
        tx.audit.record(actor, "token.revoked", id, {})


def authenticate(catalogue: Catalogue, secret: str) -> TokenRow:
    """Return the token of a secret, and note that it was used.

    Raises:
        Unknown: It is unknown, revoked or expired; which of them is not told.
    """
    token = catalogue.tokens.verify(secret)
    if token is None:
        raise Unknown("the token is unknown, revoked or expired")
    catalogue.tokens.used(token.id)
    return token


def check(token: TokenRow, act: Act, robot: str | None = None) -> None:
    """Raise `Forbidden` unless the token's role may do the act, for that robot if one is named."""
    if token.role not in MAY[act]:
        allowed = ", ".join(sorted(MAY[act]))
        raise Forbidden(f"a token of role {token.role} may not {act}; one of {allowed} may")
    if robot is not None and robot != token.robot:
        raise Forbidden(f"the token of robot {token.robot} may not speak for another robot")
