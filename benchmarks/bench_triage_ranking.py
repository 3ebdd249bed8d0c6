"""How well novelties are ranked by the picks they cost: against what a fleet really loses.

Two parts:

* Made-up fleets of twelve robots at three sites, twelve days of work. Fourteen novelties each, with
  a share of the packages, an extra failure rate, robots that meet them (one robot, a site or all),
  a first day, and a trend of up to six times in twelve days. Each attempt goes one by one through
  the desk's log. The truth is what each novelty costs on the last day, in picks: its share on each
  robot x the robot's picks a day x extra failure. Beside the rank by `expected_cost` as the desk
  has it there is the one that pools all attempts since a novelty began.
* The line: the scripts of ``bench_triage_clusters.py``, with attempts on instances of each frame at
  random, told to the desk as the line tells it: what the watcher found strange, or unusual where
  the attempt failed, and what lies within a novelty that collects. Each frame stands for `LOOKS`
  looks. The truth counts the attempts on every instance of the kind that the model saw, weighed by
  age as the desk does, and the rate at which it really fails. A kind's cost at the desk is that of
  its novelties together; Spearman's coefficient is over the kinds of all scripts, those that the
  desk has no novelty of at no cost, and over those that it has.

Run: ``python benchmarks/bench_triage_ranking.py --folder out/triage``; half a minute.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr, t

from bench_triage_bank import View
from bench_triage_clusters import (
    DAYS,
    MODELS,
    START,
    STRANGE,
    UPDATE,
    Bank,
    Taken,
    rebase,
    script,
)
from bench_watch_novelty import NOVELTIES
from januscl.core import NoveltyState
from januscl.triage import Attempts, NoveltyDesk, Sighting, expected_cost
from januscl.triage.attempts import AttemptLog
from januscl.triage.ranking import Trend, course_of, lost_by_day

NUMBER, WORK_DAYS, ROBOTS, SITES, USUAL = 14, 12, 12, 3, 0.05
HALF_LIFE, PICKS, LOOKS = 1.5, 10_000, 5
UNUSUAL = 0.1  # p-value, as in `classify`


@dataclass(frozen=True, eq=False)
class Fleet:
    """What happened in a made-up fleet.

    Attributes:
        began: ``(K,)``, first day of each novelty.
        met: ``(days, K, 2)``, attempts on each and those that failed.
        others: ``(days, 2)``, the same of known packages.
        truth: ``(days, K)``, lost picks a day.
    """

    began: NDArray[np.int64]
    met: NDArray[np.int64]
    others: NDArray[np.int64]
    truth: NDArray[np.float64]


def fleet(seed: int, picks_a_day: int) -> Fleet:
    rng = np.random.default_rng((seed, picks_a_day))
    volume = rng.dirichlet(np.full(ROBOTS, 3.0)) * picks_a_day
    began = rng.integers(0, WORK_DAYS - 1, NUMBER)
    where = np.zeros((NUMBER, ROBOTS))
    for row in where:
        first = int(rng.integers(ROBOTS))
        width = int(rng.choice([1, ROBOTS // SITES, ROBOTS]))
        start = first // width * width
        row[start : start + width] = 1
    share = np.exp(rng.uniform(np.log(0.003), np.log(0.06), NUMBER))
    extra = 0.9 * rng.beta(1.2, 2.5, NUMBER)
    slope = rng.choice([-1, 0, 1], NUMBER) * np.log(rng.uniform(1.5, 6, NUMBER)) / WORK_DAYS
    met = np.zeros((WORK_DAYS, NUMBER, 2), np.int64)
    others = np.zeros((WORK_DAYS, 2), np.int64)
    truth = np.zeros((WORK_DAYS, NUMBER))
    for day in range(WORK_DAYS):
        age = day - (began + WORK_DAYS) / 2
        now = np.minimum(share * np.exp(slope * age), 0.1) * (day >= began)
        now = now[:, None] * where
        truth[day] = (now * volume).sum(axis=1) * extra
        work = rng.poisson(volume)
        rates = np.concatenate([now, 1 - now.sum(axis=0, keepdims=True)])
        drawn = np.stack([rng.multinomial(n, rates[:, r]) for r, n in enumerate(work)]).sum(axis=0)
        failed = rng.binomial(drawn, np.append(USUAL + extra, USUAL))
        met[day] = np.stack([drawn[:-1], failed[:-1]], axis=1)
        others[day] = drawn[-1], failed[-1]
    return Fleet(began, met, others, truth)


def logged(world: Fleet) -> tuple[AttemptLog, list[set[tuple[str, int]]], list[datetime]]:
    """Return a log of all attempts, which of them are on each novelty, and when each began."""
    log, number = AttemptLog(), 0
    keys: list[set[tuple[str, int]]] = [set() for _ in range(NUMBER)]
    for day in range(WORK_DAYS):
        counts = [*world.met[day].tolist(), world.others[day].tolist()]
        total = sum(tried for tried, _ in counts)
        chance = np.random.default_rng(day).permutation(total)
        place = 0
        for novelty, (tried, failed) in enumerate(counts):
            for k in range(tried):
                at = START + timedelta(days=day + float(chance[place]) / total)
                place, number = place + 1, number + 1
                log.tell(f"o-{number}", 0, k < failed, at)
                if novelty < NUMBER:
                    keys[novelty].add((f"o-{number}", 0))
    return log, keys, [START + timedelta(days=int(day)) for day in world.began]


def judged(seed: int, picks_a_day: int) -> dict[str, float]:
    """Return Spearman's coefficients, how often intervals hold the truth, and trends told."""
    world = fleet(seed, picks_a_day)
    log, keys, since = logged(world)
    now, pooled = [], []
    for k in range(NUMBER):
        mine, others, recent = log.divided(keys[k], since[k])
        now.append(expected_cost(mine, others, picks_a_day, k, recent))
        pooled.append(expected_cost(mine, others, picks_a_day, k))
    truth = world.truth[-1]
    every = world.met.sum(axis=1) + world.others
    right, told = 0, 0
    for k in range(NUMBER):
        days = range(int(world.began[k]), WORK_DAYS)
        rest = [every[d] - world.met[d, k] for d in days]
        lost = lost_by_day(
            [Attempts(*world.met[d, k].tolist()) for d in days],
            [Attempts(*day.tolist()) for day in rest], picks_a_day,
        )  # fmt: skip
        trend = course_of(lost).trend
        told += trend is not Trend.STEADY
        rises = truth[k] > world.truth[world.began[k], k] * 1.05
        falls = truth[k] < world.truth[world.began[k], k] / 1.05
        right += (trend is Trend.RISING and rises) or (trend is Trend.FALLING and falls)
    return {
        "desk": float(spearmanr([c.expected for c in now], truth)[0]),
        "pooled": float(spearmanr([c.expected for c in pooled], truth)[0]),
        "holds": float(np.mean([c.low <= x <= c.high for c, x in zip(now, truth, strict=True)])),
        "pooled holds": float(
            np.mean([c.low <= x <= c.high for c, x in zip(pooled, truth, strict=True)])
        ),
        "told": told, "right": right,
    }  # fmt: skip


