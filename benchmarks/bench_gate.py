"""How often the gate errs: 200 challengers that are worse on one slice, and 100 good ones.

Each challenger is simulated with its champion on five old slices and its target, from qualities
of masks that are known: how well each package is cut is drawn for the champion, and drawn again
near it for the challenger, shifted so far that the AP over all frames of the world differs by the
wanted amount. A worse one loses 0.5, 1, 2, 3 or 5 AP points on one old slice (40 challengers
each); everything else gains up to a point, and the target gains eight.

Four rules look at the same bootstraps of the same slices:

- ``gate 90%``: `januscl.evaluate.gate` as it is by default.
- ``gate 97.5%``: the same as the line calls it, which looks up to four times at one challenger.
- ``Holm fails``: passes as the default does, but fails where Holm's step-down test (1979, at 10%
  over the one-sided p-values of the bootstrap) finds a loss of more than the tolerated one.
- ``Holm veto``: passes whatever Holm's test does not fail, so nothing is inconclusive.

Run: ``python benchmarks/bench_gate.py [--frames 40] [--keep FILE] [--seconds S]``. With --keep what
was judged stays in FILE and is not judged again, so that a long run can be made in parts of S
seconds. Rates are given with Wilson's 95% intervals.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from januscl.core import Answer
from januscl.evaluate import (
    IOU_THRESHOLDS,
    MIN_GAIN,
    TOLERATED_DROP,
    FrameMatches,
    SliceData,
    bootstrap_deltas,
    gate,
    precision_at,
)

LOSSES = (0.005, 0.01, 0.02, 0.03, 0.05)
WORSE, GOOD, OLD = 200, 100, 5
MARGIN, GAIN = 0.03, 0.08
RULES = ("gate 90%", "gate 97.5%", "Holm fails", "Holm veto")


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


class World:
    """Frames with packages, how well the champion cuts each, and how it boasts of it."""

    def __init__(self, rng: np.random.Generator, frames: int) -> None:
        self.truths = rng.integers(4, 13, frames)
        self.frames = np.repeat(np.arange(frames), self.truths)
        packages = self.frames.size
        hard = rng.normal(0, 0.5, frames)[self.frames]
        self.fit = 1.2 + hard + rng.normal(0, 1.0, packages)
        self.other = self.fit + rng.normal(0, 0.5, packages)
        self.boast = rng.normal(0, 0.8, (2, packages))
        self.ghosts = [np.flatnonzero(rng.random(frames) < 0.6) for _ in range(2)]
        self.ghost_scores = [rng.beta(1.5, 3, ghosts.size) for ghosts in self.ghosts]

    def matches(self, model: int, shift: float = 0.0) -> FrameMatches:
        """Return what the champion (0) or the challenger (1) finds."""
        fit = (self.other if model else self.fit) + shift
        frames = np.concatenate((self.frames, self.ghosts[model]))
        scores = np.concatenate((logistic(fit + self.boast[model]), self.ghost_scores[model]))
        hits = np.zeros((len(IOU_THRESHOLDS), frames.size), dtype=bool)
        hits[:, : fit.size] = logistic(fit) >= IOU_THRESHOLDS[:, None]
        order = np.argsort(-scores, kind="stable")
        return FrameMatches(hits[:, order], frames[order], self.truths)


def shift_for(seed: int = 0, frames: int = 20_000) -> Callable[[float], float]:
    """Return the shift of quality that moves AP over all frames of the world by an amount."""
    world = World(np.random.default_rng(seed), frames)
    champion = precision_at(world.matches(0)).mean()
    shifts = np.linspace(-0.5, 0.9, 29)
    moved = [precision_at(world.matches(1, shift)).mean() - champion for shift in shifts]
    print(f"champion's AP {100 * champion:.1f}; shifts move it by {100 * moved[0]:+.1f} to "
          f"{100 * moved[-1]:+.1f}")  # fmt: skip
    return lambda delta: float(np.interp(delta, moved, shifts))


def slices_of(index: int, frames: int, shift: Callable[[float], float]) -> dict[str, SliceData]:
    """Simulate one challenger; the first `WORSE` of them are worse on their first slice."""
    rng = np.random.default_rng([1, index])
    deltas = [*rng.uniform(0, 0.01, OLD), GAIN]
    if index < WORSE:
        deltas[0] = -LOSSES[index % len(LOSSES)]
    names = [*(f"old-{k}" for k in range(OLD)), "target"]
    slices = {}
    for name, delta in zip(names, deltas, strict=True):
        world = World(rng, frames)
        slices[name] = SliceData(world.matches(0), world.matches(1, shift(delta)))
    return slices


def holm(p_values: Sequence[float], alpha: float) -> np.ndarray:
    """Say which hypotheses Holm's step-down test rejects."""
    order = np.argsort(p_values)
    limits = alpha / (len(p_values) - np.arange(len(p_values)))
    rejected = np.zeros(len(p_values), dtype=bool)
    rejected[order] = np.logical_and.accumulate(np.asarray(p_values)[order] <= limits)
    return rejected


