"""The end of a release from outside: by a person, by an error, or because its watcher died."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from januscl.core import Conflict, Release
from januscl.release import roll_back
from januscl.store import Workspace

_LOCK = "release.lock"


@contextmanager
def watched(workspace: Workspace) -> Iterator[None]:
    """Hold the one right to watch a release of a workspace.

    The system takes it back when the process dies, whatever the cause, so that another process
    can tell a release that is watched from one that was left behind.

    Raises:
        Conflict: Another release is being watched.
    """
    with (workspace.folder / _LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"a release of {workspace.folder} is under way; wait for its end, or end it with "
                "`janus release stop`"
            ) from None
        yield


def end_release(
    workspace: Workspace, id: str, reason: str, at: datetime, actor: str = "line"
) -> Release:
    """Roll an open release back, so that every robot runs the champion again.

    Whoever watches it finds out before its next look, and goes no further.

    Args:
        workspace: Holds the release.
        id: Of the release.
        reason: Why, for a person.
        at: When.
        actor: Who did it.

    Raises:
        NotFound: There is no such release.
        Conflict: It has ended.
    """
    with workspace.catalogue.transaction() as tx:
        ended = roll_back(tx.releases.get(id), reason)
        tx.releases.put(ended)
        detail = {"model": ended.model, "stage": ended.stage, "reasons": [reason]}
        tx.audit.record(actor, "release.rolled_back", id, detail, at)
    return ended


def end_abandoned(workspace: Workspace, at: datetime) -> list[Release]:
    """Roll back the open releases that no process watches any more; return them as they ended."""
    if not workspace.catalogue.releases.list(open_only=True):
        return []
    try:
        with watched(workspace):
            return [
                end_release(workspace, release.id, "the process that watched it ended", at)
                for release in workspace.catalogue.releases.list(open_only=True)
            ]
    except Conflict:
        return []
