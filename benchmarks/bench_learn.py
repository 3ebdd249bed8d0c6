"""Streams of phases, learned one after another by each strategy against forgetting.

Two streams of simulated piles at 128 px: new kinds one after another, each in piles of its own, and
new environments (background, light, height and slant of the camera). The first phase is learned
once for all methods, by a new model or, for environments, by the shipped one; each later one for
the same number of steps, or, with ``--seconds``, for the same wall-clock time. Methods:

* any strategy of `januscl.train.strategy_named`, such as ``replay:balanced+distill``;
* ``default``: ``replay+interpolate``;
* ``lwf``: ``distill`` without replay, written from the definition of Learning without Forgetting;
  ``ewc`` likewise, and neither by Avalanche's code, which has no detection with masks;
* ``joint, long``: one training on all phases together, four times the steps of the others in all.

``joint`` draws from all pictures of all phases so far, ``replay`` half from ``--memory`` old ones.

Run: ``python benchmarks/bench_learn.py [--limit 80]``. Results go to ``results.jsonl`` in
``--folder``; a run that was stopped, or whose time was up, goes on where it was. Prints a table of
what is done so far.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from januscl.evaluate import forgetting
from learn.runs import REFERENCE, Bench, OutOfTimeError
from learn.streams import STREAMS, Stream

METHODS = ("naive", "joint", "replay", "default", "ewc", "lwf", REFERENCE)
HEAD = f"{'':24}{'AP':>7}{'of joint':>9}{'of long':>9}{'forgets':>9}{'worst':>7}{'named':>7}" + (
    f"{'steps':>7}{'seconds':>9}"
)


def table(bench: Bench, stream: Stream, methods: list[str], seeds: int, phases: int) -> None:
    """Print what is done: means over the seeds whose stream is complete."""
    print(f"\n{stream.name}: " + "; ".join(phase.name for phase in stream.phases[:phases]))
    print(HEAD)
    figures = {m: found for m in methods if (found := _figures(bench, stream, m, seeds, phases))}
    for method, rows in figures.items():
        mean = np.mean(rows, axis=0)
        against = [
            f"{mean[0] / np.mean(figures[other], axis=0)[0]:9.2f}" if other in figures else " " * 9
            for other in ("joint", REFERENCE)
        ]
        spread = f" ({len(rows)} seeds, AP {min(r[0] for r in rows):.3f} to "
        print(
            f"{method:24}{mean[0]:7.3f}{against[0]}{against[1]}{mean[1]:9.3f}{mean[2]:7.3f}"
            f"{mean[3]:7.3f}{mean[4]:7.0f}{mean[5]:9.0f}"
            + (f"{spread}{max(r[0] for r in rows):.3f})" if len(rows) > 1 else "")
        )


def _figures(
    bench: Bench, stream: Stream, method: str, seeds: int, phases: int
) -> list[tuple[float, ...]]:
    """Return AP, forgetting, the worst phase's, named AP, steps and seconds of each seed."""
    found = []
    for seed in range(seeds):
        rows = bench.rows_of(stream, method, seed)
        if len(rows) < 2 or rows[-1]["phase"] < phases - 1:
            continue
        rows = [row for row in rows if row["phase"] < phases]
        last = rows[-1]
        lost, worst = float("nan"), float("nan")
        if method != REFERENCE:
            matrix = np.full((phases, phases), np.nan)
            for row in rows:
                matrix[row["phase"], : len(row["ap"])] = row["ap"]
            lost = forgetting(matrix)
            worst = float(np.max(np.nanmax(matrix[:-1, :-1], axis=0) - matrix[-1, :-1]))
        cost = [sum(row[name] for row in rows[1:]) for name in ("steps", "seconds")]
        found.append((np.mean(last["ap"]), lost, worst, np.mean(last["named"]), *cost))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", nargs="+", choices=sorted(STREAMS), default=list(STREAMS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--phases", type=int, default=7, help="the first one included")
    parser.add_argument("--steps", type=int, default=60, help="of each later phase")
    parser.add_argument("--seconds", type=float, help="of each later phase, in place of steps")
    parser.add_argument("--base-steps", type=int, default=400)
    parser.add_argument("--memory", type=int, default=150, help="old pictures kept for replay")
    parser.add_argument("--size", type=int, default=128, help="side of a picture in px")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds of this call")
    parser.add_argument("--folder", type=Path, default=Path("out/bench-learn"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    bench = Bench(
        given.folder, given.size, given.base_steps, given.steps, given.seconds, given.memory,
        given.threads, time.monotonic() + given.limit,
    )  # fmt: skip
    given.folder.mkdir(parents=True, exist_ok=True)
    complete = True
    try:
        for seed in range(given.seeds):
            for method in given.methods:
                for name in given.streams:
                    bench.run(STREAMS[name], method, seed, given.phases)
    except OutOfTimeError:
        complete = False
    for name in given.streams:
        table(bench, STREAMS[name], given.methods, given.seeds, given.phases)
    if not complete:
        print("\nThe time of this call is up; run it again to go on.")
        sys.exit(3)


if __name__ == "__main__":
    main()
