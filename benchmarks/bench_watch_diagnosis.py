"""Why failed picks failed: the diagnosis from what a robot knows, against the simulator's truth.

Run: ``python benchmarks/bench_watch_diagnosis.py``, with seeds to run other than three of them.
``--folder`` keeps each set of failed picks as it is made (under a minute on one core), and a run
with the same folder goes on from there. One process, one thread, pictures of 192 px.

Two sets of failed picks, for each seed in a cell of its own:

- **work**: the shipped model and a robot that tries any instance scored 0.5 or more at its
  deepest point, on piles of which 14% are of kinds that the model was not taught;
- **staged**: true masks, of which the one that is tried is first merged with its neighbour, cut in
  two, grown, shrunk or moved, robbed of the package upon it, or left as it is and tried near its
  edge; or it is of a kind that the model was not taught.

Truth is what would have made the pick work: it is made again by the simulator on the true mask, see
`diagnosis.truth.true_cause`. What the mask alone is like is printed too, see `named_by_mask`. Both
score the diagnosis and are told to nothing else. Each diagnosis is made a second time in a changed
world: depth with 2 mm of noise and 2% holes, and a picture a third darker.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diagnosis.cases import STAGES, Bench, Case, at_work, staged
from diagnosis.figures import interval
from januscl.core import Frame
from januscl.sim import LATE_KINDS, Look
from januscl.train import CompactModel, factory_model
from januscl.triage.diagnosis import Diagnosis, diagnose, readings_of
from januscl.triage.judge import judged
from januscl.triage.mask_readings import read_mask
from januscl.triage.mask_rules import by_rules
from januscl.triage.surfaces import find_edges

SEEDS = (1, 2, 3)
FIELD_OF_VIEW = Look().field_of_view
AT_WORK, STAGED = 50, 10  # failures a seed; a stage and seed
NOISE, HOLES, DARKER = 0.002, 0.02, 0.67  # metres, share of the pixels, of the brightness
Record = dict[str, Any]


def recorded(case: Case, rng: np.random.Generator) -> Record:
    """Return a case as JSON values: what was read of it, what else would say, and what is true."""
    failed, after, pick = case.failed, case.after, case.failed.pick
    assert pick is not None
    spoilt = replace(failed, frame=_spoilt(failed.frame, rng))
    later = None if after is None else replace(after, frame=_spoilt(after.frame, rng))
    colour = replace(failed, frame=replace(failed.frame, depth=None))
    return {
        "stage": case.stage,
        "outcome": pick.outcome.value,
        "cause": case.truth.cause.value,
        "by_mask": case.truth.by_mask.value,
        "kind": case.kind,
        "readings": readings_of(failed, case.signals, after, case.empty),
        "changed_readings": readings_of(spoilt, case.signals, later, case.empty),
        "rules": _by_rules(case),
        "colour": diagnose(colour, case.signals).diagnosis.value,
    }


def _by_rules(case: Case) -> str:
    """Return what rules say with depth and the empty bin."""
    failed, pick, after = case.failed, case.failed.pick, case.after
    assert pick is not None
    row = pick.instance
    if row is None:
        return diagnose(failed, case.signals).diagnosis.value
    frame, depth = failed.frame, None if after is None else after.frame.depth
    edges = find_edges(frame.image, frame.depth, FIELD_OF_VIEW)
    read = read_mask(row, failed.instances, edges, frame.depth, case.empty, depth)
    novel = (s.p_value for s in case.signals if s.instance == row)
    return by_rules(read, min(novel, default=1.0), pick.outcome)[0].value


def _spoilt(frame: Frame, rng: np.random.Generator) -> Frame:
    assert frame.depth is not None
    depth = frame.depth + rng.normal(0, NOISE, frame.depth.shape).astype(np.float32)
    depth[rng.random(depth.shape) < HOLES] = 0
    return replace(frame, image=(frame.image * DARKER).astype(np.uint8), depth=depth)


def gathered(name: str, seed: int, model: CompactModel, count: int) -> list[Record]:
    """Return the failed picks of one set and seed."""
    bench, rng = Bench(seed, model), np.random.default_rng((seed, 11))
    cases = at_work(bench) if name == "work" else staged(bench)
    return [recorded(case, rng) for case in islice(cases, count)]


def told(name: str, records: Sequence[Record]) -> None:
    """Print how often the diagnosis of some failed picks is right."""

    def agree(said: str, truth: str = "cause") -> str:
        return interval([r[said] == r[truth] for r in records])

    print(f"\n{name}: {agree('diagnosis')} agree with what would have made the pick work")
    print(f"  with what the mask alone is like  {agree('diagnosis', 'by_mask')}")
    print(f"  in a changed world                {agree('changed')}")
    print(f"  by colour alone, by rules         {agree('colour')}")
    print(f"  by depth, by rules                {agree('rules')}")
    print(f"  the same, with the mask alone     {agree('rules', 'by_mask')}")
    sure = [r["diagnosis"] == r["cause"] for r in records if r["sure"] >= 0.8]
    print(f"  of those that are 80% sure        {interval(sure)}")
    late = [r["diagnosis"] == r["cause"] for r in records if r["kind"] in LATE_KINDS]
    print(f"  of packages of untaught kinds     {interval(late)}")
    table = Counter((r["cause"], r["diagnosis"]) for r in records)
    print(f"  {'truth, then diagnosis':22}" + "".join(f"{d.name.lower():>16}" for d in Diagnosis))
    for truth in Diagnosis:
        row = "".join(f"{table[truth.value, said.value]:16}" for said in Diagnosis)
        print(f"  {truth.value:22}{row}")


def kept(folder: Path, name: str, seed: int, model: CompactModel, count: int) -> list[Record]:
    """Return the failed picks of one set and seed, from the folder where they lie there."""
    path = folder / f"{name}-{seed}.json"
    if not path.exists():
        began = time.monotonic()
        found = gathered(name, seed, model, count)
        path.write_text(json.dumps(found))
        print(f"{name}, seed {seed}: {len(found)} in {time.monotonic() - began:.0f} s", flush=True)
    records: list[Record] = json.loads(path.read_text())
    return [_said(record) for record in records]


def _said(record: Record) -> Record:
    """Return a record with what is said of it now."""
    diagnosis, sure, changed = record["rules"], 0.0, record["rules"]
    if record["readings"] is not None:
        diagnosis, _, sure = judged(record["readings"])
        changed = judged(record["changed_readings"])[0]
    return {**record, "diagnosis": str(diagnosis), "changed": str(changed), "sure": sure}


def main() -> None:
    torch.set_num_threads(1)
    asked = argparse.ArgumentParser()
    asked.add_argument("seeds", type=int, nargs="*", default=SEEDS)
    asked.add_argument("--folder", type=Path)
    asked.add_argument("--work", type=int, default=AT_WORK)
    asked.add_argument("--staged", type=int, default=STAGED)
    given, model = asked.parse_args(), factory_model()
    folder = given.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    counts = {"work": given.work, "staged": given.staged * len(STAGES)}
    everything: list[Record] = []
    for name, count in counts.items():
        if not count:
            continue
        records = [r for s in given.seeds for r in kept(folder, name, s, model, count)]
        told(name, records)
        everything += records
    told("all", everything)


if __name__ == "__main__":
    main()
