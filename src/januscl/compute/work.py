"""What a job is: a function by its name, JSON in, JSON out."""

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib import import_module
from typing import Any

from januscl.core import Conflict, InvalidInput
from januscl.core.wire import canonical

_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def check_work(function: str, arguments: Mapping[str, Any], key: str) -> bytes:
    """Return the canonical JSON of the work.

    Raises:
        InvalidInput: The function is not ``module:function``, an argument is no JSON value, or
            the key is empty or over 200 characters.
    """
    if not isinstance(function, str) or not _FUNCTION.fullmatch(function):
        raise InvalidInput(
            "function",
            "package.module:function",
            repr(function)[:80],
            "Name a function at the top of a module that can be imported.",
        )
    if not isinstance(key, str) or not 1 <= len(key) <= 200:
        raise InvalidInput(
            "key", "1 to 200 characters", repr(key)[:80], "Name the work, such as train-<deck>."
        )
    try:
        return canonical({"function": function, "arguments": dict(arguments), "key": key})
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"arguments of {function}",
            "JSON values",
            str(error),
            "Pass digests and paths in place of objects, and no NaN.",
        ) from error


def other_work(key: str) -> Conflict:
    """Return the error for a key that stands for other work already."""
    return Conflict(
        f"key {key!r} stands for other work: another function or other arguments. Put what makes "
        "the work different into its key."
    )


def job_of(key: str) -> str:
    """Return the one job id of a key: readable, safe as a folder's name."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", key)[:40].strip("-")
    return f"{readable}-{sha256(key.encode()).hexdigest()[:12]}"


def resolve(function: str) -> Callable[..., Any]:
    """Import and return the function.

    Raises:
        InvalidInput: There is no such module or function.
    """
    module, _, name = function.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise InvalidInput(
            "function", "one that can be imported", f"{function} ({error})", "Check its name."
        ) from error
    if not callable(found):
        raise InvalidInput(
            "function", "something to call", f"{function}, a {type(found).__name__}", "Check it."
        )
    return found  # type: ignore[no-any-return]
