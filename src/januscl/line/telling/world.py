"""How far what is new reaches: changes of the world, and where a novelty is seen."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from januscl.core import Cell
from januscl.store import Workspace
from januscl.watch import Scope


@dataclass(frozen=True)
class WorldChange:
    """A change that was told.

    Attributes:
        scope, name: How far it reaches, and which camera, line or site; no name for the fleet.
        began: Its most likely first moment.
        told: When the evidence was enough.
        signals: Which carried the evidence, the strongest first.
    """

    scope: Scope
    name: str
    began: datetime
    told: datetime
    signals: tuple[str, ...]

    def __str__(self) -> str:
        where = f"{self.scope} {self.name}".strip()
        return f"{where} since {self.began:%Y-%m-%d %H:%M} ({', '.join(self.signals)})"


def world_changes(workspace: Workspace) -> list[WorldChange]:
    """Return the changes that were told, newest first; each is told once while it goes on."""
    rows = workspace.catalogue.audit.list(action="change.told")
    return [
        WorldChange(
            Scope(row.detail["scope"]),
            "" if row.detail["scope"] == Scope.FLEET else row.subject,
            datetime.fromisoformat(row.detail["began"]),
            row.at,
            tuple(row.detail["signals"]),
        )
        for row in reversed(rows)
    ]


def warming_up(workspace: Workspace) -> list[str]:
    """Return the cameras of which no change can be told yet: their healthy windows fill."""
    audit = workspace.catalogue.audit
    begun = {row.subject: row.at for row in audit.list(action="calibration.warming")}
    ready = {row.subject: row.at for row in audit.list(action="calibration.ready")}
    return sorted(name for name, at in begun.items() if name not in ready or ready[name] < at)


def scope_of(robots: Collection[str], cells: Iterable[Cell]) -> str:
    """Return how far what these robots see reaches, such as ``line line-a``; empty for no robot.

    Args:
        robots: Their names.
        cells: The fleet.
    """
    cells = list(cells)
    seen = [cell for cell in cells if cell.robot in robots]
    if not seen:
        return ""
    if len(seen) == 1:
        return f"{Scope.CAMERA} {seen[0].camera}"
    if len({(cell.site, cell.line) for cell in seen}) == 1:
        return f"{Scope.LINE} {seen[0].line}"
    one_site = len({cell.site for cell in seen}) == 1
    return f"{Scope.SITE} {seen[0].site}" if one_site else str(Scope.FLEET)
