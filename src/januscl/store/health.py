"""What was read of each camera's health, minute by minute."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from sqlalchemy import Row, delete, func, select

from januscl.core import InvalidInput
from januscl.store.database import Door, upsert
from januscl.store.records import CauseReading, HealthMinute
from januscl.store.tables import camera_health

_AT_ONCE = timedelta(days=1)
"""Of readings, that no other writer waits long for their end."""


class CameraHealthLog:
    """Readings of every camera; one row a minute, to which more may be added later."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def add(self, minutes: Iterable[HealthMinute]) -> None:
        """Add what was read to what is kept of the same minutes.

        Raises:
            InvalidInput: A reading is not finite.
        """
        table = camera_health.c
        with self._door.write() as connection:
            for new in minutes:
                here = (table.camera == new.camera, table.at == new.at)
                kept = connection.execute(select(camera_health).where(*here)).first()
                whole = new if kept is None else _together(_minute(kept), new)
                upsert(connection, camera_health, ("camera", "at"), _values(whole))

    def list(
        self, camera: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[HealthMinute]:
        """Return the minutes of a camera in order of time.

        Args:
            camera: Its name.
            since: From the minute that begins at or after this time.
            until: Before this time.
        """
        query = select(camera_health).where(camera_health.c.camera == camera)
        if since is not None:
            query = query.where(camera_health.c.at >= since)
        if until is not None:
            query = query.where(camera_health.c.at < until)
        with self._door.read() as connection:
            found = connection.execute(query.order_by(camera_health.c.at))
            return [_minute(row) for row in found]

    def counts(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> dict[str, tuple[int, int]]:
        """Return for each camera how many frames were read, and how many were faulty."""
        table = camera_health.c
        totals = func.sum(table.frames), func.sum(table.faulty)
        query = select(table.camera, *totals).group_by(table.camera).order_by(table.camera)
        if since is not None:
            query = query.where(table.at >= since)
        if until is not None:
            query = query.where(table.at < until)
        with self._door.read() as connection:
            return {name: (int(n), int(bad)) for name, n, bad in connection.execute(query)}

    def last(self) -> datetime | None:
        """Return the latest minute of any camera; None before the first."""
        with self._door.read() as connection:
            at: datetime | None = connection.scalar(select(func.max(camera_health.c.at)))
        return at

    def forget(self, before: datetime) -> int:
        """Forget the minutes before a time, a day at once; return how many there were."""
        table, gone = camera_health.c, 0
        while True:
            with self._door.write() as connection:
                first: datetime | None = connection.scalar(select(func.min(table.at)))
                if first is None or first >= before:
                    return gone
                old = table.at < min(before, first + _AT_ONCE)
                gone += connection.execute(delete(camera_health).where(old)).rowcount


def _together(kept: HealthMinute, new: HealthMinute) -> HealthMinute:
    causes = dict(kept.causes)
    for name, more in new.causes.items():
        causes[name] = _joined(causes[name], more) if name in causes else more
    frames, faulty = kept.frames + new.frames, kept.faulty + new.faulty
    return HealthMinute(kept.camera, kept.at, frames, faulty, causes)


def _joined(one: CauseReading, other: CauseReading) -> CauseReading:
    frames = one.frames + other.frames
    return CauseReading(
        frames,
        one.alarms + other.alarms,
        (one.mean * one.frames + other.mean * other.frames) / frames,
        max(one.worst, other.worst),
        max(one.score, other.score),
    )


def _values(minute: HealthMinute) -> dict[str, Any]:
    causes = {name: _listed(minute, name, read) for name, read in minute.causes.items()}
    return {
        "camera": minute.camera,
        "at": minute.at,
        "frames": minute.frames,
        "faulty": minute.faulty,
        "causes": causes,
    }


def _listed(minute: HealthMinute, cause: str, read: CauseReading) -> list[float]:
    if not all(map(isfinite, astuple(read))):
        raise InvalidInput(
            f"{cause} of camera {minute.camera} at {minute.at.isoformat()}",
            "finite readings",
            f"{read}",
            "Leave out what could not be read.",
        )
    # Four figures are more than a reading is worth, and a row a minute adds up.
    return [read.frames, read.alarms, *(float(f"{v:.4g}") for v in astuple(read)[2:])]


def _minute(row: Row[Any]) -> HealthMinute:
    causes: Mapping[str, Sequence[float]] = row.causes
    read = {
        name: CauseReading(int(frames), int(alarms), mean, worst, score)
        for name, (frames, alarms, mean, worst, score) in causes.items()
    }
    return HealthMinute(row.camera, row.at, row.frames, row.faulty, read)
