"""From a workspace to the story that the page tells."""

from collections.abc import Collection

from januscl.line.report.words import count, listed
from januscl.line.telling.day import ticket_card
from januscl.line.telling.world import warming_up, world_changes
from januscl.line.watch_report.cameras import health_of, tickets_since
from januscl.line.watch_report.places import novelty_maps
from januscl.line.watch_report.story import WatchStory
from januscl.store import Workspace
from januscl.watch import Scope

MOST_TICKETS, MOST_CHANGES = 24, 24
_NAMED = 3


def watch_story(
    workspace: Workspace, days: float = 7.0, most: int = 12, cameras: Collection[str] = ()
) -> WatchStory:
    """Return what watching found in a workspace; nothing in it is changed.

    Args:
        workspace: Any, at work or not.
        days: How far back from the last frame cameras and tickets are told of.
        most: Cameras that are drawn, those in most trouble; the others are counted.
        cameras: Names of the cameras that are asked for; all when empty. Changes of other cameras,
            lines and sites are then counted only.

    Raises:
        NotFound: A camera is named that is not in the workspace.
    """
    health = health_of(workspace, days, max(most, len(cameras)), cameras)
    tickets = [] if health is None else tickets_since(workspace, health.begin)
    told = [ticket for ticket in tickets if not cameras or ticket.camera in cameras]
    maps, unmapped = novelty_maps(workspace)
    changes = [c for c in world_changes(workspace) if health and c.told >= health.begin]
    reaching = _reaching(workspace, cameras)
    near = [c for c in changes if not cameras or (c.scope, c.name) in reaching]
    shown = near[:MOST_CHANGES]
    return WatchStory(
        f"What watching found at {_sites(workspace)}",
        health,
        maps,
        unmapped,
        tuple(ticket_card(workspace, ticket) for ticket in told[: -MOST_TICKETS - 1 : -1]),
        max(0, len(told) - MOST_TICKETS),
        tuple(shown),
        tuple(name for name in warming_up(workspace) if not cameras or name in cameras),
        len(changes) - len(shown),
    )


def _reaching(workspace: Workspace, cameras: Collection[str]) -> set[tuple[Scope, str]]:
    """Return the scopes, with their names, that some of these cameras are in."""
    cells = [cell for cell in workspace.catalogue.cells.list() if cell.camera in cameras]
    places = {(Scope.CAMERA, cell.camera) for cell in cells}
    places |= {(Scope.LINE, cell.line) for cell in cells}
    places |= {(Scope.SITE, cell.site) for cell in cells}
    return places | {(Scope.FLEET, "")}


def _sites(workspace: Workspace) -> str:
    sites = sorted({cell.site for cell in workspace.catalogue.cells.list()})
    return listed(sites) if 0 < len(sites) <= _NAMED else count(len(sites), "site")
