"""Ten days with eight novelties that arrive, recur and fade: what the desk makes of them.

The views of ``bench_triage_bank.py`` are dealt out to ten days, differently for each seed: which
novelty arrives, stays, recurs, fades or rises, and when each picture is taken. At the end of the
fifth day the updated model takes over, and the desk's members are embedded anew as the line does
it: the latest 40 of each novelty, where the new model sees them again. What the novelty watcher
finds strange, known packages among it, goes to the `NoveltyDesk` frame by frame.

The peer is scikit-learn's HDBSCAN on all sightings of the ten days at once, embedded by the updated
model: as given, with each direction scaled by its spread, and in the desk's own space. What that
model does not see again is noise. Normalised mutual information (NMI) is taken over the same
sightings for all, against the kind that holds half of the mask or more; known packages are one
kind, and noise is one cluster. A ranked novelty with `LEAST` members or more switches its identity
when most of its members at the end of a day are of another kind than at the end of the day before;
a kind moves when another novelty has most of it. Times are of the processor.

Run: ``python benchmarks/bench_triage_clusters.py --folder out/triage``, after the bank is complete.
"""

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t
from sklearn.cluster import HDBSCAN
from sklearn.metrics import normalized_mutual_info_score

from bench_triage_bank import MODELS, NONE, ORDINARY, View, view_of
from bench_watch_novelty import NOVELTIES
from januscl.core import new_id
from januscl.triage import NoveltyDesk, Sighting
from januscl.triage.clusters import Space

START, DAYS, UPDATE = datetime(2026, 1, 1, tzinfo=UTC), 10, 5
STRANGE, LOOKED_AGAIN, LEAST = 0.02, 40, 12
FRESH_A_DAY, ROBOTS = 24, 4
COURSES = {
    "stays": (10,) * 10,
    "arrives on day 3": (0, 0, *(12,) * 8),
    "arrives on day 6": (*(0,) * 5, *(20,) * 5),
    "recurs after 4 days": (15, 15, 15, 0, 0, 0, 0, 15, 15, 15),
    "every second day": (0, 18) * 5,
    "fades": (35, 25, 18, 12, 8, 5, 3, 2, 1, 1),
    "fades from day 4 on": (0, 0, 0, 35, 25, 18, 12, 8, 5, 3),
    "rises": (0, 0, 1, 2, 4, 8, 13, 20, 28, 30),
}
"""Frames of a novelty on each day."""


@dataclass(frozen=True, eq=False)
class Taken:
    """One frame of the script.

    Attributes:
        id: Of the observation.
        group, number: Of the picture in the bank.
        robot, at, day: Where and when.
    """

    id: str
    group: str
    number: int
    robot: str
    at: datetime
    day: int


class Bank:
    """The views of both models, by group and picture."""

    def __init__(self, folder: Path) -> None:
        groups = ("fresh", *NOVELTIES)
        self.views = {(g, m): view_of(folder, g, m) for g in groups for m in MODELS}
        self.known = {m: np.load(folder / f"known-{m}.npz")["embeddings"] for m in MODELS}
        self._rows: dict[tuple[str, str], dict[int, list[int]]] = {}
        for key, view in self.views.items():
            rows = self._rows[key] = defaultdict(list)
            for place, frame in enumerate(view.frame):
                rows[int(frame)].append(place)

    def seen(self, frame: Taken, model: str) -> tuple[View, list[int]]:
        """Return a view and its places that belong to a frame."""
        key = frame.group, model
        return self.views[key], self._rows[key][frame.number]


def script(seed: int) -> list[Taken]:
    """Return the frames of ten days in order."""
    rng = np.random.default_rng(seed)
    names = [NOVELTIES[k] for k in rng.permutation(len(NOVELTIES))]
    courses = {**dict(zip(names, COURSES.values(), strict=True)), "fresh": (FRESH_A_DAY,) * DAYS}
    # Each picture is taken once, and which of them come when is up to chance.
    order = {group: iter(rng.permutation(sum(course))) for group, course in courses.items()}
    taken = []
    for day in range(DAYS):
        today = [g for g, course in courses.items() for _ in range(course[day])]
        for turn, place in enumerate(rng.permutation(len(today))):
            group = today[int(place)]
            at = START + timedelta(days=day, seconds=60 * turn)
            id = new_id(at, len(taken).to_bytes(10, "big"))
            robot = f"robot-{rng.integers(ROBOTS)}"
            taken.append(Taken(id, group, int(next(order[group])), robot, at, day))
    return taken


