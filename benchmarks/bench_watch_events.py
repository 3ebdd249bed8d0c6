"""Fault or novelty: nine faults at three severities, eight novelties, and both at once.

Simulated robots work at simulated piles. In an episode one camera gets a fault for 20 frames, or a
novelty arrives on three cameras, or one of the three has a fault while black bags arrive on all.
Every frame goes through the line's `Observer` and `NoveltyLedger` with what the shipped model saw
in it and what came of the pick; each camera was learned from 30 ordinary frames before.

* Frame by frame: of the events on frames with a fault or a novelty, how many are of the right
  kind, and how many ambiguous. At once, and once its ticket is open: a ticket that turns out to
  have begun earlier takes back what was made of its frames. A frame without an event is silent. A
  camera that sticks takes good pictures too; what is made of those is shown and not judged.
* Episode by episode: right is a ticket with the right cause within 20 frames and no other, and a
  novelty whose members are mostly new where there is one, and none where there is none.
* Decks: fault frames that no ticket covers in the end, and those of them that a campaign could
  ask for, being members of a novelty.

Half of the novelties are the simulator's late kinds, half were made up last (`events.made_up`).

Run: ``python benchmarks/bench_watch_events.py [--quick] [--folder F --limit 80]``. What was made in
``--folder`` is not made again; exits with 75 while something is left after ``--limit`` seconds.
``--again`` judges anew what was kept. 95% intervals: bootstrap over episodes.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from events.clips import START, keep, kept, made
from events.episodes import EVERYWHERE, Episode, episodes
from events.made_up import bring_in
from events.score import Case, bootstrap, events_table, fleet_size, shares, verdict
from events.watched import MODEL, Judged, Told, watch
from januscl.core import Frame, Observation
from januscl.sim import BASE_MIX, make_labelled
from januscl.train import CompactModel, factory_model

SEEDS = (3, 4, 5)  # what triage goes by was settled on 1 and 2
LABELLED = 100  # pictures that the model is learned from, as a line's slice of known kinds


class OutOfTimeError(Exception):
    """The time of this call is up; the next one goes on from here."""


class Bench:
    """Clips and verdicts in a folder, each made once.

    Args:
        folder: Where they are kept.
        ends: When this call ends, as `time.monotonic` counts.
    """

    def __init__(self, folder: Path, ends: float) -> None:
        self._clips, self._told, self._ends = folder / "clips", folder / "told", ends
        for path in (self._clips, self._told):
            path.mkdir(parents=True, exist_ok=True)

    def forget(self) -> None:
        """Judge everything anew."""
        for path in self._told.glob("*.json"):
            path.unlink()

    def make(self, seed: int) -> None:
        """Make the clips of a seed that are not there yet."""
        for episode in episodes(seed):
            path = self._path(episode)
            if not path.exists():
                self._check_time()
                keep(path, list(made(episode, model())))

    def case(self, episode: Episode) -> Case:
        """Return what is made of an episode."""
        path = self._told / f"{episode.name}.json"
        if not path.exists():
            self._check_time()
            cells = range(fleet_size(episode))
            others = [Episode(episode.seed, c, kind=episode.kind) for c in cells if c]
            references = [Episode(episode.seed, c, reference=True) for c in cells]
            told = watch(
                [kept(self._path(one), one) for one in references],
                [kept(self._path(one), one) for one in (episode, *others)],
                known(episode.seed),
                lambda _, image, regions: model().describe(image, regions),
                episode.seed,
            )
            path.write_text(json.dumps(asdict(told)))
        value = json.loads(path.read_text())
        frames = tuple(Judged(**frame) for frame in value["frames"])
        tickets = tuple(tuple(ticket) for ticket in value["tickets"])
        return Case(episode, Told(frames, tickets, tuple(tuple(n) for n in value["novelties"])))

    def _path(self, episode: Episode) -> Path:
        return self._clips / f"{episode.name}.npz"

    def _check_time(self) -> None:
        if time.monotonic() > self._ends:
            raise OutOfTimeError


@cache
def model() -> CompactModel:
    return factory_model()


@cache
def known(seed: int) -> list[Observation]:
    """Return what the model sees of known kinds, in cells that are not those of the episodes."""
    frames = list(make_labelled(LABELLED, 2000 + seed, BASE_MIX))
    at = START - timedelta(days=1)
    seen = [s for k in range(0, LABELLED, 10)
            for s in model().predict([f.image for f in frames[k : k + 10]])]  # fmt: skip
    return [
        Observation(frame.id, Frame(frame.image, "slice", "slice", at), instances, MODEL)
        for frame, instances in zip(frames, seen, strict=True)
    ]


def judged(episode: Episode) -> bool:
    """Say whether an episode is judged, and not only a part of one."""
    return not episode.reference and not episode.cell


def show_events(cases: Sequence[Case]) -> None:
    print("\nframes, by the event that was made of them")
    print(f"{'':38}{'fault':>8}{'novelty':>9}{'ambiguous':>11}{'silent':>8}{'withdrawn':>11}"
          f"{'right cause':>13}")  # fmt: skip
    for truth, row in sorted(events_table(cases).items()):
        print(f"{truth:38}{row['fault']:8}{row['novelty']:9}{row['ambiguous']:11}{row['']:8}"
              f"{row['withdrawn']:11}{row['right cause']:13}")  # fmt: skip


def show_rates(cases: Sequence[Case]) -> None:
    def rate(which: Callable[[tuple[int, int, int, int]], int]) -> Callable[..., float]:
        def of(some: Sequence[Case]) -> float:
            found = [shares(case) for case in some]
            return 100 * sum(map(which, found)) / max(1, sum(told for told, *_ in found))

        return of

    print(
        f"\nof {sum(shares(case)[0] for case in cases)} events on frames with a fault or a novelty"
    )
    for name, of in (
        ("right at once (bar 99)", rate(lambda s: s[1])),
        ("right once its ticket is open (bar 99)", rate(lambda s: s[1] + s[3])),
        ("ambiguous (bar: at most 3)", rate(lambda s: s[2])),
    ):
        low, high = bootstrap(cases, of)
        print(f"{name:42}{of(cases):6.2f}%  ({low:.2f} to {high:.2f})")


def show_episodes(cases: Sequence[Case]) -> None:
    print("\nepisodes")
    groups: dict[str, Counter[str]] = {}
    for case in cases:
        one = case.episode
        both = f"{one.fault} while {EVERYWHERE}s arrive"
        name = both if one.fault and one.kind else one.fault or one.kind or "ordinary"
        groups.setdefault(name, Counter())[verdict(case)] += 1
    for name, row in sorted(groups.items()):
        wrong = ", ".join(f"{n} {what}" for what, n in row.items() if what != "right")
        print(f"{name:44}{row['right']:4} of {row.total():3} right  {wrong}")

    def right(some: Sequence[Case]) -> float:
        return 100 * sum(verdict(case) == "right" for case in some) / len(some)

    low, high = bootstrap(cases, right)
    print(f"{'all':44}{right(cases):6.1f}%  ({low:.1f} to {high:.1f})")


def show_decks(cases: Sequence[Case]) -> None:
    frames = [(case.episode, frame) for case in cases for frame in case.told.frames if frame.wrong]
    free = Counter(one.fault for one, frame in frames if frame.free)
    drawn = Counter(one.fault for one, frame in frames if frame.drawn)
    print(f"\nof {len(frames)} fault frames, no ticket covers {free.total()} {dict(free)}")
    print(f"a campaign could ask for {drawn.total()} of them {dict(drawn)} (bar 0)")


def show(cases: Sequence[Case]) -> None:
    show_events(cases)
    show_rates(cases)
    show_episodes(cases)
    show_decks(cases)


def run(bench: Bench, seeds: Sequence[int]) -> Iterator[Case]:
    for seed in seeds:
        bench.make(seed)
        yield from (bench.case(one) for one in episodes(seed) if judged(one))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds of this call")
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--again", action="store_true", help="judge what was kept anew")
    given = parser.parse_args()
    torch.set_num_threads(1)
    bring_in()
    with TemporaryDirectory() as made_here:
        bench = Bench(given.folder or Path(made_here), time.monotonic() + given.limit)
        if given.again:
            bench.forget()
        cases: list[Case] = []
        try:
            cases.extend(run(bench, given.seeds[:1] if given.quick else given.seeds))
        except OutOfTimeError:
            print(f"{len(cases)} episodes so far; run it again", flush=True)
            sys.exit(75)
    show(cases)


if __name__ == "__main__":
    main()
