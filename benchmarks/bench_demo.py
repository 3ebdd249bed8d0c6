"""The demo over several seeds: time, memory, faults, AP on piles no gate ever saw, picks, labels.

Run: ``python benchmarks/bench_demo.py [--seeds 3] [--demos FOLDER] [--skip-joint]``. The models of
each run are scored again at a site that the demo did not show: AP on fresh piles and several
hundred physical picks, so that no figure rests on a slice that a gate looked at. Beside them stands
what training on everything at once reaches, unless it is skipped: the factory model, all labels of
the day and its history together, twice the steps of a cycle. With ``--demos`` the runs are kept in
a folder, and those that it holds are scored without being run again.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from januscl.cli.simulated import true_kind
from januscl.core import Cell, LabelledFrame, NoveltyState, SegmentationModel, Stage, Taxonomy
from januscl.decks import Augmenter, Recipe
from januscl.evaluate import average_precision
from januscl.line.fleet import Tried, attempt
from januscl.line.keeping import load_labelled
from januscl.line.policy import Learning
from januscl.line.shelf import Shelf
from januscl.sim import (
    BASE_MIX,
    BASE_TAXONOMY,
    LATE_KINDS,
    CellRobot,
    Look,
    demo_day,
    make_labelled,
)
from januscl.store import Workspace
from januscl.train import CompactModel, Replay, Settings, fit

FRESH, PICKS, THREADS = 60, 480, 2


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


@dataclass(frozen=True)
class Scores:
    """What one model comes to at the fresh site: AP by pile, and the share of failed picks."""

    ap: dict[str, float]
    failed: dict[str, float]


def score(
    model: SegmentationModel, piles: Mapping[str, list[LabelledFrame]], picked: Iterable[str]
) -> Scores:
    """Score a model on fresh piles, and let it pick from piles with each of the picked kinds."""
    ap = {}
    for name, frames in piles.items():
        scores = average_precision(
            [frame.truth for frame in frames], model.predict([frame.image for frame in frames])
        )
        ap[name] = scores.ap
        if name in LATE_KINDS:
            ap[name] = scores.kinds[all_kinds().named(name).id].ap
    return Scores(ap, {kind: failed_picks(model, kind) for kind in picked})


def failed_picks(model: SegmentationModel, kind: str) -> float:
    """Return the share of attempts on a kind that fail, of `PICKS` attempts on mixed piles."""
    rng = np.random.default_rng(5)
    robots = [
        CellRobot(Cell(f"r{i}", f"c{i}", "line", "site"), Look().varied(rng), 500 + i)
        for i in range(4)
    ]
    tried = [Tried() for _ in robots]
    outcomes = []
    for robot in robots:
        robot.mix = {**BASE_MIX, kind: 0.82}
    for _ in range(PICKS // len(robots)):
        frames = [robot.look() for robot in robots]
        seen = model.predict([frame.image for frame in frames])
        for robot, frame, instances, before in zip(robots, frames, seen, tried, strict=True):
            pick = attempt(robot, frame, instances, frame.at, before)
            assert robot.last_attempt is not None
            if true_kind(robot.last_attempt) == kind:
                outcomes.append(pick.outcome.failed)
    return sum(outcomes) / len(outcomes)


def joint(workspace: Workspace, first: str, threads: int) -> CompactModel:
    """Train the first model on all labels of the day and its history at once."""
    catalogue = workspace.catalogue
    released = [catalogue.models.get(r.model) for r in catalogue.releases.list()]
    decks = [catalogue.decks.get(model.deck) for model in released if model.deck]
    items = {item.id: item for deck in decks for item in deck.items}
    new = {id for id, item in items.items() if item.source != "history"}
    taught = load_labelled(workspace, [items[id] for id in sorted(new)])
    history = load_labelled(workspace, [items[id] for id in sorted(items.keys() - new)])
    model = Shelf(workspace).load(first).grown(all_kinds())
    settings = Settings(steps=2 * Learning().steps, threads=threads)
    return fit(model, taught, history, Replay(0.5), settings, augment=Augmenter(Recipe())).model


def run(
    seed: int, folder: Path, piles: dict[str, list[LabelledFrame]], upper: bool
) -> dict[str, Any]:
    """Run one demo, unless it was run before, and score its models at the fresh site.

    With ``upper`` a model is trained on everything at once, and scored as well.
    """
    account = folder.with_suffix(".json")
    if not account.exists():
        janus = Path(sys.executable).parent / "janus"
        asked = ["demo", "--json", "--seed", str(seed), "--out", str(folder)]
        output, seconds, gib = watched([str(janus), *asked])
        account.write_text(json.dumps(json.loads(output) | {"wall": seconds, "gib": gib}))
    facts: dict[str, Any] = json.loads(account.read_text())
    with Workspace.open(folder / "workspace") as workspace:
        shelf, catalogue = Shelf(workspace), workspace.catalogue
        first = catalogue.models.list()[0].id
        last = catalogue.aliases.get("champion")
        done = {r.novelty: r.model for r in catalogue.releases.list() if r.stage is Stage.DONE}
        facts["cycles"] = {
            novelty.name: (catalogue.models.get(model).parent, model)
            for novelty in catalogue.novelties.list()
            if (model := done.get(novelty.id)) and novelty.state is not NoveltyState.DISMISSED
        }
        late = [name for name in piles if name in LATE_KINDS]
        picked: dict[str, set[str]] = {first: set(), last: set(late) - facts["cycles"].keys()}
        for kind, models in facts["cycles"].items():
            for model in models:
                picked.setdefault(model, set()).add(kind)
        facts["scores"] = {m: score(shelf.load(m), piles, kinds) for m, kinds in picked.items()}
        facts["first"], facts["last"] = facts["scores"][first], facts["scores"][last]
        if upper:
            facts["joint"] = score(joint(workspace, first, THREADS), piles, late)
    return facts


def cycle_of(facts: Mapping[str, Any], kind: str) -> tuple[Scores, Scores]:
    """Return the scores of the champions before and after a kind's cycle; the last's if none."""
    before, after = facts["cycles"].get(kind, (None, None))
    if after is None:
        return facts["last"], facts["last"]
    return facts["scores"][before], facts["scores"][after]


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


def tell(name: str, runs: Sequence[Mapping[str, Any]], cycles: Sequence[tuple[Any, Any]]) -> None:
    """Print what the fresh site says of a kind before and after, and of joint training."""
    was, now = ([scores.ap[name] for scores in side] for side in zip(*cycles, strict=True))
    upper = [r["joint"] for r in runs if "joint" in r]
    gains = [b - a for a, b in zip(was, now, strict=True)]
    print(f"AP of {name}, fresh piles: {spread(was)} to {spread(now)}, gain {spread(gains)}")
    if upper:
        reached = [scores.ap[name] for scores in upper]
        parts = [b / u for b, u in zip(now, reached, strict=True)]
        print(f"    training on everything {spread(reached)}, of which this is {spread(parts)}")
    if name in LATE_KINDS:
        lost, left = ([s.failed[name] for s in side] for side in zip(*cycles, strict=True))
        times = [b / a for a, b in zip(lost, left, strict=True)]
        print(f"    failed picks {spread(lost)} to {spread(left)}: {spread(times)}x")
        if upper:
            print(f"    after training on everything {spread([u.failed[name] for u in upper])}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--demos", type=Path, help="keep the runs here, and score those kept")
    parser.add_argument("--skip-joint", action="store_true", help="do not train on everything")
    asked = parser.parse_args()
    arrivals = list(dict.fromkeys(arrival.kind for arrival in demo_day().arrivals))
    piles = fresh_piles(all_kinds(), arrivals)
    runs = []
    with TemporaryDirectory() as temporary:
        folder = asked.demos or Path(temporary)
        folder.mkdir(exist_ok=True)
        for seed in range(asked.seeds):
            runs.append(run(seed, folder / str(seed), piles, not asked.skip_joint))
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
    tell("base kinds", runs, [(r["first"], r["last"]) for r in runs])
    for kind in arrivals:
        tell(kind, runs, [cycle_of(r, kind) for r in runs])
    for kind in arrivals:
        found = [n for r in runs for n in r["novelties"] if n["name"] == kind]
        ratios = [value for n in found if (value := ratio(n)) is not None]
        closed = sum(n["state"] == "closed" for n in found)
        print(
            f"{kind}: closed in {closed} of {len(runs)}; in the day itself, failed picks:",
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
