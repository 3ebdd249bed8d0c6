"""What happened on the robot, in numbers that reach the service."""

from collections.abc import Mapping
from threading import Lock


class Counters:
    """Named whole numbers that only grow, but for those that are set; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[str, int] = {}

    def add(self, name: str, by: int = 1) -> None:
        """Count ``by`` more."""
        if by:
            with self._lock:
                self._values[name] = self._values.get(name, 0) + by

    def set(self, name: str, value: int) -> None:
        """Say how things stand now."""
        with self._lock:
            self._values[name] = value

    def restore(self, values: Mapping[str, int]) -> None:
        """Add what was counted before the process started."""
        for name, value in values.items():
            self.add(name, value)

    def all(self) -> dict[str, int]:
        """Return every number by its name."""
        with self._lock:
            return dict(self._values)
