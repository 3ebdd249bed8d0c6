"""The story as plain data, for programs: figures whole, pictures left out."""

from typing import Any

import numpy as np

from januscl.line.report import TicketCard
from januscl.line.telling.world import WorldChange
from januscl.line.watch_report.page import standing_of
from januscl.line.watch_report.story import (
    Camera,
    Health,
    NoveltyMap,
    Points,
    Track,
    WatchStory,
)
from januscl.line.watch_report.words import named


def facts_of(story: WatchStory) -> dict[str, Any]:
    """Return what the page tells, to be written as JSON.

    Times are `datetime`; readings are in the unit that stands beside them, one for each column of
    time and None where nothing was read.
    """
    health = story.health
    return {
        "title": story.title,
        "begin": None if health is None else health.begin,
        "end": None if health is None else health.end,
        "column_seconds": None if health is None else health.column.total_seconds(),
        "cameras": [] if health is None else _cameras(health),
        "maps": [_map(drawn) for drawn in story.maps],
        "notes": list(story.unmapped),
        "tickets": [_ticket(card) for card in story.tickets],
        "more_tickets": story.more_tickets,
        "changes": [_change(change) for change in story.changes],
        "more_changes": story.more_changes,
        "warming_up": list(story.warming),
    }


def _cameras(health: Health) -> list[dict[str, Any]]:
    drawn = [{**_camera(c), "readings": [_track(t) for t in c.tracks]} for c in health.shown]
    return [*drawn, *(_camera(camera) for camera in health.others)]


def _camera(camera: Camera) -> dict[str, Any]:
    return {
        "camera": camera.name,
        "robot": camera.robot,
        "place": camera.place,
        "standing": standing_of(camera)[1].removeprefix("✓ ").lower(),
        "learned": camera.learned,
        "frames": camera.frames,
        "faulty": camera.faulty,
        "tickets": [ticket.id for ticket in camera.tickets],
    }


def _track(track: Track) -> dict[str, Any]:
    name = named(track.cause)
    return {
        "cause": track.cause,
        "unit": name.unit,
        "fault_from": name.least,
        "worst": track.worst,
        "worst_at": track.worst_at,
        "alarms": track.alarms,
        "mean": [None if c is None else round(c.mean, 4) for c in track.columns],
        "worsts": [None if c is None else c.worst for c in track.columns],
    }


def _map(drawn: NoveltyMap) -> dict[str, Any]:
    return {
        "model": drawn.model_id,
        "name": drawn.model,
        "variance": drawn.spread,
        "known": len(drawn.known),
        "kinds": [{"name": k.name, "at": k.at, "instances": k.count} for k in drawn.kinds],
        "novelties": [
            {
                "id": patch.id,
                "name": patch.name,
                "state": patch.state,
                "lost_picks_a_day": patch.cost,
                "instances": patch.instances,
                "middle": np.median(patch.points, axis=0).round(4).tolist(),
                "points": _rounded(patch.points),
            }
            for patch in drawn.patches
        ],
    }


def _rounded(points: Points) -> list[list[float]]:
    rounded: list[list[float]] = points.round(4).tolist()
    return rounded


def _change(change: WorldChange) -> dict[str, Any]:
    return {
        "scope": str(change.scope),
        "name": change.name,
        "began": change.began,
        "told": change.told,
        "signals": list(change.signals),
    }


def _ticket(card: TicketCard) -> dict[str, Any]:
    ticket = card.ticket
    return {
        "id": ticket.id,
        "camera": ticket.camera,
        "robot": ticket.robot,
        "cause": ticket.cause,
        "severity": ticket.severity,
        "unit": named(ticket.cause).unit,
        "began": ticket.began,
        "opened": ticket.opened,
        "closed": ticket.closed,
        "evidence": ticket.evidence,
        "before": ticket.before,
        "after": ticket.after,
        "told": card.told,
    }
