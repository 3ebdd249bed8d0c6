"""What sends notices, in a process of its own or beside a worker's other work."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from januscl.store import Workspace

if TYPE_CHECKING:
    from januscl.line.settings import Settings
    from januscl.line.telling.notify import Target
    from januscl.line.telling.notify.sender import Sender

_AGAIN_S = 60.0
_log = logging.getLogger("januscl.notify")


def workflows_place(settings: "Settings", workspace: Workspace) -> Path | str:
    """Return where the workflows of a workspace are kept, and what waits to be sent."""
    from januscl.line.durable.place import place_of

    said = None if settings.workflows is None else settings.workflows.get_secret_value()
    return place_of(workspace.catalogue.database.url, workspace.folder, said)


@contextmanager
def sending(settings: "Settings", workspace: Workspace, once: bool) -> Iterator[None]:
    """Send notices in a thread meanwhile, where the settings name targets; a worker does so.

    Of all senders of a workspace one is at work, whoever runs it. One that lacks a secret would
    hold the others up, so it does not begin.

    Args:
        settings: Name the targets.
        workspace: Whose notices.
        once: Send at the end what can be sent at once, as `janus notify run --once` does.
    """
    if not settings.targets:
        yield
        return
    try:
        for target in settings.targets:
            target.check()
    except ValueError as error:
        _log.warning(
            "this worker sends no notices: target %s: %s. Give it the variable, or let "
            "`janus notify run` send them where it is known", target.name, error,
        )  # fmt: skip
        yield
        return
    stop = Event()
    with sender_of(settings, workspace, settings.targets) as sender:
        thread = Thread(target=_keep_sending, args=(sender, stop), name="notices", daemon=True)
        thread.start()
        _log.info("notices go to %s", ", ".join(target.name for target in settings.targets))
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if once:
            sender.run(Event(), once=True)


def _keep_sending(sender: "Sender", stop: Event) -> None:
    """Send until told to stop: nobody would start this thread again, as a process is."""
    while not stop.is_set():
        try:
            sender.run(stop)
        except Exception as error:
            # Its text may hold what it was about: a password, a URL.
            _log.error("no notice is sent: %s; it is tried again", type(error).__name__)
            stop.wait(_AGAIN_S)


@contextmanager
def sender_of(
    settings: "Settings", workspace: Workspace, targets: "Sequence[Target]"
) -> "Iterator[Sender]":
    """Give what sends notices of a workspace to targets, over the workflows' database."""
    from januscl.line.durable.engine import engine_of
    from januscl.line.telling.notify.sender import Sender

    engine = engine_of(workflows_place(settings, workspace))
    try:
        yield Sender(workspace.catalogue, engine, targets)
    finally:
        engine.dispose()
