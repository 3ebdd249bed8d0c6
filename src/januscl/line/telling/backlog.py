"""What waits at a site: what robots sent and nobody watched yet, and notices to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from januscl.line.durable.fed import latest_watched, watched_number
from januscl.line.durable.lead import is_held
from januscl.line.durable.place import existing_engine
from januscl.line.telling.notify.outbox import waiting_in
from januscl.store import Workspace

_TRIED = 20
"""Watched observations by which it is told whose workflows these are."""


@dataclass(frozen=True)
class Backlog:
    """What waits at a site that robots send to.

    Attributes:
        inbox: Messages that were acknowledged and not moved on yet.
        observations: How many were moved on and not watched yet; None where the workflows'
            database does not answer, or is another site's.
        cells: How many robots were named.
        led: Whether a worker watches; None likewise.
        notices: How many notices wait, by the names of their targets.
        given_up: Notices that became rejects.
    """

    inbox: int
    observations: int | None
    cells: int
    led: bool | None
    notices: Mapping[str, int]
    given_up: int

    def unwatched(self, folder: Path | str) -> str | None:
        """Say what nobody watches and what to do about it; None where that is not so.

        What waits while a worker leads is on its way: not reached yet, or awaiting its pick.

        Args:
            folder: Of the workspace, as a person names it.
        """
        if self.observations is None:
            return (
                "nobody can tell what waits unwatched: no worker has run yet, or the workflows' "
                "database does not answer, or it is another site's; see JANUS_WORKFLOWS"
            )
        waiting = {"observation": self.observations, "message in the inbox": self.inbox}
        parts = [_counted(number, what) for what, number in waiting.items() if number]
        if not parts:
            return None
        told = f"unwatched so far: {' and '.join(parts)}"
        if not self.cells:
            return (
                f"{told}, for no robot is named. Name the robots and their cameras once: "
                f"`janus worker --workspace {folder} --cells cells.toml`; docs/service.md shows "
                "the file"
            )
        if not self.led:
            return f"{told}, for no worker runs. Start one: `janus worker --workspace {folder}`"
        return None


def _counted(number: int, what: str) -> str:
    first, *rest = what.split()
    return " ".join([str(number), first if number == 1 else f"{first}s", *rest])


def backlog_of(workspace: Workspace, place: Path | str) -> Backlog | None:
    """Return what waits; None where no robot can send: the workspace has no token.

    Args:
        workspace: Of the site.
        place: Of the workflows' database; nothing is made there.
    """
    catalogue = workspace.catalogue
    if not catalogue.tokens.list():
        return None
    watched, led, notices = _worked(workspace, place)
    seen = catalogue.observations.counts()["observations"]
    return Backlog(
        inbox=catalogue.inbox.depth(),
        observations=None if watched is None else max(seen - watched, 0),
        cells=len(catalogue.cells.list()),
        led=led,
        notices=notices,
        given_up=sum(row.thing.startswith("notice ") for row in catalogue.rejects.list()),
    )


def _worked(
    workspace: Workspace, place: Path | str
) -> tuple[int | None, bool | None, dict[str, int]]:
    """Return how many observations were watched, whether a worker leads, and what is to be sent."""
    engine = existing_engine(place)
    if engine is None:
        return 0, False, {}
    try:
        latest = latest_watched(engine, _TRIED)
        if latest and not workspace.catalogue.observations.known(latest):
            return None, None, {}  # what was watched there was seen elsewhere
        return watched_number(engine), is_held(engine), waiting_in(engine)
    except SQLAlchemyError:
        return None, None, {}
    finally:
        engine.dispose()
