"""Streams of phases, learned one after another by each strategy against forgetting.

Four streams of six phases at 128 px: new kinds one after another, each in simulated piles of its
own; new environments (background, light, height and slant of the camera); both at once; and
photographs, of ore and then of five objects on a desk. The first phase is learned once for all
methods by a shipped model; each later one for the same number of steps, or, with ``--seconds``, for
the same wall-clock time. Methods:

* any strategy of `januscl.train.strategy_named`, such as ``replay:balanced+distill``;
* ``default``: `learn.runs.METHODS` says which one it is;
* ``lwf``: ``distill`` without replay, written from the definition of Learning without Forgetting;
  ``ewc`` likewise, and neither by Avalanche's code, which has no detection with masks;
* ``joint, long``: one training on all phases together, four times the steps of the others in all.

``joint`` draws from all pictures of all phases so far, ``replay`` half from ``--memory`` old ones.
AP is COCO's, by kind, so that a kind that is found under another name counts as lost; "unnamed" is
AP whatever the name. Tables give means over seeds; differences between two methods are paired, run
by run, with 95% intervals by Student's t over streams and seeds.

Run: ``python benchmarks/bench_learn.py [--jobs 2] [--limit 80]``. Results go to ``results.jsonl``
in ``--folder``; a run that was stopped, or whose time was up, goes on where it was, and several
processes on one folder share the work. Runs of other settings in the folder stay apart. The
photographs are looked for in ``--data``; where they are missing, their stream is left out.
"""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

import torch

from learn.phases import has_photographs
from learn.runs import REFERENCE, Bench, OutOfTimeError
from learn.streams import PHOTOGRAPHS, streams_of
from learn.tables import all_scores, print_pairs, print_stream

DATA = Path(__file__).resolve().parents[2] / "shared/data"
METHODS = ("default", "replay", "joint", "naive", "ewc", "lwf", REFERENCE)


def work(given: argparse.Namespace) -> bool:
    """Run what is not done yet and no other process is at, and tell whether time sufficed."""
    torch.set_num_threads(given.threads)
    bench, streams = bench_of(given), streams_of(given.data)
    try:
        for seed in given.seeds:
            for name in given.streams:
                for method in given.methods:
                    bench.run(streams[name], method, seed)
    except OutOfTimeError:
        return False
    return True


def bench_of(given: argparse.Namespace) -> Bench:
    """Return the benchmark that a command line asks for."""
    return Bench(
        given.folder, given.size, given.batch, given.base_steps, given.steps, given.seconds,
        given.memory, given.phases, given.threads, given.began + given.limit,
    )  # fmt: skip


def parsed() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = list(streams_of(DATA))
    parser.add_argument("--streams", nargs="+", choices=sorted(names), default=names)
    parser.add_argument(
        "--data", type=Path, default=DATA,
        help="folder of the photographs; without them their stream is left out",
    )  # fmt: skip
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--phases", type=int, default=6, help="the first one included")
    parser.add_argument("--steps", type=int, default=30, help="of each later phase")
    parser.add_argument("--seconds", type=float, help="of each later phase, in place of steps")
    parser.add_argument("--batch", type=int, default=8, help="pictures a step")
    parser.add_argument("--base-steps", type=int, default=100)
    parser.add_argument("--memory", type=int, default=100, help="old pictures kept for replay")
    parser.add_argument("--size", type=int, default=128, help="side of a picture in px")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the work")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds of this call")
    parser.add_argument("--folder", type=Path, default=Path("out/bench-learn"))
    given = parser.parse_args()
    if PHOTOGRAPHS in given.streams and not has_photographs(given.data):
        print(f"The stream {PHOTOGRAPHS} is left out: its pictures are not in {given.data}.")
        given.streams = [name for name in given.streams if name != PHOTOGRAPHS]
        if not given.streams:
            parser.error("no stream is left; name the folder of the photographs with --data")
    # As `time.monotonic` counts, which all processes of a machine share.
    given.began = time.monotonic()
    return given


def main() -> None:
    """Run, and print a table of what is done so far."""
    given = parsed()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.jobs > 1:
        with multiprocessing.get_context("spawn").Pool(given.jobs) as pool:
            complete = all(pool.map(work, [given] * given.jobs, chunksize=1))
    else:
        complete = work(given)
    known = streams_of(given.data)
    streams = [known[name] for name in given.streams]
    scores = all_scores(bench_of(given), streams, given.methods, given.seeds, given.phases)
    for stream in streams:
        print_stream(scores, stream, given.methods, given.phases)
    for what in ("ap", "unnamed"):
        print_pairs(scores, given.streams, given.methods[0], given.methods[1:], what)
    if not complete:
        print("\nThe time of this call is up; run it again to go on.")
        sys.exit(3)


if __name__ == "__main__":
    main()
