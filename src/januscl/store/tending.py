"""The observation log on a schedule: large files in place of small ones, and old pictures gone."""

from datetime import datetime, timedelta
from itertools import islice

from januscl.store.log import VERSIONS_STAY
from januscl.store.workspace import Workspace

_AT_ONCE = 500


def tend(
    workspace: Workspace,
    *,
    forget_before: datetime | None = None,
    older_than: timedelta = VERSIONS_STAY,
) -> int:
    """Tidy the observation log; forget old pictures and embeddings if asked to.

    One process does it at a time; others write and read meanwhile. What was cut short is done the
    next time. Records and the catalogue's rows stay, whatever their age.

    Args:
        workspace: Whose log.
        forget_before: Forget the pictures and embeddings of frames taken before this time, but for
            those that a retention rule, a campaign, a label, a label task or a novelty speaks of;
            see `januscl.store.keeping.Pins`.
        older_than: See `ObservationLog.tidy`.

    Returns:
        The number of observations whose bytes were forgotten.

    Raises:
        Conflict: Another process is at it.
        StorageFull: There is no room.
        Unreachable: The database or S3 does not answer.
    """
    if not workspace.log.exists():
        return 0
    with workspace.catalogue.database.turn("log-tending", wait=False):
        forgotten = 0 if forget_before is None else _forget(workspace, forget_before)
        workspace.log.tidy(older_than)
    return forgotten


def _forget(workspace: Workspace, before: datetime) -> int:
    forgotten = 0
    old = workspace.log.parcels(["key", "observation"], until=before)
    while some := list(islice(old, _AT_ONCE)):
        ids = {row["observation"] for row in some}
        with workspace.catalogue.transaction() as tx:
            # Nobody can begin to need one of them before the catalogue says that it is gone.
            gone = ids - tx.pins.kept(ids)
            forgotten += tx.observations.forget_bytes(gone)
        workspace.log.forget([row["key"] for row in some if row["observation"] in gone])
    return forgotten
