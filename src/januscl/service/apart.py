"""The worker in a process of its own, so that requests need not share an interpreter with it."""

import multiprocessing
import os
import signal
from contextlib import suppress
from dataclasses import fields
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Event, Lock, Thread

from januscl.line.draining import Drained
from januscl.line.logs import Log, make_log
from januscl.line.settings import Settings, open_workspace
from januscl.service.memory import share_arenas
from januscl.service.metrics import Metrics
from januscl.service.worker import Worker

_PATIENCE = 30.0
_AGAIN_SECONDS = 1.0
_LOOK_SECONDS = 1.0
_FIELDS = tuple(field.name for field in fields(Drained))


class WorkerApart:
    """Runs a `Worker` in another process, and begins another one where that process dies.

    Args:
        settings: Of the workspace and the worker.
        log: Told of a process that died.
        metrics: Told of what was moved.
    """

    def __init__(self, settings: Settings, log: Log, metrics: Metrics) -> None:
        self._settings, self._log, self._metrics = settings, log, metrics
        # Lance, among others, cannot be forked.
        self._context = multiprocessing.get_context("spawn")
        self._stopping, self._calling = Event(), Lock()
        self._caller: Connection | None = None
        self._thread = Thread(target=self._watch, name="worker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        with self._calling, suppress(OSError):  # it is dead, or has heard enough for now
            if self._caller is not None:
                self._caller.send_bytes(b"wake")

    def stop(self) -> None:
        """Let the transaction under way end, and stop. What is left stays in the inbox."""
        self._stopping.set()
        self._hang_up()
        self._thread.join(_PATIENCE)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            process, told = self._begin()
            if self._stopping.is_set():  # it was told to stop meanwhile
                self._hang_up()
            with suppress(EOFError, OSError):
                while True:
                    self._hear(told.recv())
            process.join(_PATIENCE)
            self._hang_up()
            if not self._stopping.is_set():
                self._log.error("the worker ended; another begins", exit=process.exitcode)
                # One that was asked to end was asked by whoever will ask this process as well.
                self._stopping.wait(_AGAIN_SECONDS if process.exitcode else _PATIENCE)

    def _begin(self) -> tuple[BaseProcess, Connection]:
        """Begin a process; return it and where it is heard.

        Nothing is shared with it but two pipes: a lock that it held would be lost with it.
        """
        called, caller = self._context.Pipe(duplex=False)
        told, teller = self._context.Pipe(duplex=False)
        os.set_blocking(caller.fileno(), False)
        process = self._context.Process(
            target=_work, args=(self._settings, called, teller), daemon=True
        )
        process.start()
        called.close()
        teller.close()
        with self._calling:
            self._caller = caller
        return process, told

    def _hang_up(self) -> None:
        with self._calling:
            if self._caller is not None:
                self._caller.close()
                self._caller = None

    def _hear(self, told: tuple[int, ...]) -> None:
        if told:
            self._metrics.drained(Drained(**dict(zip(_FIELDS, told, strict=True))))
        else:
            self._metrics.drain_failed()


class _Teller:
    """Tells another process what a worker counts; where it is gone, nobody needs to know."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def drained(self, moved: Drained) -> None:
        with suppress(OSError):
            self._line.send(tuple(getattr(moved, name) for name in _FIELDS))

    def drain_failed(self) -> None:
        with suppress(OSError):
            self._line.send(())


def _work(settings: Settings, called: Connection, teller: Connection) -> None:
    """Run a worker until whoever began it hangs up, be it because it died."""
    asked = list[int]()
    share_arenas()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the server says when
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    with open_workspace(settings) as workspace:
        worker = Worker(workspace, settings, make_log(settings.log_level), _Teller(teller))
        worker.start()
        with suppress(EOFError, OSError):
            while not asked:
                if called.poll(_LOOK_SECONDS):
                    called.recv_bytes()
                    worker.wake()
        worker.stop()
