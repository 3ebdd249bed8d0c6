"""Every error that Janus raises on purpose.

::

    JanusError
    ├── InvalidInput (ValueError)    what came in through a door is wrong: a file, a mask, a number
    ├── NotFound (LookupError)       a thing was named that does not exist
    ├── Conflict                     the act does not fit the present state of the thing
    ├── IntegrityError               stored bytes are not the bytes that were stored
    ├── StorageFull (OSError)        there is no room left to keep what must be kept
    ├── Unreachable (ConnectionError)     what is elsewhere does not answer, or refuses who asks
    ├── JobFailed                    heavy work that ran elsewhere ended in an error
    └── MissingDependency (ImportError)   an optional package or system library is not installed

A user catches ``JanusError``. Each message names the thing, what was expected, what was found
and what to do.
"""


class JanusError(Exception):
    """The base of every error that Janus raises on purpose."""


class InvalidInput(JanusError, ValueError):
    """Raised at a door when a value from outside cannot be accepted.

    Args:
        thing: What was read, named so that a person finds it (a path, a field, a row).
        expected: What would have been accepted.
        found: What was there.
        fix: What to do about it.
    """

    def __init__(self, thing: str, expected: str, found: str, fix: str) -> None:
        super().__init__(f"{thing}: expected {expected}, found {found}. {fix}")
        self.thing = thing
        self.expected = expected
        self.found = found
        self.fix = fix


class NotFound(JanusError, LookupError):
    """Raised when a frame, model, deck or other thing is named that does not exist."""


class Conflict(JanusError):
    """Raised when an act does not fit the present state, such as closing a closed ticket."""


class IntegrityError(JanusError):
    """Raised when stored bytes do not match their digest: they were damaged or replaced."""


class StorageFull(JanusError, OSError):
    """Raised when a write was refused for want of room; nothing of it was acknowledged."""


class Unreachable(JanusError, ConnectionError):
    """Raised when a database, blob store or other server does not answer, or refuses; try again."""


class MissingDependency(JanusError, ImportError):
    """Raised when a feature needs a package or system library that is not installed."""


class JobFailed(JanusError):
    """Raised when heavy work that ran elsewhere ended in an error."""


def how_to_install(*extras: str) -> str:
    """Return how to add the packages of some extras to a Janus that is installed already.

    A checkout's own environment has no pip, and takes them from the lock file.
    """
    flags = " ".join(f"--extra {extra}" for extra in extras)
    return f"pip install 'januscl[{','.join(extras)}]' (in a checkout: uv sync --inexact {flags})"
