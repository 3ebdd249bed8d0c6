"""Which frames a campaign takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from januscl.core import InvalidInput

_DUPLICATE = 0.15


@dataclass(frozen=True, eq=False)
class Candidate:
    """A frame that a campaign may take.

    Attributes:
        observation: Its id.
        camera: What took it.
        at: When.
        embedding: ``(D,)`` of the frame, or of its strangest instance.
        novelty: How strange it is; higher is stranger.
    """

    observation: str
    camera: str
    at: datetime
    embedding: NDArray[np.floating]
    novelty: float


def choose_frames(
    candidates: Sequence[Candidate], quota: int, seed: int, random_share: float = 0.2
) -> list[str]:
    """Return the ids of the frames to take, in the order in which they are wanted.

    The strangest frame first; then a farthest-point walk in the embedding, in which strange
    frames count as farther (k-centre; Sener and Savarese, Active learning for convolutional
    neural networks: a core-set approach, ICLR 2018); last a random share, which keeps
    calibration honest. Of frames that one camera took in a row of the same pile, only the first
    can be chosen: those nearer than 0.15 of the median distance.

    Args:
        candidates: In any order.
        quota: Frames at most.
        seed: Of the random share.
        random_share: Of the quota, 0..1.

    Raises:
        InvalidInput: The quota is negative or the share outside 0..1.
    """
    if quota < 0 or not 0 <= random_share <= 1:
        raise InvalidInput(
            "campaign", "quota >= 0 and share in 0..1", f"{quota}, {random_share}", "Correct it."
        )
    ordered = sorted(candidates, key=lambda c: (c.at, c.observation))
    if not ordered or quota == 0:
        return []
    places = np.stack([c.embedding for c in ordered]).astype(np.float64)
    places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12)
    fresh = _fresh(ordered, places)
    ordered, places = [ordered[i] for i in fresh], places[fresh]
    quota = min(quota, len(ordered))
    by_chance = min(round(quota * random_share), quota - 1)
    chosen = _walk(places, np.asarray([c.novelty for c in ordered]), quota - by_chance)
    rest = sorted(set(range(len(ordered))) - set(chosen))
    drawn = np.random.default_rng(seed).permutation(len(rest))[:by_chance]
    return [ordered[i].observation for i in [*chosen, *(rest[int(d)] for d in drawn)]]


def _fresh(ordered: Sequence[Candidate], places: NDArray[np.float64]) -> list[int]:
    sample = places[np.linspace(0, len(places) - 1, min(200, len(places))).astype(np.int64)]
    apart = np.linalg.norm(sample[:, None] - sample[None], axis=2)
    limit = _DUPLICATE * float(
        np.median(apart[np.triu_indices(len(sample), 1)] if len(sample) > 1 else 0)
    )
    last: dict[str, int] = {}
    kept = []
    for i, candidate in enumerate(ordered):
        before = last.get(candidate.camera)
        if before is None or np.linalg.norm(places[i] - places[before]) > limit:
            kept.append(i)
            last[candidate.camera] = i
    return kept


def _walk(places: NDArray[np.float64], novelty: NDArray[np.float64], count: int) -> list[int]:
    rank = novelty.argsort(kind="stable").argsort(kind="stable")
    weight = 0.5 + (rank + 1) / len(novelty)
    chosen = [int(novelty.argmax())]
    nearest = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < count:
        wanted = nearest * weight
        wanted[chosen] = -1
        chosen.append(int(wanted.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return chosen
