"""The inbox on its way to the log and the catalogue: each message wholly or not at all.

What robots sent in bulk goes to the observation log first, where it does no harm if nothing tells
of it. All else of some messages, their removal from the inbox included, is one transaction of the
catalogue: whenever the process is killed, what was acknowledged is in the inbox or in the
catalogue, and never in both. One worker writes at a time; how far the log is then is kept in the
same transaction, so that what a killed worker left in the log is found there, not added again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from januscl.line.loading import Rejected, Step, load
from januscl.line.unpacking import BATCH, OUTCOMES, PICTURE, Sent, unpack
from januscl.store import InboxRow, LogMarks, Workspace

__all__ = ["BATCH", "OUTCOMES", "PICTURE", "Drained", "drain"]

_UNREADABLE = (ValueError, TypeError, KeyError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Drained:
    """What was moved.

    Attributes:
        messages: Taken from the inbox.
        observations: That are new.
        repeated: Observations and outcomes that came again.
        outcomes: That are new.
        pictures: That came after their observation.
        rejected: Rows that went to the rejects.
    """

    messages: int = 0
    observations: int = 0
    repeated: int = 0
    outcomes: int = 0
    pictures: int = 0
    rejected: int = 0


def drain(workspace: Workspace, limit: int = 64, lease: timedelta | None = None) -> Drained:
    """Move the oldest messages of the inbox to the observation log and the catalogue.

    What cannot be taken becomes a reject with its reason and, where it has some, its bytes. Several
    processes may drain at once: what another one has moved meanwhile is left to it.

    Args:
        workspace: Holds all three.
        limit: Messages at most.
        lease: For how long no other worker gets them, so that no work is done twice; see
            `januscl.store.Catalogue`'s inbox.

    Raises:
        MissingDependency: pylance is not installed.
        StorageFull: There was no room; all of it is still in the inbox.
        Unreachable: The database or S3 does not answer; likewise.
    """
    rows = workspace.catalogue.inbox.take(limit, lease=lease)
    if not rows:
        return Drained()
    try:
        done = _move(workspace, rows, [sent for row in rows for sent in unpack(row)])
    except _UNREADABLE:
        # One message that no version of this program could have kept must not hold up the others.
        done = sum((_alone(workspace, row) for row in rows), Counter[str]())
    return Drained(**done)


def _alone(workspace: Workspace, row: InboxRow) -> Counter[str]:
    try:
        return _move(workspace, [row], list(unpack(row)))
    except _UNREADABLE as error:
        thing = f"message {row.id} of {row.robot}, a {row.kind}"
        reason = f"{type(error).__name__}: {error}"[:500]
        return _move(workspace, [row], [Rejected(thing, reason, row.message)])


def _move(
    workspace: Workspace, rows: Sequence[InboxRow], sent: Sequence[Sent | Rejected]
) -> Counter[str]:
    """Bring what some messages hold to where it belongs, and drop the messages."""
    catalogue = workspace.catalogue
    with workspace.log.turn():
        if catalogue.inbox.holds(row.id for row in rows) < len(rows):
            return Counter()  # another worker was first, and has added it to the log
        found = load(workspace, sent)
        marks = workspace.log.append(
            found.records, found.parcels, catalogue.log.get(), catalogue.observations.known
        )
        return _commit(workspace, rows, found.steps, marks)


def _commit(
    workspace: Workspace, rows: Sequence[InboxRow], steps: Sequence[Step], marks: LogMarks
) -> Counter[str]:
    """Take the steps and drop the messages, both or neither."""
    done = Counter(messages=len(rows))
    with workspace.catalogue.transaction() as tx:
        tx.inbox.drop(row.id for row in rows)
        tx.log.put(marks)
        for step in steps:
            done.update(step(tx))
    return done
