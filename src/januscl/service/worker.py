"""The thread that moves the inbox to the catalogue."""

from threading import Event, Thread

from januscl.core import StorageFull
from januscl.line.intake import drain
from januscl.service.logs import Log
from januscl.service.metrics import Metrics
from januscl.store import Workspace

_PATIENCE = 30.0
"""Seconds that an unlucky worker waits at most before it tries again, and that a stop may take."""


class Worker:
    """Drains the inbox until it is stopped; an error makes it wait and try again.

    Args:
        workspace: Whose inbox.
        messages: Moved in one transaction.
        seconds: Between two looks at an empty inbox.
        log: Told of errors.
        metrics: Told of what was moved.
    """

    def __init__(
        self, workspace: Workspace, messages: int, seconds: float, log: Log, metrics: Metrics
    ) -> None:
        self._workspace, self._messages, self._seconds = workspace, messages, seconds
        self._log, self._metrics = log, metrics
        self._stop, self._wake = Event(), Event()
        self._thread = Thread(target=self._run, name="drain", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Let the transaction under way end, and stop. What is left stays in the inbox."""
        self._stop.set()
        self._wake.set()
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._wake.clear()
            try:
                moved = drain(self._workspace, self._messages)
            except Exception as error:
                # Whatever it is, robots go on sending, so the worker goes on trying.
                failures += 1
                self._metrics.drain_failed()
                told = self._log.error if isinstance(error, StorageFull) else self._log.exception
                told("the inbox could not be moved", error=str(error), failures=failures)
                self._stop.wait(min(_PATIENCE, self._seconds * 2 ** min(failures, 8)))
                continue
            failures = 0
            self._metrics.drained(moved)
            if not moved.messages:
                self._wake.wait(self._seconds)
