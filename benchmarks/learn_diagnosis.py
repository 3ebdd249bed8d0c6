"""Make what ``januscl.triage.diagnosis`` learned: its network, then its judge.

Run, again and again with the same folder, until it says that all is done::

    python benchmarks/learn_diagnosis.py draw --folder F --seconds 80
    python benchmarks/bench_watch_diagnosis.py 101 102 103 104 --work 150 --staged 25 --folder F
    python benchmarks/learn_diagnosis.py judge --folder F

The network learns from piles of known kinds alone, the judge from failed picks of other seeds than
those that the benchmark judges by.
"""

import argparse
import json
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch

import januscl.triage
from diagnosis import draw, judge
from diagnosis.figures import interval
from diagnosis.piles import Picture, pictures
from januscl.sim import LATE_KINDS
from januscl.train import factory_model

PICTURES, SEED, SECONDS = 1400, 201, 430.0  # of teaching, in all
HOME = Path(januscl.triage.__file__).parent


def main() -> None:
    torch.set_num_threads(1)
    asked = argparse.ArgumentParser()
    asked.add_argument("what", choices=("draw", "judge"))
    asked.add_argument("--folder", type=Path, required=True)
    asked.add_argument("--seconds", type=float, default=SECONDS)
    given = asked.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.what == "judge":
        _judge(given.folder)
        return
    began = time.monotonic()
    seen = _kept(given.folder / "pictures.npz")
    done = draw.teach(given.folder, seen, given.seconds - (time.monotonic() - began), SECONDS)
    if done:
        draw.write(given.folder, HOME / "redraw.npz")
        print("all is done")


def _judge(folder: Path) -> None:
    """Fit the judge, and print how well it does on what it was not fitted on."""
    sets = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*-*.json"))}
    records = [record for found in sets.values() for record in found]
    judge.write(judge.fitted(records), HOME / "judge.npz")
    print(f"fitted on {len(records)} failed picks of {len(sets)} sets")
    seeds = [name.split("-")[1] for name, found in sets.items() for _ in found]
    names = [name.split("-")[0] for name, found in sets.items() for _ in found]
    by_seed = judge.held_out(records, seeds)
    for name in sorted(set(names)):
        mine = [r for r, n in zip(by_seed, names, strict=True) if n == name and r is not None]
        print(f"{name}, each seed held out: {interval(mine)} agree")
    kinds = [r["kind"] if r["kind"] in LATE_KINDS else "" for r in records]
    by_kind = judge.held_out(records, kinds)
    for kind in LATE_KINDS:
        mine = [r for r, k in zip(by_kind, kinds, strict=True) if k == kind and r is not None]
        print(f"{kind}, held out: {interval(mine)} agree")


def _kept(path: Path) -> list[Picture]:
    """Return the pictures to learn from; they are made by the first call."""
    if not path.exists():
        made = list(islice(pictures(factory_model(), np.random.default_rng((SEED, 77))), PICTURES))
        counts = [len(picture.seen) for picture in made]
        np.savez(
            path,
            allow_pickle=False,
            image=np.stack([picture.image for picture in made]),
            depth=np.stack([picture.depth for picture in made]),
            empty=np.stack([picture.empty for picture in made]),
            ids=np.stack([picture.ids.astype(np.uint8) for picture in made]),
            seen=np.packbits(np.concatenate([picture.seen for picture in made]), axis=-1),
            ends=np.cumsum(counts),
        )
    with np.load(path, allow_pickle=False) as file:
        kept = {name: file[name] for name in file.files}
    masks = np.split(np.unpackbits(kept["seen"], axis=-1).astype(bool), kept["ends"][:-1])
    columns = (kept["image"], kept["depth"], kept["empty"], kept["ids"], masks)
    return [Picture(*row) for row in zip(*columns, strict=True)]


if __name__ == "__main__":
    main()
