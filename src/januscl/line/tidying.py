"""The observation log and the readings kept tidy while whoever drains the inbox runs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from januscl.core import Conflict
from januscl.store import Workspace, tend


class Tidier:
    """A thread that tidies the observation log again and again; one process does at a time.

    It forgets old readings of the cameras' health as well.

    Args:
        workspace: Whose log.
        every_s: Seconds between two times.
        keep_days: Age at which pictures and embeddings that nothing needs are forgotten; never
            when None. See `januscl.store.tend`.
        keep_health_days: Age at which readings of the cameras' health are; likewise.
        forgot: Told of how many observations' bytes were forgotten, where any were.
        failed: Told of what went wrong; what was cut short is done the next time. Called while the
            error is handled.
    """

    def __init__(
        self,
        workspace: Workspace,
        every_s: float,
        keep_days: float | None,
        keep_health_days: float | None,
        forgot: Callable[[int], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._workspace, self._every_s = workspace, every_s
        self._keep, self._keep_health = _age(keep_days), _age(keep_health_days)
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
            now = datetime.now(UTC)
            before = None if self._keep is None else now - self._keep
            try:
                if self._keep_health is not None:
                    self._workspace.catalogue.camera_health.forget(now - self._keep_health)
                forgotten = tend(self._workspace, forget_before=before)
            except Conflict:  # another process is at it
                continue
            except Exception as error:  # whatever it is, robots go on sending
                self._failed(error)
                continue
            if forgotten:
                self._forgot(forgotten)


def _age(days: float | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)
