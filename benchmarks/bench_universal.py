"""What a pretrained model is worth in environments that it has never seen.

For each set of `universal.sets.SETS`, mask AP on pictures that nothing was learned from:

* ``few``: 15 labelled pictures, 150 steps of 8;
* ``all``: 150 labelled pictures and as many steps; ``long``: and three times as many.

from a new model, from the factory model, and from the universal one, or from any model's file. So
``universal few`` against ``new long`` says what a tenth of the labels is worth, and ``universal
all`` against ``new long`` what a third of the steps is.

Run: ``python benchmarks/bench_universal.py [--limit 80]``. Results go to ``results.jsonl`` in
``--folder``; a run that was stopped, or whose time was up, goes on where it was.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from januscl.core import LabelledFrame, Taxonomy
from januscl.evaluate import average_precision
from januscl.line.adapting import LEARNING_RATE, adapt, adapting, sized
from januscl.train import CompactModel, factory_model, limited_threads, universal_model
from universal.sets import SETS

TASKS = {"few": (0.1, 1), "all": (1.0, 1), "long": (1.0, 3)}
"""Share of the labels, and how many times the steps."""
USUAL = ("new few", "factory few", "universal few", "universal all", "new long")
DATA = Path(__file__).resolve().parents[2] / "shared/data"


class OutOfTimeError(Exception):
    """The time of this call is up."""


def start_of(name: str, known: Taxonomy, size: int, seed: int) -> CompactModel:
    """Return the model that a run starts from, for pictures of ``size`` px."""
    if name == "new":
        return CompactModel.new(known, size, seed)
    shipped = {"factory": factory_model, "universal": universal_model}
    model = shipped[name]() if name in shipped else CompactModel.load(name)
    return sized(model, size)


def score(
    given: argparse.Namespace,
    job: dict[str, object],
    known: Taxonomy,
    learned: list[LabelledFrame],
    judged: list[LabelledFrame],
    deadline: float,
) -> dict[str, object]:
    """Return the job with its AP, or raise `OutOfTimeError` with the run kept."""
    share, times = TASKS[str(job["task"])]
    frames = learned[: max(1, round(share * len(learned)))]
    settings = adapting(given.steps * times, None, int(str(job["seed"])), given.threads)
    settings = replace(settings, lr=given.lr)
    model = start_of(str(job["start"]), known, given.size, settings.seed)
    kept = given.folder / f"{'-'.join(str(v) for v in job.values())}.checkpoint".replace("/", "_")

    def show(done: int, of: int, loss: float) -> None:
        if time.monotonic() > deadline and done % 25 == 0 and done < of:
            raise OutOfTimeError

    report = adapt(model, known, frames, settings, kept, show)
    seen = report.model.predict([frame.image for frame in judged])
    scores = average_precision([frame.truth for frame in judged], seen)
    kept.unlink()
    return {**job, "ap": round(scores.ap, 4), "ap50": round(scores.ap50, 4),
            "labels": len(frames), "seconds": round(report.spent, 1)}  # fmt: skip


def table(rows: list[dict[str, object]]) -> None:
    """Print mean mask AP, and AP50, of each start and task on each set, over the seeds done."""
    names = sorted({str(row["set"]) for row in rows})
    print(f"{'':24}" + "".join(f"{name:>16}" for name in names))
    for run in dict.fromkeys(f"{row['start']} {row['task']}" for row in rows):
        cells = []
        for name in names:
            found = [r for r in rows if r["set"] == name and f"{r['start']} {r['task']}" == run]
            ap, ap50 = (
                sum(float(str(r[key])) for r in found) / max(1, len(found))
                for key in ("ap", "ap50")
            )
            cells.append(f"{ap:.3f} ({ap50:.2f})" if found else "")
        print(f"{run[-24:]:24}" + "".join(f"{cell:>16}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--runs", nargs="+", default=list(USUAL), help="such as 'new few'")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--labels", type=int, default=150)
    parser.add_argument("--judges", type=int, default=60)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--lr", type=float, default=LEARNING_RATE, help="highest learning rate")
    parser.add_argument("--size", type=int, default=192, help="side of a picture in px")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds of this call")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--folder", type=Path, default=Path("out/bench-universal"))
    given = parser.parse_args()
    deadline = time.monotonic() + given.limit
    given.folder.mkdir(parents=True, exist_ok=True)
    file = given.folder / "results.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    complete = True
    with limited_threads(given.threads):
        try:
            for name in given.sets:
                _run_set(given, name, rows, file, deadline)
        except OutOfTimeError:
            complete = False
    told = {"size": given.size, "steps": given.steps, "lr": given.lr}
    table([row for row in rows if told.items() <= row.items()])
    if not complete:
        print("\nThe time of this call is up; run it again to go on.")
        sys.exit(3)


def _run_set(
    given: argparse.Namespace,
    name: str,
    rows: list[dict[str, object]],
    file: Path,
    deadline: float,
) -> None:
    """Do what is left to do on one set, and add it to the rows and to the file."""
    jobs = []
    for seed in range(given.seeds):
        for run in given.runs:
            start, _, task = run.rpartition(" ")
            job = {"set": name, "start": start, "task": task, "seed": seed, "size": given.size,
                   "steps": given.steps, "lr": given.lr}  # fmt: skip
            if not any(job.items() <= row.items() for row in rows):
                jobs.append(job)
    if not jobs:
        return
    known, learned, judged = SETS[name](given.data, given.labels, given.judges, given.size)
    for job in jobs:
        if time.monotonic() > deadline:
            raise OutOfTimeError
        rows.append(score(given, job, known, learned, judged, deadline))
        with file.open("a") as out:
            out.write(json.dumps(rows[-1]) + "\n")
        print(json.dumps(rows[-1]), flush=True)


if __name__ == "__main__":
    main()
