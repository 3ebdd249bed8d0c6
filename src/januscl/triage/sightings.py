"""The instances that make a novelty, as the desk takes them and as they were kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from januscl.core import Novelty

Key = tuple[str, int]
"""Observation and row, which name one instance."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """One instance that an event is about.

    Attributes:
        observation: Id of its observation.
        instance: Its row there.
        robot: Who saw it.
        at: When.
        embedding: ``(D,)``, of the model that runs now.
        strange: Whether a watcher found it out of the ordinary. What was only collected with the
            strange ones counts as they do, but says nothing of where their novelty lies.
    """

    observation: str
    instance: int
    robot: str
    at: datetime
    embedding: NDArray[np.floating]
    strange: bool = True

    @property
    def key(self) -> Key:
        """Observation and row, which no other sighting has."""
        return self.observation, self.instance


@dataclass(frozen=True)
class Kept:
    """A novelty as it was kept, to go on with.

    Attributes:
        novelty: As it stands.
        since: When its cost began to count: when it was first seen, or came back.
        keys: Observation and row of all its instances.
        members: The latest of them, oldest first, as the model that runs now sees them.
        closed: When it was closed, or last took in another one since; None before it was.
    """

    novelty: Novelty
    since: datetime
    keys: Iterable[Key]
    members: Sequence[Sighting]
    closed: datetime | None = None
