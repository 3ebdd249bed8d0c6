"""The novel image detector's job: raw images of what is new, or faulty, are kept for good.

It takes from the log, and asks robots for what they still hold: whatever it chooses is pinned, and
a robot that checks in is asked for the pixels of its pinned observations that came without.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.core import IntegrityError, NotFound
from januscl.line.durable.once import once
from januscl.line.elsewhere import Place, workspace_at
from januscl.line.recalling import strangeness
from januscl.line.wanting import REACH, RULE
from januscl.store import Transaction, Workspace
from januscl.store.records import ObservationRow
from januscl.triage import Candidate, choose_frames, place_of

PRESERVED = "images.preserved"
"""In the audit log: raw images were chosen for a campaign or a ticket, the row's subject."""
_LOOKED_THROUGH = 1000
"""Observations of the log, the latest, that a job looks through for more of the same."""
_NEIGHBOUR, _WITHIN = 3, 0.9
_BEFORE = timedelta(hours=1)
"""So long before a fault its camera's pictures show it healthy."""

Vectors = NDArray[np.floating]


def preserve_for_campaign(workspace: Place, campaign: str, seed: int) -> dict[str, Any]:
    """Keep raw images of a novelty, as unlike each other as possible, as many as its quota.

    Of its own, and of the log's latest those that lie among its own, strange or not. Done again,
    it changes nothing.

    Args:
        workspace: What `januscl.line.elsewhere.place_of` returned.
        campaign: Id of the novelty's campaign.
        seed: Of the random share.

    Returns:
        ``frames``, how many were chosen, and ``asked``, of how many a robot was asked for pixels.
    """
    with workspace_at(workspace) as opened:
        found = next((c for c in opened.catalogue.campaigns.list() if c.id == campaign), None)
        if found is None:
            raise NotFound(f"campaign {campaign} is not in the catalogue")
        own = _members(opened, found.novelty)
        pool = [*own, *_alike(opened, own)]
        chosen = choose_frames(pool, found.quota, seed)
        return _keep(opened, campaign, chosen, {"novelty": found.novelty, "among": len(pool)})


