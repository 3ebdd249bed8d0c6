"""What was right: frame by frame, and episode by episode, with intervals."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from events.episodes import BEFORE, CELLS, Episode
from events.watched import Judged, Told
from januscl.core import EventKind

WITHIN = 20
"""Frames within which a fault has to have its ticket."""
VERDICTS = (*(kind.value for kind in EventKind), "")


@dataclass(frozen=True)
class Case:
    """An episode and what was made of it."""

    episode: Episode
    told: Told


def truth_of(frame: Judged) -> str:
    """Return what a frame really is, as the rows of the table name it."""
    if frame.wrong:
        return "fault and novelty" if frame.novel else "fault"
    if frame.faulty:
        return "good picture of a camera that sticks"
    return "novelty" if frame.novel else "ordinary"


RIGHT = {"fault": {"fault"}, "fault and novelty": {"fault"}, "novelty": {"novelty"}}
"""The kinds of event that are right; what is ordinary or good between stuck ones has none."""


def events_table(cases: Iterable[Case]) -> dict[str, Counter[str]]:
    """Return how often each truth was given each verdict; ``withdrawn`` counts what a ticket took.

    A novelty or ambiguous event on a frame that a ticket covers in the end is withdrawn: its frame
    teaches nothing, and who opens the event reads of the ticket.
    """
    table: dict[str, Counter[str]] = {}
    for case in cases:
        for frame in case.told.frames:
            row = table.setdefault(truth_of(frame), Counter())
            row[frame.kind] += 1
            row["withdrawn"] += bool(frame.kind) and frame.kind != "fault" and not frame.free
            row["right cause"] += frame.kind == "fault" and frame.cause == case.episode.fault
    return table


def shares(case: Case) -> tuple[int, int, int, int]:
    """Return events with a truth to be told, those that are right, ambiguous, and late but mended.

    Mended are fault frames whose event was not called a fault, but that a ticket covers by now.
    """
    told, right, ambiguous, mended = 0, 0, 0, 0
    for frame in case.told.frames:
        truth = truth_of(frame)
        if frame.kind and truth in RIGHT:
            told += 1
            right += frame.kind in RIGHT[truth]
            ambiguous += frame.kind == EventKind.AMBIGUOUS
            mended += "fault" in truth and frame.kind != "fault" and not frame.free
    return told, right, ambiguous, mended


def verdict(case: Case) -> str:
    """Return what an episode was taken for: right, or in a word what was wrong."""
    episode, told = case.episode, case.told
    camera = f"camera-{episode.cell}"
    alarms = [t for t in told.tickets if t[0] != camera or t[1] != episode.fault]
    found = [t for t in told.tickets if t[:2] == (camera, episode.fault)]
    in_time = any(t[2] < BEFORE + WITHIN for t in found)
    of_novel = [many for many, real in told.novelties if 2 * real > many]
    of_nothing = len(told.novelties) - len(of_novel)
    if episode.fault and not in_time:
        return "no ticket" if not alarms else "wrong cause"
    if alarms:
        return "a ticket without its fault"
    if of_nothing:
        return "a novelty of nothing new"
    if episode.kind and not of_novel:
        return "no novelty"
    return "right"


def bootstrap(
    cases: Sequence[Case], rate: Callable[[Sequence[Case]], float], seed: int = 0
) -> tuple[float, float]:
    """Return the 95% interval of a rate over episodes drawn again with replacement."""
    rng = np.random.default_rng(seed)
    drawn = [
        rate([cases[int(i)] for i in rng.integers(len(cases), size=len(cases))]) for _ in range(500)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def fleet_size(episode: Episode) -> int:
    """Return how many cameras an episode is about: a novelty arrives on all of them."""
    return CELLS if episode.kind else 1
