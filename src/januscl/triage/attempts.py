"""The latest attempts of the fleet, and how many of them were on one novelty."""

from collections import deque
from collections.abc import Collection
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
    at: float


class AttemptLog:
    """Remembers the latest 20,000 attempts, on any package, novel or ordinary."""

    def __init__(self) -> None:
        self._attempts: deque[_Attempt] = deque(maxlen=_LATEST)

    def tell(self, observation: str, instance: int | None, failed: bool, at: datetime) -> None:
        """Take the outcome of an attempt; see `NoveltyDesk.tell`."""
        self._attempts.append(_Attempt(observation, instance, failed, utc(at).timestamp()))

    def divided(self, keys: Collection[Key], since: datetime) -> tuple[Attempts, Attempts, Recent]:
        """Return the attempts on some instances, all others, and how often they are met at present.

        At present means that an attempt counts half after a day and a half before the latest one,
        and a quarter after three.

        Args:
            keys: The instances. An attempt on none counts for them where one is in the frame.
            since: Attempts from before are passed over.
        """
        frames = {observation for observation, _ in keys}
        counts, sums = {True: [0, 0], False: [0, 0]}, {True: 0.0, False: 0.0}
        begin, latest = since.timestamp(), max((a.at for a in self._attempts), default=0.0)
        for attempt in self._attempts:
            if attempt.at < begin:
                continue
            if attempt.instance is None:
                mine = attempt.observation in frames
            else:
                mine = (attempt.observation, attempt.instance) in keys
            counts[mine][0] += 1
            counts[mine][1] += attempt.failed
            sums[mine] += 0.5 ** ((latest - attempt.at) / _HALF_LIFE)
        recent = Recent(sums[True], sums[False])
        return Attempts(*counts[True]), Attempts(*counts[False]), recent
