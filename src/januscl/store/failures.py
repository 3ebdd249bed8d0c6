"""From the drivers' errors to ours, which say what to do and tell no secret."""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import IntegrityError as ConstraintError
from sqlalchemy.exc import TimeoutError as NoConnection

from januscl.core import (
    Conflict,
    IntegrityError,
    InvalidInput,
    JanusError,
    NotFound,
    StorageFull,
    Unreachable,
)
from januscl.store import engines

_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHM", "53100")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")
_NO_FILE = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
_NO_SERVER = ("08", "53300", "57P")
_NO_VALUE = ("22",)


def translated(error: SQLAlchemyError, name: str) -> Exception:
    """Return the error to raise in place of the driver's.

    Args:
        error: What SQLAlchemy raised.
        name: What to call the database.
    """
    cause = error.orig if isinstance(error, StatementError) else None
    if isinstance(cause, JanusError):
        return cause
    if isinstance(error, ConstraintError):
        if "foreign key" in str(cause).lower():
            return NotFound(f"{name}: the row speaks of a thing that is not there ({_said(cause)})")
        return Conflict(f"{name}: {_said(cause)}")
    if isinstance(error, NoConnection):
        return busy(name)
    if isinstance(error, DBAPIError):
        return driver_error(error.orig, name) or error
    if isinstance(cause, ValueError | TypeError):
        return _no_value(cause)
    return error


def driver_error(cause: BaseException | None, name: str) -> Exception | None:
    """Return the error to raise in place of a driver's; None where there is nothing to say."""
    code = str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "")
    if code.startswith(_FULL):
        return StorageFull(
            f"{name}: {_said(cause)}. Nothing of the write was kept; free some room and try again."
        )
    if code.startswith(_BUSY):
        return busy(name)
    if code.startswith(_DAMAGED):
        return IntegrityError(f"{name}: {_said(cause)}. Restore it from a backup.")
    if code.startswith(_NO_FILE):
        return NotFound(f"{name}: {_said(cause)}. Check the folder and its permissions.")
    if code.startswith(_NO_VALUE):
        return _no_value(cause)
    # What psycopg says of a connection that was never made, or was lost, has no code.
    if code.startswith(_NO_SERVER) or (hasattr(cause, "sqlstate") and not code):
        return Unreachable(
            f"{name}: {_said(cause)}. Check that the server runs and has this database, and "
            "that the password is in PGPASSWORD or the URL."
        )
    return None


def busy(name: str) -> Conflict:
    """Return what to raise when others did not let a writer in."""
    return Conflict(
        f"{name}: another process has been writing for {engines.BUSY_SECONDS} s; try again later"
    )


def _no_value(cause: BaseException | None) -> InvalidInput:
    return InvalidInput(
        "catalogue row", "values of the types of core's words", _said(cause), "Convert it first."
    )


def _said(cause: BaseException | None) -> str:
    """Return a driver's words without the statement that PostgreSQL repeats."""
    diagnosis = getattr(cause, "diag", None)
    parts = (
        getattr(diagnosis, "message_primary", None),
        getattr(diagnosis, "message_detail", None),
    )
    return "; ".join(part for part in parts if part) or str(cause).strip()
