"""The observation log kept tidy while whoever drains the inbox runs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from januscl.core import Conflict
from januscl.store import Workspace, tend


class Tidier:
    """A thread that tidies the observation log again and again; one process does at a time.

    Args:
        workspace: Whose log.
        every_s: Seconds between two times.
        keep_days: Age at which pictures and embeddings that nothing needs are forgotten; never
            when None. See `januscl.store.tend`.
        forgot: Told of how many observations' bytes were forgotten, where any were.
        failed: Told of what went wrong; what was cut short is done the next time. Called while the
            error is handled.
    """

    def __init__(
        self,
        workspace: Workspace,
        every_s: float,
        keep_days: float | None,
        forgot: Callable[[int], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._workspace, self._every_s = workspace, every_s
        self._keep = None if keep_days is None else timedelta(days=keep_days)
        self._forgot, self._failed = forgot, failed
        self._stop = Event()
        self._thread = Thread(target=self._run, name="tidy", daemon=True)

    def start(self) -> None:
        """Begin; the first time is after one pause."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no more; what is under way may be cut short."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            before = None if self._keep is None else datetime.now(UTC) - self._keep
            try:
                forgotten = tend(self._workspace, forget_before=before)
            except Conflict:  # another process is at it
                continue
            except Exception as error:  # whatever it is, robots go on sending
                self._failed(error)
                continue
            if forgotten:
                self._forgot(forgotten)
