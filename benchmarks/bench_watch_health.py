"""Camera health: faults laid over real video, alarms on healthy pictures, and what it costs.

The video is a webcam moved by hand over a table, 10 clips of 400 x 400 px at 20 frames a second. It
is used in two ways. ``moving``: as it is, without instances, by a watcher that has learned a
stretch of each of the other clips; a camera that is always moved has no place that it could be
knocked from or turned at, so those two faults are left out. ``mounted``: real textures, four
pictures of four clips side by side, stand still around a window in which a clip runs; the window is
the one instance. ``video`` and ``simulated`` count alarms on healthy pictures.

A fault begins at a start frame, after healthy ones; it is found when, within 10 frames, a ticket is
open, and right when the first ticket names it. The interval is Wilson's, 95%, over starts. What the
watcher judges by was chosen with ``--seed 0``, which draws the starts, the textures and what is
learned; other seeds are held out.

Run: ``python benchmarks/bench_watch_health.py [--seconds 200]``, one thread. Results go to
``results.jsonl`` in ``--folder``; a run whose time was up goes on where it was. Prints what is done
so far. The peer needs a Python of its own with ``whylogs[image]`` and numpy below 2.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2

from health.cost import cost
from health.cost import told as cost_told
from health.faults import FAULTS, PLACELESS
from health.rates import alarms
from health.rates import told as rates_told
from health.scenes import (
    clips,
    simulated_camera,
    starts_of_mounted,
    starts_of_moving,
    video_camera,
)
from health.tickets import Figures, line_of, tried

CELLS = 40
"""Simulated cameras."""

Piece = tuple[str, Callable[[], Figures]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=40, help="of each fault and severity")
    parser.add_argument("--frames", type=int, default=20_000, help="simulated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of this run, at most")
    parser.add_argument("--whylogs", type=Path, help="a Python that has whylogs[image]")
    parser.add_argument("--only", default="cost moving mounted video simulated")
    parser.add_argument("--folder", type=Path, default=Path("out/bench-watch-health"))
    given = parser.parse_args()
    cv2.setNumThreads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    results = given.folder / "results.jsonl"
    done = _read(results)
    until = time.monotonic() + given.seconds
    for name, act in _pieces(given):
        if name in done or name.split()[0] not in given.only.split():
            continue
        if time.monotonic() >= until:
            print("Time is up; run it again to go on.")
            break
        done[name] = act()
        with results.open("a") as file:
            file.write(json.dumps({"piece": name, **done[name]}) + "\n")
    _print(done, f"seed {given.seed}")


def _read(results: Path) -> dict[str, Figures]:
    lines = results.read_text().splitlines() if results.exists() else []
    rows = [json.loads(line) for line in lines]
    return {row.pop("piece"): row for row in rows}


def _pieces(given: argparse.Namespace) -> list[Piece]:
    """Return all that is to be measured, in pieces of a minute at most."""
    video, seed, number = cache(clips), given.seed, given.starts
    starts = {
        "moving": cache(lambda: starts_of_moving(video(), number, seed)),
        "mounted": cache(lambda: starts_of_mounted(video(), number, seed)),
    }
    pieces: list[Piece] = [("cost", lambda: dict(cost(video(), given.whylogs)))]
    for way, made in starts.items():
        for fault, (_, levels) in FAULTS.items():
            if way == "mounted" or fault not in PLACELESS:
                for severity, _ in levels:
                    name = f"{way} seed {seed}, {number} starts: {fault} {severity}"
                    pieces.append((name, lambda m=made, f=fault, s=severity: tried(m(), f, s)))
    for clip in range(10):
        name = f"video seed {seed}: clip {clip + 1}"
        pieces.append((name, lambda c=clip: alarms(video_camera(video(), c, seed))))
    each = given.frames // CELLS
    for cell in range(CELLS):
        name = f"simulated seed {seed}, {each} frames: cell {cell}"
        pieces.append((name, lambda c=cell: alarms(simulated_camera(c, each, seed, given.folder))))
    return pieces


def _print(done: dict[str, Figures], seed: str) -> None:
    if "cost" in done:
        print("Cost, 8 instances in each frame")
        print(cost_told(done["cost"]))
    for way in ("moving", "mounted"):
        rows = [row for name, row in done.items() if name.startswith(f"{way} {seed},")]
        if rows:
            print(f"Faults on the {way} camera, {seed}", *map(line_of, rows), sep="\n")
            right, tries = (sum(int(row[what]) for row in rows) for what in ("right", "n"))
            print(f"  right in all {right} of {tries}: {100 * right / tries:.1f}%")
    for way in ("video", "simulated"):
        rows = [row for name, row in done.items() if name.startswith(f"{way} {seed}")]
        if rows:
            print(f"Alarms, {way}, {seed}", rates_told(rows), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
