"""The threads that move the inbox to the log and the catalogue, and keep the log tidy."""

from threading import Event, Thread
from typing import Protocol

from januscl.core import StorageFull
from januscl.line.draining import Drained, drain
from januscl.line.logs import Log
from januscl.line.settings import Settings
from januscl.line.tidying import Tidier
from januscl.store import Workspace

_FEW = 4
_PATIENCE = 30.0
"""Seconds that an unlucky worker waits at most before it tries again, and that a stop may take."""


class Told(Protocol):
    """Is told of what a worker does."""

    def drained(self, moved: Drained) -> None:
        """Count what was moved."""

    def drain_failed(self) -> None:
        """Count a failure."""


class Worker:
    """Drains the inbox until it is stopped; an error makes it wait and try again.

    Args:
        workspace: Whose inbox.
        settings: How much it moves at once, how often it looks and tidies, and what it forgets.
        log: Told of errors.
        metrics: Told of what was moved.
    """

    def __init__(self, workspace: Workspace, settings: Settings, log: Log, metrics: Told) -> None:
        self._workspace, self._settings = workspace, settings
        self._log, self._metrics = log, metrics
        self._stop, self._wake = Event(), Event()
        self._thread = Thread(target=self._run, name="drain", daemon=True)
        self._tidier = Tidier(
            workspace, settings.tend_seconds, settings.keep_days, settings.keep_health_days,
            self._forgot, self._untidied,
        )  # fmt: skip

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._tidier.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Let the transaction under way end, and stop. What is left stays in the inbox."""
        self._stop.set()
        self._wake.set()
        self._tidier.stop()
        self._thread.join(_PATIENCE)

    def _forgot(self, number: int) -> None:
        self._log.info("old pictures were forgotten", observations=number)

    def _untidied(self, error: Exception) -> None:
        self._log.exception("the log could not be tidied", error=str(error))

    def _run(self) -> None:
        failures, seconds = 0, self._settings.drain_seconds
        while not self._stop.is_set():
            self._wake.clear()
            try:
                moved = drain(self._workspace, self._settings.drain_messages)
            except Exception as error:
                # Whatever it is, robots go on sending, so the worker goes on trying.
                failures += 1
                self._metrics.drain_failed()
                told = self._log.error if isinstance(error, StorageFull) else self._log.exception
                told("the inbox could not be moved", error=str(error), failures=failures)
                self._stop.wait(min(_PATIENCE, seconds * 2 ** min(failures, 8)))
                continue
            failures = 0
            self._metrics.drained(moved)
            if not moved.messages:
                self._wake.wait(seconds)
            elif moved.messages * _FEW < self._settings.drain_messages:
                self._stop.wait(seconds)  # one commit serves those that come meanwhile