@dataclass(eq=False)
class Course:
    """What came of a script.

    Attributes:
        keys: Observation and row of each sighting, in order.
        days: Of each.
        kinds: True kind of each.
        embeddings: Of each by the updated model; None where it does not see it again.
        novelty: Sighting to the novelty that has it.
        seconds: That the desk took on each day.
    """

    keys: list[tuple[str, int]] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    embeddings: list[NDArray[np.float32] | None] = field(default_factory=list)
    novelty: dict[tuple[str, int], str] = field(default_factory=dict)
    seconds: NDArray[np.float64] = field(default_factory=lambda: np.zeros(DAYS))

    def labels(self) -> list[int]:
        """Return the number of each sighting's novelty; -1 for none."""
        numbers = {id: k for k, id in enumerate(sorted(set(self.novelty.values())))}
        return [numbers[self.novelty[k]] if k in self.novelty else -1 for k in self.keys]


def played(bank: Bank, seed: int) -> Course:
    """Play a script to a desk."""
    course, frames = Course(), script(seed)
    where = {frame.id: frame for frame in frames}
    handover = next(frame.id for frame in frames if frame.day == UPDATE)
    desk = NoveltyDesk(bank.known[MODELS[0]], 10_000, LEAST)
    for frame in frames:
        model = MODELS[frame.day >= UPDATE]
        sightings = list(strange(bank, frame, model))
        began = time.process_time()
        if frame.id == handover:
            rebase(desk, bank, where)
        desk.see([s for s, _, _ in sightings])
        for id, keys in desk.joined().items():
            course.novelty |= dict.fromkeys(keys, id)
        course.seconds[frame.day] += time.process_time() - began
        for sighting, kind, late in sightings:
            course.keys.append(sighting.key)
            course.days.append(frame.day)
            course.kinds.append(kind)
            course.embeddings.append(late)
    return course


def strange(
    bank: Bank, frame: Taken, model: str
) -> Iterator[tuple[Sighting, int, NDArray[np.float32] | None]]:
    """Yield what the watcher finds strange: sighting, true kind, embedding by the updated model."""
    view, places = bank.seen(frame, model)
    for place in places:
        if view.p_value[place] <= STRANGE:
            row, embedding = int(view.row[place]), view.embedding[place]
            late = embedding if model == MODELS[1] else again(bank, frame, row)
            sighting = Sighting(frame.id, row, frame.robot, frame.at, embedding)
            yield sighting, int(view.kind[place]), late


def again(bank: Bank, frame: Taken, row: int) -> NDArray[np.float32] | None:
    """Return what the updated model gives the shipped one's instance; None if it sees it not."""
    view, places = bank.seen(frame, MODELS[0])
    (place,) = [p for p in places if view.row[p] == row]
    other = int(view.again[place])
    if other < 0:
        return None
    late, places = bank.seen(frame, MODELS[1])
    return late.embedding[next(p for p in places if late.row[p] == other)]


def rebase(desk: NoveltyDesk, bank: Bank, where: dict[str, Taken]) -> None:
    """Let the updated model look again at the latest members, as the line does."""
    looked = {
        s.observation for n in desk.rank() for s in desk.members(n.id)[-LOOKED_AGAIN:]
    }  # fmt: skip

    def embed(keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], NDArray[np.float32]]:
        found = {k: again(bank, where[k[0]], k[1]) for k in keys if k[0] in looked}
        return {key: late for key, late in found.items() if late is not None}

    desk.rebase(bank.known[MODELS[1]], embed)


