"""The demo over several seeds: time, memory, faults, AP on piles no gate ever saw, picks, labels.

Run: ``python benchmarks/bench_demo.py [--seeds 3]``. The models of each run are scored again, on
fresh piles of a site that the demo did not show, so that no figure rests on a slice that a gate
looked at.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from januscl.core import LabelledFrame, Taxonomy
from januscl.evaluate import average_precision
from januscl.line.shelf import Shelf
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, demo_day, make_labelled
from januscl.store import Workspace

FRESH = 60


def all_kinds() -> Taxonomy:
    """Return the base kinds with the late ones, under the ids that the demo gives them."""
    taxonomy = BASE_TAXONOMY
    for name, shape in LATE_KINDS.items():
        taxonomy = taxonomy.with_kind(name, shape)
    return taxonomy


def fresh_piles(taxonomy: Taxonomy, kinds: Sequence[str]) -> dict[str, list[LabelledFrame]]:
    """Return piles of the base kinds, and for each late kind piles that hold 35% of it."""
    mixes: dict[str, Mapping[str, float]] = {"base kinds": BASE_MIX}
    mixes |= {kind: {**BASE_MIX, kind: 0.54} for kind in kinds}
    return {name: list(make_labelled(FRESH, 9000, mix, taxonomy)) for name, mix in mixes.items()}


def resident(root: int) -> int:
    """Return the bytes that a process and all its descendants hold in memory, by /proc."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(folder.name)], pages[int(folder.name)] = int(fields[1]), int(fields[21])
    family = {root}
    while grown := {p for p, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(pages.get(p, 0) for p in family) * resource.getpagesize()


def watched(command: Sequence[str]) -> tuple[str, float, float]:
    """Run a command; return its output, its seconds, and the GiB it held at most."""
    began, most = time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.poll() is None:
            most = max(most, resident(process.pid))
            time.sleep(0.5)
        output = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return output, time.monotonic() - began, most / 2**30


def run(seed: int, folder: Path, piles: dict[str, list[LabelledFrame]]) -> dict[str, Any]:
    """Run one demo and score its first and its last model on fresh piles."""
    janus = Path(sys.executable).parent / "janus"
    asked = ["demo", "--json", "--seed", str(seed), "--out", str(folder)]
    output, seconds, gib = watched([str(janus), *asked])
    facts: dict[str, Any] = json.loads(output)
    facts["wall"], facts["gib"] = seconds, gib
    facts["ap"] = {}
    with Workspace.open(folder / "workspace") as workspace:
        shelf = Shelf(workspace)
        first = workspace.catalogue.models.list()[0].id
        last = workspace.catalogue.aliases.get("champion")
        for name, frames in piles.items():
            truths = [frame.truth for frame in frames]
            kind = all_kinds().named(name).id if name in LATE_KINDS else None
            facts["ap"][name] = tuple(
                _kind_ap(truths, shelf.load(model).predict([f.image for f in frames]), kind)
                for model in (first, last)
            )
    return facts


def _kind_ap(truths: Sequence[Any], seen: Sequence[Any], kind: int | None) -> float:
    scores = average_precision(truths, seen)
    return scores.ap if kind is None else scores.kinds[kind].ap


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """Return the median with the range."""
    low, high = form.format(min(values)), form.format(max(values))
    return f"{form.format(median(values))} ({low} to {high})"


def ratio(novelty: Mapping[str, Any]) -> float | None:
    """Return the failure rate after the release over the one before."""
    was, now = novelty["failed_before"], novelty["failed_after"]
    if not was or not now or not was["failed"] or not now["picks"]:
        return None
    return float((now["failed"] / now["picks"]) / (was["failed"] / was["picks"]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    arrivals = list(dict.fromkeys(arrival.kind for arrival in demo_day().arrivals))
    piles = fresh_piles(all_kinds(), arrivals)
    runs = []
    with TemporaryDirectory() as folder:
        for seed in range(asked.seeds):
            runs.append(run(seed, Path(folder) / str(seed), piles))
            print(f"seed {seed}: {runs[-1]['wall']:.0f} s", file=sys.stderr)
    print(f"{asked.seeds} seeds, median (range)")
    print("seconds, command to report:", spread([r["wall"] for r in runs], "{:.0f}"))
    print("peak memory of all processes, GiB:", spread([r["gib"] for r in runs]))
    faults = [r["faults"] for r in runs]
    right, scripted = (sum(f[key] for f in faults) for key in ("ticketed_right", "scripted"))
    print(f"faults ticketed right: {right} of {scripted}")
    print("tickets without a fault:", sum(f["false_tickets"] for f in faults))
    print("fault frames in decks:", sum(r["fault_frames_in_decks"] for r in runs))
    print(
        "labels a novelty, most:",
        max((n["labels"] for r in runs for n in r["novelties"]), default=0),
    )
    for name in piles:
        before = [r["ap"][name][0] for r in runs]
        after = [r["ap"][name][1] for r in runs]
        gains = [b - a for a, b in zip(before, after, strict=True)]
        print(
            f"AP of {name}, fresh piles: {spread(before)} to {spread(after)}, gain {spread(gains)}"
        )
    for kind in arrivals:
        found = [n for r in runs for n in r["novelties"] if n["name"] == kind]
        ratios = [value for n in found if (value := ratio(n)) is not None]
        closed = sum(n["state"] == "closed" for n in found)
        print(
            f"{kind}: closed in {closed} of {len(runs)}; failed picks after against before:",
            spread(ratios) if ratios else "none to compare",
        )
        for n in found:
            print("   ", n["state"], n["gate"], n["release"], n["failed_before"], n["failed_after"])
    print(
        "bad challenger reached the fleet:",
        sum(r["bad_release"]["in_fleet"] for r in runs if r["bad_release"]),
        "of",
        sum(bool(r["bad_release"]) for r in runs),
    )


if __name__ == "__main__":
    main()
