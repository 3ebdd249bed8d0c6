"""Trials of detectors on known instances alone: what would each have found of a new kind?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from januscl.watch.seen import Detector, Seen, Vectors

_LEAST_OF_A_KIND = 8
_LEAST_KNOWN = 20
_FAR = 1.5

Half = tuple[Seen, Seen, Seen]
"""What is learned from, what plays the novelty, and what is held out."""


@dataclass(frozen=True, eq=False)
class Trial:
    """How K detectors gauge what none of them knows, and what they know but did not see.

    Attributes:
        name: What played the novelty.
        made_up: Whether that was no real instance.
        strange: ``(P, K)`` standardised strangeness of it.
        known: ``(N, K)`` the same of held-out known instances.
    """

    name: str
    made_up: bool
    strange: Vectors
    known: Vectors

    def aurocs(self) -> Vectors:
        """Return the area under the ROC curve of each detector, ``(K,)``."""
        pairs = zip(self.strange.T, self.known.T, strict=True)
        return np.asarray([auroc(strange, known) for strange, known in pairs])


def run_trials(detectors: Sequence[Detector], known: Seen, seed: int = 0) -> list[Trial]:
    """Let each known kind play the novelty in turn, then what is made up from known instances.

    One half of the observations is learned from, without the kind that plays, and the other is
    gauged; then the other way round. A kind that the model has named fewer than eight times does
    not play. What is made up: instances that have half of their directions from an instance of
    another kind (``swapped``), and instances half as far again from the middle (``far``).

    Args:
        detectors: K of them.
        known: Instances of known kinds; no novelty is ever needed.
        seed: Of what is made up.
    """
    rng = np.random.default_rng(seed)
    kinds, counts = np.unique(known.labels, return_counts=True)
    halves: dict[str, list[Half]] = {}
    for first in (known.groups % 2 == 0, known.groups % 2 == 1):
        for kind in kinds[counts >= _LEAST_OF_A_KIND].tolist():
            plays = known.labels == kind
            parts = known.only(first & ~plays), known.only(~first & plays)
            halves.setdefault(f"kind {kind}", []).append((*parts, known.only(~first & ~plays)))
        learned, rest = known.only(first), known.only(~first)
        halves.setdefault("swapped", []).append((learned, _swapped(rest, rng), rest))
        halves.setdefault("far", []).append((learned, _far(learned, rest), rest))
    trials = (_trial(name, detectors, parts) for name, parts in halves.items())
    return [trial for trial in trials if trial is not None]


def standard_of(healthy: Vectors) -> tuple[Vectors, Vectors]:
    """Return middle and scale ``(K,)`` of healthy strangeness ``(N, K)``: median and upper tail."""
    middle = np.median(healthy, axis=0)
    return middle, np.maximum(np.quantile(healthy, 0.9, axis=0) - middle, 1e-9)


def auroc(strange: Vectors, known: Vectors) -> float:
    """Return the chance that a strange instance ranks above a known one; ties count half."""
    both = np.concatenate((strange, known))
    _, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = ranks[: strange.size].sum() - strange.size * (strange.size + 1) / 2
    return float(above / (strange.size * known.size))


def _trial(name: str, detectors: Sequence[Detector], halves: Sequence[Half]) -> Trial | None:
    found: list[tuple[Vectors, Vectors]] = []
    for learned, plays, rest in halves:
        if len(learned) < _LEAST_KNOWN or not len(plays) or not len(rest):
            continue
        gauges = [detector.learn(learned) for detector in detectors]
        strange, known = (
            np.column_stack([gauge(seen) for gauge in gauges]) for seen in (plays, rest)
        )
        middle, scale = standard_of(known)
        found.append(((strange - middle) / scale, (known - middle) / scale))
    if not found:
        return None
    strange, known = (np.concatenate(each) for each in zip(*found, strict=True))
    return Trial(name, not name.startswith("kind "), strange, known)


def _swapped(rest: Seen, rng: np.random.Generator) -> Seen:
    """Return instances that have half of their directions from one of another kind."""
    partner = rng.permutation(len(rest))
    other = rest.labels != rest.labels[partner]
    half = np.asarray(rng.random(rest.embeddings.shape[1]) < 0.5)
    mixed = np.where(half, rest.embeddings, rest.embeddings[partner])
    return replace(rest, embeddings=mixed).only(other)


def _far(learned: Seen, rest: Seen) -> Seen:
    """Return instances that lie half as far again from the middle of what was learned."""
    middle = learned.embeddings.mean(axis=0)
    return replace(rest, embeddings=middle + _FAR * (rest.embeddings - middle))
