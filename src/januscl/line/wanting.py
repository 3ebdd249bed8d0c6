"""Whose pixels the service asks of each robot, beside those of failed picks."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from januscl.core import NoveltyState, new_id
from januscl.store import Catalogue

RULE = "novel image detector"
"""The retention rule of what was sampled because something new or faulty was seen."""
REACH = timedelta(hours=24)
"""So long after a frame was taken its robot may still have its pixels."""
_MOST, _LASTS = 20, 3.0


class Wanting:
    """Says which observations' pixels are wanted, the latest first.

    Of each robot those that the rule preserves, and members of novelties that collect frames, which
    cannot be labelled without. What is known of them holds for a few seconds, as all robots ask.

    Args:
        catalogue: Tells of observations, novelties and pins.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._found: Mapping[str, Sequence[str]] = {}
        self._until = 0.0

    def of(self, robot: str, now: datetime) -> Sequence[str]:
        """Return the ids of a robot's observations whose pixels are wanted, 20 at most."""
        if time.monotonic() >= self._until:
            self._found = self._look(now - REACH)
            self._until = time.monotonic() + _LASTS
        return self._found.get(robot, ())

    def _look(self, since: datetime) -> dict[str, list[str]]:
        # Ids are made in order of time, so what is older needs not be looked up.
        first = new_id(since, bytes(10))
        pinned = set(self._catalogue.pins.list(RULE, first))
        members = {
            id
            for novelty in self._catalogue.novelties.list([NoveltyState.COLLECTING])
            for id, _ in self._catalogue.novelties.members(novelty.id)
            if id >= first
        }
        lacking = {
            id: known.robot
            for id, known in self._catalogue.observations.known(pinned | members).items()
            if known.image is None
        }
        # Under a ticket nothing is labelled.
        barred = self._catalogue.observations.quarantined(lacking.keys() - pinned)
        wanted = defaultdict[str, list[str]](list)
        for id in sorted(lacking.keys() - barred, reverse=True):
            if len(wanted[lacking[id]]) < _MOST:
                wanted[lacking[id]].append(id)
        return wanted
