"""What a fleet, a taxonomy, embeddings and times must be before a line takes them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from januscl.core import Cell, Instances, InvalidInput, Taxonomy

AHEAD = timedelta(days=1)
"""By which a robot's clock may be ahead: more than any time zone, mistaken for UTC, makes of it."""


def check_cells(cells: Sequence[Cell]) -> None:
    """Raise `InvalidInput` unless there is a cell, and each robot and camera stands once."""
    if not cells:
        raise InvalidInput(
            "cells", "at least one robot with its camera", "none", "Name the fleet's cells."
        )
    for what in ("robot", "camera"):
        names = Counter(getattr(cell, what) for cell in cells)
        twice = sorted(name for name, count in names.items() if count > 1)
        if twice:
            raise InvalidInput(
                "cells",
                f"each {what} in one cell",
                f"{what} {', '.join(twice)} in several",
                f"Give every {what} a name of its own.",
            )


def check_taxonomy(given: Taxonomy, known: Taxonomy, model: str) -> None:
    """Raise `InvalidInput` where an id or a name means another kind to a model.

    Args:
        given: The kinds that annotators may name.
        known: The kinds of the model, whose ids are permanent.
        model: What to call the model in the error.
    """
    names = {kind.id: kind.name for kind in known}
    ids = {kind.name: kind.id for kind in known}
    for kind in given:
        if names.get(kind.id, kind.name) != kind.name or ids.get(kind.name, kind.id) != kind.id:
            raise InvalidInput(
                f"kind {kind.id} {kind.name!r} of the taxonomy",
                f"kinds as {model} knows them: {[f'{k.id} {k.name}' for k in known]}",
                "an id or a name that means another kind there",
                "Ids are permanent. Grow the model's own taxonomy: "
                "`factory_model().taxonomy.with_kind('black bag', 'soft')`.",
            )


def check_length(instances: Instances, whose: str, length: int | None) -> None:
    """Raise `InvalidInput` where embeddings cannot be compared with those of the fleet.

    Args:
        instances: Whose embeddings are ``(N, D)``, or None.
        whose: Camera and model that they are of.
        length: D, by what the fleet's models were learned from; None before one was.
    """
    found = instances.embeddings
    if found is None:
        return
    if found.ndim != 2 or len(found) != len(instances) or length not in (None, found.shape[1]):
        raise InvalidInput(
            f"embeddings of a frame of {whose}",
            f"({len(instances)}, {length or 'D'}), rows as long as the fleet's",
            f"{found.shape}",
            "All models of a fleet describe packages alike, or else give no embeddings: None.",
        )


def check_time(at: datetime, thing: str, now: datetime) -> None:
    """Raise `InvalidInput` where something is dated more than `AHEAD` after the present time.

    One frame from far ahead would be the camera's last for as long: none after it could open or
    close a ticket.

    Args:
        at: What the robot says.
        thing: What it says it of.
        now: The present time.
    """
    if at > now + AHEAD:
        raise InvalidInput(
            f"time of {thing}",
            f"{(now + AHEAD).isoformat(timespec='seconds')} at the latest",
            at.isoformat(),
            "The robot's clock is ahead by more than a day: set it right, by NTP for instance.",
        )
