"""Column types that check what enters the catalogue and give back what was put in."""

import math
import operator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Float, Integer, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from januscl.core import InvalidInput, utc
from januscl.store.blobs import check_digest

Json = JSON(none_as_null=True)
_WHOLE = 2**31


class UtcTime(TypeDecorator[datetime]):
    """A time with a zone, kept in UTC to the microsecond; databases sort and compare it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC; a time without a zone is refused."""
        if value is not None and not isinstance(value, datetime):
            raise InvalidInput("time", "a datetime", repr(value)[:80], "Pass datetime.now(UTC).")
        return None if value is None else utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time with its zone, which SQLite does not keep."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Name(TypeDecorator[str]):
    """An identity or short name: 1 to 200 printable characters."""

    impl = String(200)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return the column's type: in every database names sort by their characters' codes."""
        return String(200, collation="C" if dialect.name == "postgresql" else None)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text, or refuse it."""
        if value is None:
            return None
        if not isinstance(value, str) or not 1 <= len(value) <= 200 or not value.isprintable():
            raise InvalidInput(
                "name or id",
                "text of 1 to 200 printable characters",
                repr(value)[:80],
                "Names key the catalogue; give a short one.",
            )
        return str(value)  # a StrEnum becomes its text


class Digest(TypeDecorator[str]):
    """The SHA-256 of something in the blob store."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the digest, or refuse it."""
        return None if value is None else check_digest(value)


class Real(TypeDecorator[float]):
    """A finite number; NumPy's are taken too. SQLite would turn a NaN into NULL unasked."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> float | None:
        """Return the number, or refuse it."""
        if value is None:
            return None
        number = float(value)
        if not math.isfinite(number):
            raise InvalidInput("number", "a finite one", repr(value), "Find out why it is not.")
        return number


class Whole(TypeDecorator[int]):
    """A whole number of 32 bits; NumPy's are taken too, which SQLite would keep as bytes."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        """Return the number, or refuse it."""
        if value is None:
            return None
        number = operator.index(value)
        if not -_WHOLE <= number < _WHOLE:
            raise InvalidInput(
                "whole number", f"one from {-_WHOLE} to {_WHOLE - 1}", str(number), "Check it."
            )
        return number


class Prose(TypeDecorator[str]):
    """Text of any length. NUL, which PostgreSQL cannot keep, becomes the replacement character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text, or refuse what is none."""
        if value is not None and not isinstance(value, str):
            raise InvalidInput("text", "a text", repr(value)[:80], "Convert it first.")
        return None if value is None else str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
