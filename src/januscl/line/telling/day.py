"""The day: failed picks over time, what happened meanwhile, and the tickets."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from januscl.core import Cell, Image, Release, Stage, Ticket
from januscl.line import report
from januscl.line.report import Mark, Span
from januscl.line.report.words import HELD_BACK
from januscl.line.telling.names import model_names, novelty_names
from januscl.line.telling.novelties import risen
from januscl.line.telling.world import world_changes
from januscl.store import Workspace

Numbers = NDArray[np.float64]
_WINDOW = timedelta(minutes=75)
_POINTS = 144
_CHANGES = 10


def timeline(
    workspace: Workspace,
    cells: Sequence[Cell],
    extra: Sequence[Mark],
    models: Mapping[str, str] | None = None,
) -> report.Timeline | None:
    """Return the share of failed picks over time, line by line, with what happened meanwhile.

    Args:
        workspace: Whose picks.
        cells: Which line each robot works on.
        extra: What happened that the workspace does not know of.
        models: What models are called; see `model_names`.
    """
    rows = [row for row in workspace.catalogue.observations.list() if row.pick is not None]
    if not rows:
        return None
    line_of = {cell.robot: cell.line for cell in cells}
    first, last = rows[0].at, rows[-1].at
    times = tuple(first + (last - first) * (k / (_POINTS - 1)) for k in range(_POINTS))
    series = []
    for line in sorted({line_of[row.robot] for row in rows}):
        picks = [row for row in rows if line_of[row.robot] == line]
        at = np.asarray([row.at.timestamp() for row in picks])
        failed = np.asarray([row.pick.outcome.failed for row in picks if row.pick], float)
        values = tuple(_share(at, failed, time.timestamp()) for time in times)
        series.append(report.Series(line, values))
    names = model_names(workspace) if models is None else models
    marks, spans = _happened(workspace, last, names)
    minutes = _WINDOW.total_seconds() / 60
    return report.Timeline(
        "Failed picks through the day",
        f"share of picks that failed in the {minutes:.0f} minutes around each moment",
        times,
        tuple(series),
        tuple(sorted((*marks, *extra), key=lambda mark: mark.at)),
        spans,
    )


def _share(at: Numbers, failed: Numbers, time: float) -> float | None:
    near = np.abs(at - time) <= _WINDOW.total_seconds() / 2
    return float(failed[near].mean()) if near.any() else None


def _happened(
    workspace: Workspace, end: datetime, models: Mapping[str, str]
) -> tuple[list[Mark], tuple[Span, ...]]:
    """Return the marks and spans of tickets, novelties, changes and releases."""
    catalogue = workspace.catalogue
    marks: list[Mark] = []
    spans: list[Span] = []
    for ticket in catalogue.tickets.list():
        cause = ticket.cause.replace("_", " ")
        marks.append(Mark(ticket.opened, "fault", f"Ticket: {ticket.robot} {cause}"))
        spans.append(Span(ticket.began, ticket.closed or end, "fault", ticket.robot, cause))
    names = novelty_names(workspace)
    for novelty in risen(workspace):
        marks.append(Mark(novelty.first_seen, "novelty", f"First seen: {names[novelty.id]}"))
    for change in world_changes(workspace)[:_CHANGES]:
        marks.append(Mark(change.told, "novelty", f"World changed: {change}"))
    for release in catalogue.releases.list():
        ended = [row.at for row in catalogue.audit.list(subject=release.id)]
        until, name = max(ended, default=end), models[release.model]
        kind = "stop" if release.stage in HELD_BACK else "release"
        spans.append(Span(release.opened, until, kind, "releases", name))
        marks.append(Mark(until, kind, f"{name} {_reached(release)}"))
    return marks, tuple(spans)


def _reached(release: Release) -> str:
    if release.stage is Stage.DONE:
        return "now runs in the whole fleet"
    if release.stage is Stage.STOPPED:
        return "stopped at the station"
    return "rolled back" if release.stage is Stage.ROLLED_BACK else f"at stage {release.stage}"


def ticket_cards(
    workspace: Workspace, technicians: str = "technicians"
) -> tuple[report.TicketCard, ...]:
    """Return every ticket with its two pictures, who mended it, and how Janus knew.

    Args:
        workspace: Whose tickets.
        technicians: Who is called when a ticket opens.
    """
    return tuple(
        ticket_card(workspace, ticket, technicians) for ticket in workspace.catalogue.tickets.list()
    )


def ticket_card(
    workspace: Workspace, ticket: Ticket, technicians: str = "technicians"
) -> report.TicketCard:
    """Return one ticket; see `ticket_cards`."""
    return report.TicketCard(
        ticket,
        _picture(workspace, ticket.before),
        _picture(workspace, ticket.after),
        _mended(workspace, ticket, technicians),
    )


def _picture(workspace: Workspace, digest: str | None) -> Image | None:
    return None if digest is None else workspace.get_image(digest)


def _mended(workspace: Workspace, ticket: Ticket, technicians: str) -> str:
    """Tell a ticket's course from its pictures' times and the audit log."""
    catalogue = workspace.catalogue
    knew = [r.at for r in catalogue.audit.list(subject=ticket.id) if r.action == "ticket.closed"]
    end = max([ticket.opened, *knew]) + timedelta(microseconds=1)
    bad = catalogue.observations.list(camera=ticket.camera, since=ticket.began, until=end)
    until_opened = sum(row.at <= ticket.opened for row in bad)
    told = (
        f"Janus was sure after {until_opened} bad pictures and called {technicians} at "
        f"{ticket.opened:%H:%M}."
    )
    if ticket.closed is None or not knew:
        return f"{told} The camera does not see as it did yet."
    well = sum(ticket.closed <= row.at <= knew[-1] for row in bad)
    return (
        f"{told} They mended the camera. Its {well} pictures from {ticket.closed:%H:%M} to "
        f"{knew[-1]:%H:%M} were like its own healthy ones again, so Janus closed the ticket."
    )