def preserve_for_ticket(workspace: Place, ticket: str, quota: int, seed: int) -> dict[str, Any]:
    """Keep raw images of a camera whose view changed, from before the fault began and since.

    They show a technician what happened, and a person whether it was a fault at all. They stay
    quarantined. Done again, it changes nothing.

    Args:
        workspace: What `januscl.line.elsewhere.place_of` returned.
        ticket: Its id.
        quota: Images at most.
        seed: Of the random share.

    Returns:
        As `preserve_for_campaign`.
    """
    with workspace_at(workspace) as opened:
        found = opened.catalogue.tickets.get(ticket)
        rows = _at_hand(
            opened.catalogue.observations.list(
                camera=found.camera, since=found.began - _BEFORE, until=found.closed,
                limit=_LOOKED_THROUGH, newest_first=True,
            )
        )  # fmt: skip
        since = [row for row in rows if row.at >= found.began]
        chosen = _diverse(opened, since, quota - quota // 2, seed)
        before = [row for row in rows if row.at < found.began]
        chosen += _diverse(opened, before, quota - len(chosen), seed)
        return _keep(opened, ticket, chosen, {"camera": found.camera, "among": len(rows)})


def _keep(
    opened: Workspace, subject: str, chosen: Sequence[str], detail: dict[str, Any]
) -> dict[str, Any]:
    """Pin what was chosen, unless this was done before; return what was done then."""
    now, catalogue = datetime.now(UTC), opened.catalogue
    known = catalogue.observations.known(chosen)
    asked = sum(row.image is None for row in known.values())

    def pin(tx: Transaction) -> None:
        tx.pins.add(chosen, RULE, now)

    detail = detail | {"rule": RULE, "frames": len(chosen), "asked": asked}
    once(opened, f"images {subject}", PRESERVED, subject, detail, now, pin)
    (done,) = catalogue.audit.list(subject=subject, action=PRESERVED)
    return {"frames": done.detail["frames"], "asked": done.detail["asked"]}


def _at_hand(rows: Iterable[ObservationRow]) -> list[ObservationRow]:
    """Return those whose pixels are here, or may still be with their robot."""
    since = datetime.now(UTC) - REACH
    return [row for row in rows if row.image is not None or row.at >= since]


def _members(opened: Workspace, novelty: str) -> list[Candidate]:
    """Return a candidate for each frame of a novelty that can be had and is under no ticket.

    Only of the model that saw most of them.
    """
    catalogue = opened.catalogue
    instance = dict(catalogue.novelties.members(novelty))
    barred, strange = catalogue.observations.quarantined(instance), strangeness(opened)
    known = catalogue.observations.known(instance)
    rows = _at_hand(catalogue.observations.get(id) for id in known if id not in barred)
    model, found = _main_model(rows), []
    for row in rows:
        places = _places(opened, row)
        if row.model == model and instance[row.id] < len(places):
            place = places[instance[row.id]]
            found.append(Candidate(row.id, row.camera, row.at, place, strange.get(row.id, 0.0)))
    return found


def _alike(opened: Workspace, own: Sequence[Candidate]) -> list[Candidate]:
    """Return the log's latest frames that show something lying among a novelty's own.

    As near to its own as nine of ten of them are to each other, each direction scaled by its spread
    in the log.
    """
    if len(own) <= _NEIGHBOUR:
        return []
    catalogue, taken = opened.catalogue, {candidate.observation for candidate in own}
    latest = max(candidate.at for candidate in own)
    model = catalogue.observations.get(own[-1].observation).model
    listed = catalogue.observations.list(
        since=latest - REACH, limit=_LOOKED_THROUGH, newest_first=True
    )
    rows = [row for row in _at_hand(listed) if row.model == model and row.id not in taken]
    barred = catalogue.observations.quarantined([row.id for row in rows])
    seen = [(row, _places(opened, row)) for row in rows if row.id not in barred]
    seen = [(row, places) for row, places in seen if len(places)]
    if not seen:
        return []
    members = np.stack([candidate.embedding for candidate in own]).astype(np.float64)
    spread = np.concatenate([members, *(places for _, places in seen)]).std(axis=0)
    scale = np.maximum(spread, max(0.1 * float(spread.mean()), 1e-9))
    members = members / scale
    radius = np.quantile(_apart(members, members, skip=1), _WITHIN)
    found = []
    for row, places in seen:
        apart = _apart(places / scale, members)
        nearest = int(apart.argmin())
        if apart[nearest] <= radius:
            found.append(Candidate(row.id, row.camera, row.at, places[nearest], 0.0))
    return found


def _diverse(opened: Workspace, rows: Sequence[ObservationRow], quota: int, seed: int) -> list[str]:
    """Return the ids of frames as unlike each other as possible; evenly in time, if none can tell.

    Args:
        opened: Has their embeddings.
        rows: Of one camera.
        quota: Frames at most.
        seed: Of the random share.
    """
    model, found = _main_model(rows), []
    for row in rows:
        arrays = _arrays(opened, row) if row.model == model else {}
        place = place_of(
            replace(
                row.instances,
                embeddings=arrays.get("instances"),
                frame_embedding=arrays.get("frame"),
            )
        )
        if place is not None:
            found.append(Candidate(row.id, row.camera, row.at, place, 0.0))
    chosen = choose_frames(found, quota, seed)
    rest = sorted(row.id for row in rows if row.id not in set(chosen))
    number = min(len(rest), quota - len(chosen))
    return [*chosen, *(rest[int(k)] for k in np.linspace(0, len(rest) - 1, number))]


def _places(opened: Workspace, row: ObservationRow) -> Vectors:
    """Return the embeddings ``(N, D)`` of an observation's instances; none where none came."""
    kept = _arrays(opened, row).get("instances")
    return np.zeros((0, 0)) if kept is None else kept


def _arrays(opened: Workspace, row: ObservationRow) -> dict[str, Vectors]:
    """Return an observation's embeddings; none, where they are lost or damaged."""
    try:
        return opened.embeddings(row)
    except (NotFound, IntegrityError):
        return {}


def _main_model(rows: Sequence[ObservationRow]) -> str:
    """Return the model that made most of these: embeddings of two models cannot be compared."""
    models = [row.model for row in rows]
    return max(sorted(set(models)), key=models.count, default="")


def _apart(places: Vectors, members: Vectors, skip: int = 0) -> NDArray[np.float64]:
    """Return the distance ``(N,)`` of each place to its third nearest member after ``skip``."""
    squares = (places**2).sum(axis=1)[:, None] + (members**2).sum(axis=1)[None, :]
    apart = np.sqrt(np.maximum(squares - 2 * places @ members.T, 0))
    nearest = min(_NEIGHBOUR + skip, len(members)) - 1
    return np.asarray(np.partition(apart, nearest, axis=1)[:, nearest])
