"""What is known of novelties, from the catalogue: for the time after a restart."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from januscl.core import (
    EventKind,
    Instances,
    Novelty,
    NoveltyState,
    Observation,
    mask_cover,
    mask_iou,
)
from januscl.store import Workspace
from januscl.store.records import ObservationRow
from januscl.triage import Kept, Sighting

Key = tuple[str, int]
See = Callable[[Observation], Instances]
Vectors = NDArray[np.floating]
_SAME = 0.5
_MEMBERS, _POOL, _EVENTS = 300, 1500, 5000
MERGED = "novelty.merged"
"""In the audit log: a novelty was made one with another, which the detail names as ``into``."""
_SEEN_AGAIN = 40
"""Frames of each novelty that are looked at again where another model saw them."""


def recall(workspace: Workspace, model: str, see: See) -> list[Kept]:
    """Return the novelties that triage opened, with their instances as a model sees them.

    Instances in frames that a ticket covers, though it opened later, are no longer theirs.

    What was seen by the model itself was kept with its embeddings. Of what another model saw, the
    latest frames are looked at again; the rest counts, but attracts nothing.

    Args:
        workspace: Holds novelties, members and observations.
        model: Id of the model.
        see: Returns what it sees in an observation's frame.
    """
    catalogue = workspace.catalogue
    opened = {row.subject for row in catalogue.audit.list(action="novelty.new")}
    found = sorted(
        (n for n in catalogue.novelties.list() if n.id in opened),
        key=lambda n: (n.first_seen, n.id),
    )
    kept = []
    for novelty in found:
        keys = _sound(workspace, catalogue.novelties.members(novelty.id))
        members = [
            replace(s, strange=_was_strange(workspace, s))
            for s in sightings(workspace, keys, model, see)
        ]
        since, closed = _course(workspace, novelty, members)
        kept.append(Kept(novelty, since, keys, members, closed))
    return kept


def recall_pool(workspace: Workspace, model: str, known: set[Key]) -> list[Sighting]:
    """Return the latest instances of novel events that belong to no novelty yet, oldest first."""
    events = workspace.catalogue.events.list(
        kind=EventKind.NOVELTY, limit=_EVENTS, newest_first=True
    )
    keys = [(event.observation, row) for event in events for row in event.instances]
    sound = _sound(workspace, [key for key in keys if key not in known])
    return sightings(workspace, sound[:_POOL], model, None)


def _sound(workspace: Workspace, keys: Sequence[Key]) -> list[Key]:
    """Return those of some instances whose frames no ticket covers."""
    barred = workspace.catalogue.observations.quarantined(id for id, _ in keys)
    return [key for key in keys if key[0] not in barred]


def _was_strange(workspace: Workspace, sighting: Sighting) -> bool:
    """Say whether an event was about an instance; else it was only collected."""
    events = workspace.catalogue.events.for_observation(sighting.observation)
    return any(e.kind is EventKind.NOVELTY and sighting.instance in e.instances for e in events)


def strangeness(workspace: Workspace) -> dict[str, float]:
    """Return how strange each of the latest novel observations was."""
    events = workspace.catalogue.events.list(
        kind=EventKind.NOVELTY, limit=_EVENTS, newest_first=True
    )
    return {
        event.observation: max((signal.score for signal in event.signals), default=0.0)
        for event in events
    }


def sightings(
    workspace: Workspace, keys: Iterable[Key], model: str, see: See | None
) -> list[Sighting]:
    """Return the latest of some instances as a model sees them, oldest first.

    Args:
        workspace: Holds the observations.
        keys: Observation and row of each.
        model: Id of the model.
        see: Looks again at frames that another model saw; without it they are left out.
    """
    rows_of: defaultdict[str, list[int]] = defaultdict(list)
    for observation, row in keys:
        rows_of[observation].append(row)
    found: list[Sighting] = []
    looked = 0
    # Ids are made in order of time.
    for id in sorted(rows_of, reverse=True):
        if len(found) >= max(_MEMBERS, _POOL if see is None else 0):
            break
        seen = workspace.catalogue.observations.get(id)
        if seen.model == model:
            places = _as_kept(workspace, seen, rows_of[id])
        elif see is not None and seen.image is not None and looked < _SEEN_AGAIN:
            looked += 1
            places = seen_again(seen.instances, rows_of[id], see(workspace.observation(id)))
        else:
            continue
        found += [Sighting(id, row, seen.robot, seen.at, places[row]) for row in sorted(places)]
    return sorted(found, key=lambda s: (s.at, s.key))


def seen_again(before: Instances, rows: Iterable[int], now: Instances) -> dict[int, Vectors]:
    """Return embeddings ``(D,)`` of those rows that a model sees again in the same frame."""
    if now.embeddings is None:
        return {}
    return {row: now.embeddings[place] for row, place in rows_again(before, rows, now).items()}


def rows_on(before: Instances, rows: Iterable[int], now: Instances) -> dict[int, int]:
    """Return which row of ``now`` each of those rows mostly lies on, be it only a part of it."""
    found: dict[int, int] = {}
    for row in rows:
        cover = mask_cover([before.masks[row]], now.masks)[0]
        if cover.size and cover.max() >= _SAME:
            found[row] = int(cover.argmax())
    return found


def rows_again(before: Instances, rows: Iterable[int], now: Instances) -> dict[int, int]:
    """Return which row of ``now`` each of those rows is that stand there again."""
    found: dict[int, int] = {}
    for row in rows:
        overlap = mask_iou([before.masks[row]], now.masks)[0]
        if overlap.size and overlap.max() >= _SAME:
            found[row] = int(overlap.argmax())
    return found


def _as_kept(workspace: Workspace, seen: ObservationRow, rows: Iterable[int]) -> dict[int, Vectors]:
    kept = workspace.embeddings(seen).get("instances")
    return {} if kept is None else {row: kept[row] for row in rows if row < len(kept)}


def _course(
    workspace: Workspace, novelty: Novelty, members: Sequence[Sighting]
) -> tuple[datetime, datetime | None]:
    """Return since when a novelty's cost counts, and up to when nothing seen brings it back.

    That is when it was closed, or when another one was merged into it: see `NoveltyDesk.merge`.
    """
    audit = workspace.catalogue.audit
    merged = [r for r in audit.list(action=MERGED) if r.detail["into"] == novelty.id]
    moves = sorted([*audit.list(subject=novelty.id), *merged], key=lambda row: row.at)
    closed: datetime | None = None
    since = novelty.first_seen
    for move in moves:
        if move.action == f"novelty.{NoveltyState.CLOSED}":
            closed = move.at
        elif move.action == MERGED and closed is not None:
            closed = max(closed, move.at)
        elif move.action == f"novelty.{NoveltyState.REGRESSED}":
            again = [s.at for s in members if closed is not None and closed < s.at <= move.at]
            since = min(again, default=move.at)
    return since, closed
