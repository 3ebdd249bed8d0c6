"""What pydantic finds wrong with a value, in the words of our own errors."""

from collections.abc import Callable, Mapping
from typing import Any

_KINDS: Mapping[str, str] = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "path": "a path",
    "url": "a URL",
    "tuple": "a list",
    "list": "a list",
    "dict": "a table",
    "model": "a table",
}
_WHOLE: Mapping[str, str] = {
    "missing": "a value, for there is no default",
    "extra_forbidden": "the name of a setting",
    "finite_number": "a number that is not infinite",
    "int_from_float": "a whole number",
}
_BOUNDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda of: f"a number greater than {of['gt']:g}",
    "greater_than_equal": lambda of: f"a number of at least {of['ge']:g}",
    "less_than": lambda of: f"a number less than {of['lt']:g}",
    "less_than_equal": lambda of: f"a number of at most {of['le']:g}",
    "too_short": lambda of: f"at least {of['min_length']}",
    "too_long": lambda of: f"at most {of['max_length']}",
    "string_too_short": lambda of: f"a text of at least {of['min_length']} characters",
    "string_too_long": lambda of: f"a text of at most {of['max_length']} characters",
    "string_pattern_mismatch": lambda of: f"a text of the pattern {of['pattern']}",
    "literal_error": lambda of: f"one of {of['expected']}",
    "enum": lambda of: f"one of {of['expected']}",
    "value_error": lambda of: str(of["error"]),
}


def expected(error: Mapping[str, Any]) -> str:
    """Return what would have been accepted.

    Args:
        error: One of `pydantic.ValidationError.errors`, with its context.
    """
    type, context = str(error["type"]), error.get("ctx", {})
    if type in _BOUNDS:
        return _BOUNDS[type](context)
    if type in _WHOLE:
        return _WHOLE[type]
    kind = type.partition("_")[0]
    return _KINDS.get(kind, "another value")
