"""From the readings that are kept of cameras to what is drawn of them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf

from januscl.core import Cell, NotFound, Ticket
from januscl.line.watch_report.story import Camera, Health, Reading, Track
from januscl.store import CauseReading, HealthMinute, Workspace
from januscl.watch import CAUSES
from januscl.watch.causes import LEAST_SCORE

MOST_COLUMNS = 240
_LENGTHS = tuple(
    timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 10080)
)
_LEARNED = "camera.learned"
_NONE = {"noisy_sensor": 1.0}
"""Scores of a camera in its best health, where they are not 0: noise is told in times its own."""


def health_of(
    workspace: Workspace, days: float, most: int, cameras: Collection[str] = ()
) -> Health | None:
    """Return the health of a workspace's cameras in the time before the last that was seen.

    Args:
        workspace: Keeps the readings.
        days: How far back.
        most: How many cameras are drawn; those in most trouble are.
        cameras: Names of those that are asked for; all when empty.

    Raises:
        NotFound: A camera is named that is not in the workspace.
    """
    cells = [cell for cell in workspace.catalogue.cells.list() if not cell.station]
    unknown = sorted(set(cameras) - {cell.camera for cell in cells})
    if unknown:
        there = ", ".join(sorted(cell.camera for cell in cells)[:20]) or "none yet"
        raise NotFound(f"there is no camera {unknown[0]!r} at work here; there are: {there}")
    wanted = [cell for cell in cells if not cameras or cell.camera in cameras]
    span = _span(workspace, days)
    if not wanted or span is None:
        return None
    begin, end = span
    counted = _counted(workspace, wanted, begin)
    # Those that are ill now come first, then those that were, the worst before the others.
    counted.sort(key=lambda c: (not c.in_fault, not c.tickets, -c.faulty, c.name))
    minutes = {
        camera.name: workspace.catalogue.camera_health.list(camera.name, since=begin)
        for camera in counted[:most]
    }
    column = _column(end - begin, minutes.values())
    begin = _floor(begin, column)
    columns = int((end - begin) / column) + 1
    shown = [
        _drawn(camera, minutes[camera.name], begin, column, columns) for camera in counted[:most]
    ]
    return Health(begin, column, columns, tuple(shown), tuple(counted[most:]))


def tickets_since(workspace: Workspace, begin: datetime) -> list[Ticket]:
    """Return the tickets that are open or were closed since a time, in order of opening."""
    found = workspace.catalogue.tickets.list()
    return [ticket for ticket in found if ticket.closed is None or ticket.closed >= begin]


def _span(workspace: Workspace, days: float) -> tuple[datetime, datetime] | None:
    """Return the first and the last moment to tell of; None where nothing was ever seen."""
    observations = workspace.catalogue.observations
    last = [row.at for row in observations.list(limit=1, newest_first=True)]
    read = workspace.catalogue.camera_health.last()
    if not last and read is None:
        return None
    end = max(filter(None, (*last, read)))
    begin = end - timedelta(days=days)
    first = [row.at for row in observations.list(since=begin, limit=1)]
    return max([begin, *first]), end


def _counted(workspace: Workspace, cells: Sequence[Cell], begin: datetime) -> list[Camera]:
    catalogue = workspace.catalogue
    counts = catalogue.camera_health.counts(since=begin.replace(second=0, microsecond=0))
    learned = {row.subject: row.at for row in catalogue.audit.list(action=_LEARNED)}
    tickets = defaultdict(list)
    for ticket in tickets_since(workspace, begin):
        tickets[ticket.camera].append(ticket)
    return [
        Camera(
            cell.camera,
            cell.robot,
            f"{cell.line}, {cell.site}",
            learned.get(cell.camera),
            *counts.get(cell.camera, (0, 0)),
            tickets=tuple(tickets[cell.camera]),
        )
        for cell in cells
    ]


def _column(span: timedelta, minutes: Collection[Sequence[HealthMinute]]) -> timedelta:
    """Return the length of a column: wide enough for the span, and for how often frames come."""
    gaps = sorted(after.at - before.at for rows in minutes for before, after in pairwise(rows))
    usual = gaps[len(gaps) // 2] if gaps else timedelta(0)
    least = max(span / (MOST_COLUMNS - 1), usual)
    return next((length for length in _LENGTHS if length >= least), _LENGTHS[-1])


def _floor(at: datetime, column: timedelta) -> datetime:
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (at - midnight) // column * column


def _drawn(
    camera: Camera,
    minutes: Sequence[HealthMinute],
    begin: datetime,
    column: timedelta,
    columns: int,
) -> Camera:
    """Return the camera with its tracks."""
    strain: list[float | None] = [None] * columns
    read: defaultdict[str, dict[int, list[CauseReading]]] = defaultdict(lambda: defaultdict(list))
    for minute in minutes:
        place = int((minute.at - begin) / column)
        if not 0 <= place < columns:
            continue
        strain[place] = max(strain[place] or 0.0, _strain(minute))
        for cause, reading in minute.causes.items():
            read[cause][place].append(reading)
    order = [*(c for c in CAUSES if c in read), *sorted(read.keys() - set(CAUSES))]
    tracks = tuple(_track(cause, read[cause], begin, column, columns) for cause in order)
    return replace(camera, strain=tuple(strain), tracks=tracks)


def _strain(minute: HealthMinute) -> float:
    """Return `Camera.strain` of one minute."""
    shares = [_share(cause, reading.score) for cause, reading in minute.causes.items()]
    return 1.0 if minute.faulty else min(max(shares, default=0.0), 0.99)


def _share(cause: str, score: float) -> float:
    """Return how far a score is on its way to where a technician would act."""
    least, none = LEAST_SCORE.get(cause, inf), _NONE.get(cause, 0.0)
    return max(0.0, score - none) / (least - none)


def _track(
    cause: str,
    places: dict[int, list[CauseReading]],
    begin: datetime,
    column: timedelta,
    columns: int,
) -> Track:
    found = {place: _summed(readings) for place, readings in places.items()}
    worst = max(found, key=lambda place: found[place].worst)
    return Track(
        cause,
        tuple(found.get(place) for place in range(columns)),
        found[worst].worst,
        begin + worst * column,
    )


def _summed(readings: Sequence[CauseReading]) -> Reading:
    frames = sum(reading.frames for reading in readings)
    return Reading(
        sum(reading.mean * reading.frames for reading in readings) / frames,
        max(reading.worst for reading in readings),
        sum(reading.alarms for reading in readings),
    )