def through_the_line(bank: Bank, seed: int) -> list[tuple[float, float]]:
    """Return what each kind of a script costs: at the desk, and in truth; picks a day."""
    rng = np.random.default_rng((seed, 9))
    fails = dict(enumerate(rng.permutation(np.linspace(0.15, 0.85, len(NOVELTIES))).tolist()))
    frames = script(seed)
    where = {frame.id: frame for frame in frames}
    handover = next(frame.id for frame in frames if frame.day == UPDATE)
    desk, novelty = NoveltyDesk(bank.known[MODELS[0]], PICKS), {}
    kinds: dict[tuple[str, int], int] = {}
    weights: Counter[int] = Counter()
    for number, frame in enumerate(frames):
        if frame.id == handover:
            rebase(desk, bank, where)
        model = MODELS[frame.day >= UPDATE]
        view, places = bank.seen(frame, model)
        kinds |= {(frame.id, int(view.row[p])): int(view.kind[p]) for p in places}
        tried = [int(p) for p in rng.choice(places, LOOKS)] if places else []
        outcomes = [bool(rng.random() < fails.get(int(view.kind[p]), USUAL)) for p in tried]
        unusual = {p for p, failed in zip(tried, outcomes, strict=True) if failed}
        desk.see(told(desk, frame, view, places, unusual))
        for id, keys in desk.joined().items():
            novelty |= dict.fromkeys(keys, id)
        for place, failed in zip(tried, outcomes, strict=True):
            desk.tell(frame.id, int(view.row[place]), failed, frame.at)
            age = DAYS - (frame.at - START) / timedelta(days=1)
            weights[int(view.kind[place])] += 0.5 ** (age / HALF_LIFE)
        if number % 20 == 0:
            for one in desk.rank():
                if one.state is NoveltyState.NEW and one.cost.expected >= 5:
                    desk.move(one.id, NoveltyState.COLLECTING)
    costs: dict[int, float] = defaultdict(float)
    for one in desk.rank():
        members = Counter(kinds[key] for key, id in novelty.items() if id == one.id)
        costs[members.most_common(1)[0][0]] += one.cost.expected
    every = weights.total()
    return [(costs[k], PICKS * weights[k] / every * (f - USUAL)) for k, f in fails.items()]


def told(
    desk: NoveltyDesk, frame: Taken, view: View, places: Sequence[int], failed: set[int]
) -> list[Sighting]:
    """Return the sightings of a frame: see `classify`, and what the line collects."""
    collecting = {one.id for one in desk.in_state(NoveltyState.COLLECTING)}
    found = []
    for place, id in zip(places, desk.nearest(view.embedding[places]), strict=True):
        level = UNUSUAL if place in failed else STRANGE
        strange = bool(view.p_value[place] <= level)
        if strange or id in collecting:
            row, embedding = int(view.row[place]), view.embedding[place]
            found.append(Sighting(frame.id, row, frame.robot, frame.at, embedding, strange))
    return found


def interval(values: Sequence[float]) -> str:
    """Return the mean and the half width of its 95% interval."""
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{np.mean(values):.3f} ± {half:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("out/triage"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--picks", type=int, nargs="+", default=[500, 2000, 8000])
    given = parser.parse_args()
    for picks in given.picks:
        found = [judged(seed, picks) for seed in range(given.seeds)]
        told = sum(f["told"] for f in found)
        print(f"{picks} picks a day, Spearman: desk {interval([f['desk'] for f in found])}, pooled "
              f"{interval([f['pooled'] for f in found])}; 90% intervals hold what it costs now: "
              f"desk {np.mean([f['holds'] for f in found]):.2f}, pooled "
              f"{np.mean([f['pooled holds'] for f in found]):.2f}; trends told {told}, of them "
              f"right {sum(f['right'] for f in found) / max(told, 1):.2f}")  # fmt: skip
    if any(given.folder.glob("view-*.npz")):
        bank = Bank(given.folder)
        rows = [row for seed in range(min(given.seeds, 10)) for row in through_the_line(bank, seed)]
        seen = [row for row in rows if row[0] > 0]
        print(f"through the line: Spearman {spearmanr(rows)[0]:.3f} over {len(rows)} kinds, "
              f"{spearmanr(seen)[0]:.3f} over the {len(seen)} that the desk has")  # fmt: skip


if __name__ == "__main__":
    main()