def answers(slices: dict[str, SliceData]) -> dict[str, Answer]:
    """Judge by every rule, from one bootstrap of each slice."""
    draws = [bootstrap_deltas(s.champion, s.challenger, resamples=1000) for s in slices.values()]
    measured = [
        precision_at(s.challenger).mean() - precision_at(s.champion).mean() for s in slices.values()
    ]
    old, target = draws[:-1], draws[-1]

    def bounds(confidence: float) -> tuple[bool, bool]:
        """Say whether the gate's rule fails and passes."""
        upper = 1 - (1 - confidence) / len(draws)
        fails = any(np.quantile(d, upper) < -TOLERATED_DROP for d in old)
        fails |= bool(np.quantile(target, upper) < MIN_GAIN)
        passes = all(
            np.quantile(d, 1 - confidence) >= -MARGIN and m >= -TOLERATED_DROP
            for d, m in zip(old, measured, strict=False)
        )
        learned = np.quantile(target, 1 - confidence) > 0 and measured[-1] >= MIN_GAIN
        return fails, bool(passes and learned)

    lost = [(1 + (d >= -TOLERATED_DROP).sum()) / (1 + d.size) for d in old]
    vetoed = bool(holm([*lost, (1 + (target >= MIN_GAIN).sum()) / (1 + target.size)], 0.1).any())
    plain, strict = bounds(0.9), bounds(0.975)
    return {
        "gate 90%": answer(*plain),
        "gate 97.5%": answer(*strict),
        "Holm fails": answer(vetoed, plain[1]),
        "Holm veto": answer(vetoed, True),
    }


def answer(fails: bool, passes: bool) -> Answer:
    return Answer.FAIL if fails else Answer.PASS if passes else Answer.INCONCLUSIVE


def wilson(count: int, of: int) -> str:
    """Tell a rate with its 95% interval, in percent."""
    z, p = 1.96, count / of
    middle, half = p + z * z / 2 / of, z * np.sqrt(p * (1 - p) / of + z * z / 4 / of / of)
    low, high = (100 * (middle + sign * half) / (1 + z * z / of) for sign in (-1, 1))
    return f"{100 * p:5.1f} ({low:4.1f}..{high:5.1f})"


def tell(rows: dict[int, dict[str, str]]) -> None:
    print(f"{'challengers':24} {'rule':11} {'pass %':>22} {'inconclusive %':>22} {'fail %':>22}")
    groups = {f"worse by {100 * loss:.1f}": range(k, WORSE, len(LOSSES))
              for k, loss in enumerate(LOSSES)}  # fmt: skip
    groups["good"] = range(WORSE, WORSE + GOOD)
    for name, indices in groups.items():
        judged = [rows[i] for i in indices if i in rows]
        for rule in RULES if judged else ():
            told = [wilson([row[rule] for row in judged].count(a), len(judged))
                    for a in (Answer.PASS, Answer.INCONCLUSIVE, Answer.FAIL)]  # fmt: skip
            print(f"{name + f' (n={len(judged)})':24} {rule:11}", *(f"{t:>22}" for t in told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40, help="of each slice")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    start = time.perf_counter()
    rows: dict[int, dict[str, str]] = {}
    if options.keep and options.keep.exists():
        lines = options.keep.read_text().splitlines()
        rows = {row["index"]: row["answers"] for row in map(json.loads, lines)}
    shift = shift_for()
    # Some of every group first, so that a part is a fair one.
    for index in sorted(range(WORSE + GOOD), key=lambda i: i % 100):
        if time.perf_counter() - start > options.seconds:
            break
        if index in rows:
            continue
        slices = slices_of(index, options.frames, shift)
        rows[index] = answers(slices)
        if index % 25 == 0:  # the rules above must be those of the gate itself
            assert rows[index]["gate 90%"] == gate(slices, target="target").answer
        if options.keep:
            with options.keep.open("a") as file:
                file.write(json.dumps({"index": index, "answers": rows[index]}) + "\n")
    print(f"{len(rows)} of {WORSE + GOOD} challengers, slices of {options.frames} frames")
    tell(rows)


if __name__ == "__main__":
    main()
