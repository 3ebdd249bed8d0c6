"""How soon a change of the embeddings is noticed, at an equal mean time between false alarms.

Run: ``python benchmarks/bench_watch_change.py [--methods NAME,NAME] [--json PATH]``. One thread.
What PATH holds already is not measured again, so that methods can be measured one at a time.
river is a peer and no dependency: ``uv pip install "river>=0.26,<0.27"``.

A world is a camera's: embeddings of 16 dimensions of four kinds, each with a spread of its own and
heavy tails (Student's t, 8 degrees of freedom), one a frame. Each run is another world. Every
method is given the first 1000 frames as healthy ones and then gives a statistic for each frame. Its
threshold is the lowest at which streams of 10,000 healthy frames raise an alarm each 10,000 frames
on average; other healthy streams then say what it holds. Then a change comes after 200 frames more.
A delay counts from the first changed frame; runs with a false alarm before it are left out.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from januscl.core import Cell
from januscl.watch import ChangeWatch, EmbeddingLean, Scope

Array = NDArray[np.float64]
SIZE, HEALTHY, BEFORE, CAP = 16, 1000, 200, 700
LENGTH, STREAMS, RUNS = 10_000, 24, 40
DRIFTS = {
    "shift": "all dimensions shift at once, 0.3 sd each on average",
    "ramp": "the same, growing to twice as much over 400 frames",
    "spread": "instances spread 1.35 times as far around their kind",
    "novel 10%": "a tenth of the instances are of a fifth kind",
    "novel 30%": "three in ten are",
    "on and off": "the shift comes and goes every 25 frames",
    "one of 16": "one dimension shifts by 1 sd",
    "rotation": "the embedding turns 25 degrees about its mean, in every plane of a random basis",
}
Series = Callable[[Array], Iterable[float]]


class World:
    """One camera's healthy embeddings, and how each drift changes them."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng((7, seed))
        self.middles = rng.normal(size=(5, SIZE))  # the fifth kind is the novel one
        self.mix = rng.dirichlet(np.full(4, 8.0))
        self.roots = np.stack([basis(rng) * np.geomspace(1.2, 0.3, SIZE) for _ in range(5)])
        self.rng = np.random.default_rng((8, seed))
        many = self.frames(20_000)
        self.middle, self.spread = many.mean(axis=0), many.std(axis=0)
        way = rng.normal(size=SIZE)
        self.shift = 1.2 * way / np.linalg.norm(way) * self.spread
        self.axis = np.eye(SIZE)[rng.integers(SIZE)] * self.spread
        plane, (c, s) = basis(rng), (math.cos(math.radians(25)), math.sin(math.radians(25)))
        self.turn = plane @ np.kron(np.eye(SIZE // 2), [[c, -s], [s, c]]) @ plane.T

    def frames(self, count: int, drift: str = "") -> Array:
        """Return the embeddings of the first frames of a drift; of healthy ones without one."""
        kinds = self.rng.choice(4, count, p=self.mix)
        share = {"novel 10%": 0.1, "novel 30%": 0.3}.get(drift, 0.0)
        kinds = np.where(self.rng.random(count) < share, 4, kinds)
        noise = self.rng.normal(size=(count, SIZE))
        noise /= np.sqrt(self.rng.chisquare(8, count) / 8)[:, None]
        off = np.einsum("nij,nj->ni", self.roots[kinds], noise)
        rows = self.middles[kinds] + off * (1.35 if drift == "spread" else 1.0)
        frame = np.arange(count)[:, None]
        moved = {
            "shift": self.shift,
            "ramp": 2 * self.shift * np.minimum(frame / 400, 1),
            "on and off": self.shift * (frame // 25 % 2 == 0),
            "one of 16": self.axis,
        } if drift else {}  # fmt: skip
        rows = rows + moved.get(drift, 0.0)
        return (rows - self.middle) @ self.turn.T + self.middle if drift == "rotation" else rows


def basis(rng: np.random.Generator) -> Array:
    return np.linalg.qr(rng.normal(size=(SIZE, SIZE)))[0]


def stream(seed: int, drift: str = "") -> Array:
    """Return healthy frames and then, with a drift, changed ones."""
    world = World(seed)
    if not drift:
        return world.frames(HEALTHY + LENGTH)
    return np.vstack((world.frames(HEALTHY + BEFORE), world.frames(CAP, drift)))


def by_janus(rows: Array) -> Iterator[float]:
    """Yield the log of the evidence of Janus' own watch."""
    cell, at = Cell("robot", "camera", "line", "site"), datetime(2026, 1, 1, tzinfo=UTC)
    lean = EmbeddingLean().fit(rows[:HEALTHY])
    watch = ChangeWatch(lean.signals, average_run_length=1e90)
    for frame, row in enumerate(rows[HEALTHY:]):
        watch.update(cell, at + timedelta(seconds=frame), lean.read(row))
        yield math.log(max(watch.evidence(Scope.CAMERA, "camera"), 1e-300))


def standardised(rows: Array) -> Array:
    return (rows - rows[:HEALTHY].mean(axis=0)) / rows[:HEALTHY].std(axis=0)


def readings(rows: Array, each: bool) -> Array:
    """Return what a detector of numbers is fed, ``(frames, 1 or 17)``, standardised.

    The Mahalanobis distance to the healthy frames and, with ``each``, every dimension too.
    """
    off = rows - rows[:HEALTHY].mean(axis=0)
    inverse = np.linalg.inv(np.cov(rows[:HEALTHY].T))
    away = np.sqrt(np.einsum("ni,ij,nj->n", off, inverse, off))[:, None]
    return standardised(np.column_stack((away, rows)) if each else away)


def by_adwin(rows: Array, each: bool) -> Array:
    """Return the rank of the strictest confidence at which ADWIN has spoken.

    It checks each frame, or each eighth where it has 17 numbers to watch (by default each 32nd).
    Until it speaks it forgets nothing, so the detectors of several confidences run side by side.
    """
    from river.drift import ADWIN

    found = np.zeros(len(rows) - HEALTHY)
    for column in readings(rows, each).T.tolist():
        for rank, delta in enumerate(10.0 ** np.arange(-0.25, -8.0, -0.25), 1):
            detector = ADWIN(delta=delta, clock=8 if each else 1)
            spoke = None
            for frame, value in enumerate(column):
                detector.update(value)
                if detector.drift_detected:
                    spoke = frame
                    if frame >= HEALTHY:
                        break
            if spoke is None:
                break
            if spoke >= HEALTHY:
                found[spoke - HEALTHY :] = np.maximum(found[spoke - HEALTHY :], rank)
    return found


def by_page_hinkley(rows: Array, each: bool) -> Array:
    from river.drift import PageHinkley

    found = np.zeros(len(rows) - HEALTHY)
    for column in readings(rows, each).T.tolist():
        detector, sums = PageHinkley(threshold=math.inf), []
        for value in column:
            detector.update(value)
            rise = detector._sum_increase - detector._min_increase
            sums.append(max(rise, detector._max_decrease - detector._sum_decrease))
        found = np.maximum(found, sums[HEALTHY:])
    return found


def by_kswin(rows: Array, each: bool) -> Array:
    """Return minus the log of KSWIN's p-value.

    scipy's test is looked up by its statistic, on which alone it depends: 10 times as fast.
    """
    from river.drift import KSWIN, kswin

    kswin.stats = SimpleNamespace(ks_2samp=looked_up)
    detector, found = KSWIN(alpha=0.0, seed=1), []
    for value in readings(rows, each)[HEALTHY - 100 :, 0].tolist():
        detector.update(value)
        found.append(-math.log(max(detector.p_value, 1e-300)))
    return np.asarray(found[100:])


def looked_up(left: list[float], right: list[float], method: str) -> tuple[float, float]:
    first, second, count = np.sort(left), np.sort(right), len(left)
    both = np.concatenate((first, second))
    gaps = np.searchsorted(first, both, side="right") - np.searchsorted(second, both, side="right")
    gap = int(np.abs(gaps).max())
    return gap / count, p_of_gap(gap, count)


@cache
def p_of_gap(gap: int, count: int) -> float:
    from scipy.stats import ks_2samp

    left = np.arange(count) + 0.5
    return float(ks_2samp(left, left + gap).pvalue)


def by_mmd(rows: Array, window: int) -> Array:
    """Return the squared MMD of the last frames to the healthy ones, without its constant term.

    A Gaussian kernel as wide as the median distance between healthy frames (Gretton and others, A
    kernel two-sample test, 2012), on standardised dimensions.
    """
    table = standardised(rows)
    healthy, new = table[:HEALTHY], table[HEALTHY - window + 1 :]
    among = squares(healthy, healthy)
    scale = float(np.median(among[np.triu_indices(HEALTHY, 1)]))
    across = np.exp(-squares(new, healthy) / scale).mean(axis=1)
    count = len(new) - window + 1
    pairs = np.zeros(count)
    for lag in range(1, window):
        alike = np.exp(-((new[lag:] - new[:-lag]) ** 2).sum(axis=1) / scale)
        pairs += moving_sum(alike, window - lag)[:count]
    return 2 * pairs / (window * (window - 1)) - 2 * moving_sum(across, window) / window


def by_ks(rows: Array, window: int) -> Array:
    """Return the largest Kolmogorov-Smirnov distance over the dimensions (Bonferroni)."""
    healthy, new = np.sort(rows[:HEALTHY], axis=0), rows[HEALTHY - window + 1 :]
    found, steps = np.zeros(len(rows) - HEALTHY), np.arange(window + 1) / window
    for known, column in zip(healthy.T, new.T, strict=True):
        shares = np.searchsorted(known, column, side="right") / HEALTHY
        ordered = np.sort(np.lib.stride_tricks.sliding_window_view(shares, window), axis=1)
        found = np.maximum(found, (steps[1:] - ordered).max(axis=1))
        found = np.maximum(found, (ordered - steps[:-1]).max(axis=1))
    return found


def squares(left: Array, right: Array) -> Array:
    apart = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    return np.maximum(apart, 0)


def moving_sum(values: Array, window: int) -> Array:
    total = np.concatenate(([0.0], np.cumsum(values)))
    return total[window:] - total[:-window]


METHODS: dict[str, Series] = {
    "janus": by_janus,
    "ADWIN": partial(by_adwin, each=False),
    "ADWIN each": partial(by_adwin, each=True),
    "Page-Hinkley": partial(by_page_hinkley, each=False),
    "Page-Hinkley each": partial(by_page_hinkley, each=True),
    "KSWIN": partial(by_kswin, each=False),
    "MMD 25": partial(by_mmd, window=25),
    "MMD 100": partial(by_mmd, window=100),
    "KS 25": partial(by_ks, window=25),
    "KS 100": partial(by_ks, window=100),
}


def spoke(values: Iterable[float], threshold: float) -> int | None:
    """Return the first frame whose statistic is over the threshold."""
    return next((frame for frame, value in enumerate(values) if value > threshold), None)


def frames_and_alarms(streams: list[Array], threshold: float) -> tuple[int, int]:
    """Return how many frames passed until each stream's first alarm or end, and the alarms."""
    first = [spoke(values, threshold) for values in streams]
    passed = sum(LENGTH if frame is None else frame + 1 for frame in first)
    return passed, sum(frame is not None for frame in first)


def calibrated(streams: list[Array]) -> float:
    """Return the lowest threshold with `LENGTH` frames or more to an alarm."""
    for threshold in sorted(float(values.max()) for values in streams):
        passed, alarms = frames_and_alarms(streams, threshold)
        if passed >= LENGTH * alarms:
            return threshold
    raise AssertionError("no alarm at all is always long enough")


def measured(series: Series) -> dict[str, object]:
    """Return the threshold, what it holds, and the delays of every drift, None for left out."""
    began = time.monotonic()
    healthy = [np.asarray(list(series(stream(1000 + k)))) for k in range(STREAMS)]
    threshold = calibrated(healthy)
    checked = [np.asarray(list(series(stream(2000 + k)))) for k in range(STREAMS)]
    passed, alarms = frames_and_alarms(checked, threshold)
    delays = {}
    for drift in DRIFTS:
        first = [spoke(series(stream(5000 + k, drift)), threshold) for k in range(RUNS)]
        late = [BEFORE + CAP - 1 if frame is None else frame for frame in first]
        delays[drift] = [frame - BEFORE + 1 if frame >= BEFORE else None for frame in late]
    return {
        "threshold": threshold, "frames": passed, "alarms": alarms, "delays": delays,
        "seconds": time.monotonic() - began,
    }  # fmt: skip


def median(delays: Iterable[int | None]) -> float:
    return float(np.median([delay for delay in delays if delay is not None]))


def interval(values: Callable[[Array], float], runs: int = 1000) -> tuple[float, float]:
    """Return the 95% interval of a figure of the worlds, by drawing them anew (bootstrap)."""
    rng = np.random.default_rng(0)
    found = [values(rng.integers(0, RUNS, RUNS)) for _ in range(runs)]
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)


def drawn(delays: list[int | None], worlds: Array) -> float:
    return median(delays[int(world)] for world in worlds)


def show(found: dict[str, dict]) -> None:
    print(f"{'median delay (frames)':22}" + "".join(f"{d:>18}" for d in DRIFTS) + "   true ARL")
    for name, of in found.items():
        cells = []
        for delays in of["delays"].values():
            low, high = interval(partial(drawn, delays))
            cells.append(f"{median(delays):7.0f} [{low:.0f}, {high:.0f}]".rjust(18))
        held = of["frames"] / max(of["alarms"], 1)
        spread = 1.96 * held / math.sqrt(max(of["alarms"], 1))
        print(
            f"{name:22}" + "".join(cells) + f" {held:7.0f} ± {spread:.0f} ({of['seconds']:.0f} s)"
        )
    peers = [name for name in found if name != "janus"]
    if "janus" not in found or not peers:
        return
    print("\njanus against the best of the others (bar: 0.8 or less)")
    for drift in DRIFTS:
        best = min(peers, key=lambda name: median(found[name]["delays"][drift]))
        ours, theirs = (found[name]["delays"][drift] for name in ("janus", best))
        ratio = median(ours) / median(theirs)
        low, high = interval(lambda worlds, a=ours, b=theirs: drawn(a, worlds) / drawn(b, worlds))
        print(f"  {drift:12} {ratio:.2f} [{low:.2f}, {high:.2f}] of {best}; {DRIFTS[drift]}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Detection delay at equal average run length.")
    parser.add_argument("--methods", default=",".join(METHODS), help="names with commas between")
    parser.add_argument("--json", type=Path, help="what is measured is kept here")
    given = parser.parse_args()
    kept = json.loads(given.json.read_text()) if given.json and given.json.exists() else {}
    for name in given.methods.split(","):
        if name not in kept:
            kept[name] = measured(METHODS[name])
            if given.json:
                given.json.write_text(json.dumps(kept, indent=1))
    show({name: kept[name] for name in METHODS if name in kept})


if __name__ == "__main__":
    main()