def peers(
    course: Course, known: NDArray[np.float32]
) -> dict[str, tuple[NDArray[np.int64], float, float]]:
    """Run HDBSCAN at the end of each day on all so far.

    Args:
        course: What came of a script.
        known: ``(M, D)``, what known kinds look like to the updated model.

    Returns:
        By its variant: labels of all days, the seconds that these took, and those of all days.
    """
    there = np.asarray([e is not None for e in course.embeddings])
    given = np.stack([e for e in course.embeddings if e is not None]).astype(np.float64)
    days = np.asarray(course.days)[there]
    scaled = (given - given.mean(axis=0)) / np.maximum(given.std(axis=0), 1e-9)
    found = {}
    desks = Space(known).place(given).astype(np.float64)
    for name, table in (("as given", given), ("scaled", scaled), ("in its space", desks)):
        for least in (LEAST, 5):
            taken = []
            for day in range(DAYS):
                began = time.process_time()
                labels = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(table[days <= day])
                taken.append(time.process_time() - began)
            every = np.full(len(there), -1)
            every[there] = labels
            found[f"HDBSCAN {name}, {least}"] = every, taken[-1], float(np.sum(taken))
    return found


def nmi(course: Course, labels: Sequence[int]) -> tuple[float, float]:
    """Return NMI over all sightings of one kind, and over those of novelties."""
    kinds, labels = np.asarray(course.kinds), np.asarray(labels)
    pure, novel = kinds != NONE, kinds >= 0
    return (
        float(normalized_mutual_info_score(kinds[pure], labels[pure])),
        float(normalized_mutual_info_score(kinds[novel], labels[novel])),
    )


def switches(course: Course) -> tuple[int, int]:
    """Return how often a novelty's main kind changed, and how often a kind's main novelty did."""
    kinds, days = np.asarray(course.kinds), np.asarray(course.days)
    labels = np.asarray(course.labels())
    found = []
    for one, other in ((labels, kinds), (kinds, labels)):
        main: dict[int, int] = {}
        changed = 0
        for day in range(DAYS):
            so_far = (days <= day) & (labels >= 0) & (kinds >= 0)
            for number in np.unique(one[so_far]).tolist():
                counts = Counter(other[so_far & (one == number)].tolist())
                most, votes = counts.most_common(1)[0]
                before = main.get(number, most)
                if counts.total() < LEAST:
                    continue
                changed += votes > counts[before]
                main[number] = most if votes > counts[before] else before
        found.append(changed)
    return found[0], found[1]


def show(seed: int, course: Course, known: NDArray[np.float32]) -> list[float]:
    """Print one script; return NMI, that of the best peer, time against the fastest, switches."""
    mine, kinds = nmi(course, course.labels()), Counter(course.kinds)
    lost, moved = switches(course)
    print(f"\nseed {seed}: {len(course.keys)} sightings, {kinds[ORDINARY]} of known kinds, "
          f"{kinds[NONE]} of none; {len(set(course.novelty.values()))} novelties; {lost} switched, "
          f"{moved} kinds moved")  # fmt: skip
    day = course.seconds.mean()
    print(f"  {'desk':22} NMI {mine[0]:.3f}, of novelties {mine[1]:.3f}; {day:.3f} s a day")
    best, fastest = 0.0, np.inf
    for name, (labels, whole, every) in peers(course, known).items():
        theirs = nmi(course, labels)
        best, fastest = max(best, theirs[0]), min(fastest, whole)
        print(f"  {name:22} NMI {theirs[0]:.3f}, of novelties {theirs[1]:.3f}; {whole:.3f} s at "
              f"once ({day / whole:.2f}), {every:.2f} s day by day "
              f"({course.seconds.sum() / every:.2f})")  # fmt: skip
    return [mine[0], best, day / fastest, lost, moved]


def interval(values: NDArray[np.float64]) -> str:
    """Return the mean and the half width of its 95% interval."""
    if len(values) < 2:
        return f"{values[0]:.3f}"
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.3f} ± {half:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("out/triage"))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    given = parser.parse_args()
    bank = Bank(given.folder)
    rows = np.asarray(
        [show(seed, played(bank, seed), bank.known[MODELS[1]]) for seed in given.seeds]
    )
    print(f"\nNMI {interval(rows[:, 0])}, best peer {interval(rows[:, 1])}; time over the fastest "
          f"peer's {interval(rows[:, 2])}; switched {rows[:, 3].sum():.0f} in {len(rows)} scripts, "
          f"in {(rows[:, 3] == 0).sum()} of them none")  # fmt: skip


if __name__ == "__main__":
    main()
