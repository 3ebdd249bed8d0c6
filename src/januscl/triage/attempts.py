"""The latest attempts of the fleet, and how many of them were on one novelty."""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from januscl.core import utc
from januscl.triage.cost import Attempts, Recent
from januscl.triage.sightings import Key

_LATEST = 20_000
_HALF_LIFE = 1.5 * 86_400
"""Seconds after which an attempt tells half as much of how often a novelty comes at present."""


@dataclass(frozen=True)
class _Attempt:
    observation: str
    instance: int | None
    failed: bool
    at: datetime


class AttemptLog:
    """Remembers the latest 20,000 attempts, on any package, novel or ordinary."""

    def __init__(self) -> None:
        self._attempts: deque[_Attempt] = deque(maxlen=_LATEST)

    def tell(self, observation: str, instance: int | None, failed: bool, at: datetime) -> None:
        """Take the outcome of an attempt; see `NoveltyDesk.tell`."""
        self._attempts.append(_Attempt(observation, instance, failed, utc(at)))

    def divided(self, keys: Collection[Key], since: datetime) -> tuple[Attempts, Attempts]:
        """Return the attempts on some instances, and all others, since a time.

        Args:
            keys: The instances. An attempt on none counts for them where one is in the frame.
            since: Attempts from before are passed over.
        """
        counts = {True: [0, 0], False: [0, 0]}
        for mine, attempt in self._of(keys, since):
            counts[mine][0] += 1
            counts[mine][1] += attempt.failed
        return Attempts(*counts[True]), Attempts(*counts[False])

    def recent(self, keys: Collection[Key], since: datetime) -> Recent:
        """Return how often some instances are met at present; see `divided`.

        An attempt counts half after a day and a half before the latest one, a quarter after three.
        """
        sums = {True: 0.0, False: 0.0}
        latest = max((attempt.at for attempt in self._attempts), default=since)
        for mine, attempt in self._of(keys, since):
            sums[mine] += 0.5 ** ((latest - attempt.at).total_seconds() / _HALF_LIFE)
        return Recent(sums[True], sums[False])

    def _of(self, keys: Collection[Key], since: datetime) -> Iterator[tuple[bool, _Attempt]]:
        """Yield all attempts since a time, each with whether it was on one of the instances."""
        frames = {observation for observation, _ in keys}
        for attempt in self._attempts:
            if attempt.at < since:
                continue
            if attempt.instance is None:
                yield attempt.observation in frames, attempt
            else:
                yield (attempt.observation, attempt.instance) in keys, attempt
