"""Effects that happen once, however often the step that has them is begun."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from januscl.store import Transaction, Workspace


def once(
    workspace: Workspace,
    step: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any],
    at: datetime,
    write: Callable[[Transaction], None] = lambda tx: None,
) -> bool:
    """Write something with its row in the audit log, unless this very step has done so before.

    The row names the step, and both are one transaction: a process that is killed has done all of
    it or nothing, and whoever repeats the step can tell.

    Args:
        workspace: Where it is written.
        step: Names the step among all steps of all workflows.
        action: Of the row.
        subject: Of the row.
        detail: Of the row.
        at: When.
        write: Writes the rest.

    Returns:
        Whether it was done now.
    """
    with workspace.catalogue.transaction() as tx:
        rows = tx.audit.list(subject=subject, action=action)
        if any(row.detail.get("step") == step for row in rows):
            return False
        write(tx)
        tx.audit.record("line", action, subject, {**detail, "step": step}, at)
    return True
