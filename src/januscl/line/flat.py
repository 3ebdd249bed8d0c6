"""The policy as one flat table, as configuration has it."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from januscl.core import InvalidInput
from januscl.line.policy import Collecting, Judging, Learning, Policy, Releasing, Watching

_GROUPS: Mapping[str, type[Any]] = {
    "watching": Watching, "collecting": Collecting, "learning": Learning, "judging": Judging,
    "releasing": Releasing,
}  # fmt: skip


def policy_of(table: Mapping[str, Any]) -> Policy:
    """Return the policy of a flat table: its settings by their names, defaults for the others.

    ``seed`` is that of all chance, in watching and in learning.

    Raises:
        InvalidInput: There is no such setting, or its value is of another kind or out of range.
        NotFound: There is no strategy of this name.
    """
    known = {field.name for group in _GROUPS.values() for field in fields(group)}
    for name, value in table.items():
        if name not in known:
            raise InvalidInput(
                f"setting policy.{name}", f"one of {', '.join(sorted(known))}", repr(value)[:80],
                "The table is flat; docs/service.md lists its settings.",
            )  # fmt: skip
    given = {
        name: group(
            **{
                field.name: _value(field.name, table[field.name], _default_of(field))
                for field in fields(group)
                if field.name in table
            }
        )
        for name, group in _GROUPS.items()
    }
    return Policy(**given)


def flat(policy: Policy) -> dict[str, Any]:
    """Return the policy as `policy_of` reads it."""
    return {
        field.name: getattr(getattr(policy, name), field.name)
        for name, group in _GROUPS.items()
        for field in fields(group)
    }


def _default_of(field: Field[Any]) -> Any:
    return field.default if field.default is not MISSING else {}


def _value(name: str, value: Any, default: Any) -> Any:
    """Return a value, if it is of the kind that the default is of."""
    wanted = int if default is None else type(default)
    if wanted is dict and type(value) is dict:
        return {key: _value(f"{name}.{key}", each, 0.0) for key, each in value.items()}
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted or (wanted is int and abs(value) >= 2**31):
        said = {
            bool: "true or false", int: "a whole number", float: "a number", str: "a text",
            dict: "a table of numbers",
        }  # fmt: skip
        raise InvalidInput(f"setting policy.{name}", said[wanted], repr(value)[:80], "Correct it.")
    return value
