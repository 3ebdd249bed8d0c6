"""Whether the run that a workspace is of has ended, so that nothing more happens in it."""

from datetime import datetime

from januscl.store import Workspace

_ENDED = "run.ended"


def tell_end(workspace: Workspace, command: str, at: datetime) -> None:
    """Keep that a demo or a replay has ended, and what it had seen by then."""
    seen = workspace.catalogue.observations.counts()["observations"]
    workspace.catalogue.audit.record("janus", _ENDED, command, {"observations": seen}, at)


def ended_run(workspace: Workspace) -> str | None:
    """Return which command's run has ended; None where one runs, or the workspace is at work."""
    ends = workspace.catalogue.audit.list(action=_ENDED)
    seen = workspace.catalogue.observations.counts()["observations"]
    # Whoever opened it again and had it see more goes on with what is open in it.
    return ends[-1].subject if ends and ends[-1].detail["observations"] == seen else None
