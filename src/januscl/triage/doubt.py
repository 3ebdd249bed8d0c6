"""How much a frame leaves its model in doubt, and the frames of which it is most in doubt."""

from collections.abc import Iterator, Set

import numpy as np
from numpy.typing import NDArray

from januscl.core import UNEXPLAINED, Instances, InvalidInput
from januscl.triage.sampling import Candidate, choose_frames

_SLACK = 2
"""Frames kept for each that is wanted: some of them turn out to be copies, or quarantined."""


def doubts_of(instances: Instances) -> NDArray[np.float64]:
    """Return the doubt of each instance ``(N,)`` in 0..1.

    The margin between yes and no, ``1 - |2 s - 1|`` for a detection scored s; 1 for a region that
    the model did not explain.
    """
    margins = 1 - np.abs(2 * instances.scores.astype(np.float64) - 1)
    return np.where(instances.labels == UNEXPLAINED, 1.0, margins)


def doubt_of(instances: Instances) -> float:
    """Return the doubt of a frame: the sum over its instances, 0 or more.

    It is about the number of instances that could as well be nothing, so that one label settles
    many doubts (the margin summed over a picture, which beat its mean and its largest: Brust,
    Käding and Denzler, Active learning for deep object detection, VISAPP 2019).
    """
    return float(doubts_of(instances).sum())


def place_of(instances: Instances) -> NDArray[np.float32] | None:
    """Return where a frame lies among frames ``(D,)``; None where the model gives no embedding.

    The frame's own embedding, or the mean of its instances'.
    """
    if instances.frame_embedding is not None:
        return instances.frame_embedding
    if instances.embeddings is None or not len(instances):
        return None
    mean: NDArray[np.float32] = instances.embeddings.mean(axis=0)
    return mean


class DoubtDesk:
    """Keeps the frames that are worth a label, of all that pass while nothing is novel.

    Those of which the model is most in doubt teach; others, drawn by chance, judge. What was
    chosen for the champion's doubt cannot judge it: it would flatter every challenger (Farquhar,
    Gal and Rainforth, On statistical bias in active learning, ICLR 2021). Few frames are kept of
    many that pass in any order: about ``k (1 + ln(N / k))`` of N where there is room for k, twice
    those that are wanted.

    Args:
        teaching: Frames wanted to learn from.
        judging: Frames wanted to judge by.
        seed: Of the chance sample.
    """

    def __init__(self, teaching: int, judging: int, seed: int) -> None:
        if teaching < 1 or judging < 1:
            raise InvalidInput(
                "routine campaign",
                "1 or more frames to learn from and to judge by",
                f"{teaching} and {judging}",
                "Ask for more labels a campaign.",
            )
        self._wanted, self._seed = (teaching, judging), seed
        self._doubtful, self._drawn = (_Top(_SLACK * wanted) for wanted in self._wanted)
        self._rng = np.random.default_rng(seed)
        self.seen = 0

    def see(self, candidate: Candidate, judges: bool) -> bool:
        """Take a frame that passed and say whether it is kept, for now.

        Args:
            candidate: Its `novelty` is its doubt.
            judges: Whether its pile is one of those that judge, and no frame of it may teach.
        """
        self.seen += 1
        if judges:
            return self._drawn.add(float(self._rng.random()), candidate)
        return self._doubtful.add(candidate.novelty, candidate)

    def kept(self) -> set[str]:
        """Return the ids of the frames that are kept."""
        return {candidate.observation for top in (self._doubtful, self._drawn) for candidate in top}

    def choose(self, barred: Set[str]) -> tuple[list[str], list[str]]:
        """Return the ids of the frames that teach, and of those that judge.

        The most doubtful teach, as unlike each other as possible and without copies: first by
        doubt, then by diversity (Yang et al., Suggestive annotation, MICCAI 2017); see
        `choose_frames`.

        Args:
            barred: Ids of frames that may not be taken.
        """
        teaching, judging = self._wanted
        doubtful, drawn = (
            [candidate for candidate in top if candidate.observation not in barred]
            for top in (self._doubtful, self._drawn)
        )
        return (
            choose_frames(doubtful, teaching, self._seed, random_share=0.0),
            [candidate.observation for candidate in drawn[:judging]],
        )


class _Top:
    """The candidates of the highest values, best first."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held: list[tuple[float, Candidate]] = []

    def __iter__(self) -> Iterator[Candidate]:
        return (candidate for _, candidate in self._held)

    def add(self, value: float, candidate: Candidate) -> bool:
        if len(self._held) == self._room and value <= self._held[-1][0]:
            return False
        self._held.append((value, candidate))
        self._held.sort(key=lambda pair: -pair[0])
        del self._held[self._room :]
        return True
