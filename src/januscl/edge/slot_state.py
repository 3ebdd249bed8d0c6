"""What a model slot remembers across restarts, in one file that is seen whole or not at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from januscl.core import InvalidInput
from januscl.core.files import write_atomically
from januscl.core.wire import Json, canonical
from januscl.edge.desired import Desired, desired_from_json, desired_to_json


@dataclass(frozen=True)
class SlotState:
    """Which version runs, which ran well before it, which was refused and why.

    Attributes:
        running: The version to load when the process starts.
        previous: The last good one, to fall back to.
        refused: The version that was wanted last and found bad.
        reason: Why it was refused.
        starts: SHA-256 of each version that has not proved itself to how often it was started
            without an orderly end.
    """

    running: Desired | None = None
    previous: Desired | None = None
    refused: Desired | None = None
    reason: str = ""
    starts: Mapping[str, int] = field(default_factory=dict)

    def started(self, version: Desired, by: int = 1) -> Self:
        """Return the state with one more start of the version, or one less."""
        count = max(0, self.starts.get(version.sha256, 0) + by)
        return replace(self, starts={**self.starts, version.sha256: count})

    def proved(self, version: Desired) -> Self:
        """Return the state in which the version's starts are no longer counted."""
        kept = {sha: n for sha, n in self.starts.items() if sha != version.sha256}
        return replace(self, starts=kept)

    def swapped(self, version: Desired) -> Self:
        """Return the state in which the version runs, with the last good one behind it."""
        unproved = self.running is not None and self.running.sha256 in self.starts
        order = (self.previous, self.running) if unproved else (self.running, self.previous)
        others = [v for v in order if v is not None and v.sha256 != version.sha256]
        previous = others[0] if others else None
        kept = {v.sha256 for v in (version, previous) if v is not None}
        starts = {sha: n for sha, n in self.starts.items() if sha in kept}
        return replace(
            self, running=version, previous=previous, refused=None, reason="", starts=starts
        )

    def fallen_back(self, bad: Desired) -> Self:
        """Return the state in which the last good version runs in the bad one's stead."""
        return replace(self.proved(bad), running=self.previous, previous=None)


def read_state(path: Path) -> SlotState:
    """Return what `write_state` wrote; an empty state where nothing was written.

    Raises:
        InvalidInput: The file was damaged.
    """
    if not path.exists():
        return SlotState()
    try:
        value = json.loads(path.read_bytes())
        return SlotState(
            desired_from_json(value["running"]),
            desired_from_json(value["previous"]),
            desired_from_json(value["refused"]),
            str(value["reason"]),
            _starts(value["starts"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(
            str(path),
            "a model slot's state",
            f"{type(error).__name__}: {error}"[:200],
            "It was damaged; the next check-in brings the model again.",
        ) from error


def write_state(path: Path, state: SlotState) -> None:
    """Write the state durably.

    Raises:
        StorageFull: There was no room; the older state is intact.
    """
    value = {
        "running": _to_json(state.running),
        "previous": _to_json(state.previous),
        "refused": _to_json(state.refused),
        "reason": state.reason,
        "starts": dict(state.starts),
    }
    write_atomically(path, canonical(value))


def _to_json(version: Desired | None) -> Json | None:
    return None if version is None else desired_to_json(version)


def _starts(value: Any) -> dict[str, int]:
    return {str(sha): int(count) for sha, count in value.items()}
