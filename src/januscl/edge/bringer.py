"""Brings the model that the service wants into the slot, beside everything else."""

from collections.abc import Callable
from typing import Any, Protocol

from januscl.edge.backoff import Backoff
from januscl.edge.desired import Desired, desired_from_json

_SETTLED_S = 600.0
"""Pause while nothing is to be brought."""


class Slot(Protocol):
    """What runs the model; `januscl.edge.ModelSlot` is one."""

    @property
    def running(self) -> str | None:
        """Id of the version that runs now."""

    @property
    def error(self) -> str | None:
        """What is wrong; None where nothing is."""

    def want(self, desired: Desired | None) -> bool:
        """Bring the version; may take minutes, goes on with the next call, raises nothing."""


class Bringer:
    """Hears of wanted versions at once and brings them when its own thread calls `step`.

    Args:
        slot: Where the model runs.
        backoff: How long to wait after a try that did not bring it.
        heard: Called when another version is wanted.
    """

    def __init__(self, slot: Slot, backoff: Backoff, heard: Callable[[], None]) -> None:
        self._slot, self._backoff, self._heard = slot, backoff, heard
        self._desired: Desired | None = None

    @property
    def running(self) -> str | None:
        """Id of the version that runs now."""
        return self._slot.running

    @property
    def error(self) -> str | None:
        """What is wrong with the slot; None where nothing is."""
        return self._slot.error

    def want(self, model: Any) -> None:
        """Hear which version should run: ``id``, ``sha256``, ``bytes``, ``signature``; or None.

        Raises:
            InvalidInput: It is not of the wire's form.
        """
        desired = desired_from_json(model)
        if desired != self._desired:
            self._desired = desired
            self._heard()

    def step(self) -> float:
        """Bring the version wanted last; return the pause until the next try, seconds."""
        if self._slot.want(self._desired) or self._desired is None:
            self._backoff.reset()
            return _SETTLED_S
        return self._backoff.wait()
