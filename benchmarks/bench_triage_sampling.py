"""What a model learns from the frames that a campaign takes, and from frames taken at random.

A stream of simulated piles at 192 px, with a novelty in a share of them. Each pile is looked at
three times: as it was poured, once more untouched, and without its topmost package, so that two in
three frames are near-duplicates. The shipped model sees the stream; what the novelty watcher finds
strange goes to the `NoveltyDesk`, as in the line, with an attempt on one instance of each frame,
which fails in half of the cases on the novelty and in 5% else. A campaign takes its 60 frames among
those of the costliest novelty. From the shipped model, each arm is trained for the same number of
steps with the default strategy and the same pictures of history, and judged by its mask AP on 50
other piles with the novelty:

* ``campaign``: `choose_frames` over all of the novelty's frames;
* ``first``: `choose_frames` as soon as 60 frames wait, as the line asks if nothing is in its way;
* ``random``: frames of the stream at random.

Each seed has a novelty of its own among the simulator's late kinds.

Run: ``python benchmarks/bench_triage_sampling.py --folder out/sampling [--limit 80]``. Results go
to ``results.jsonl``; a run whose time was up goes on where it was.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import torch

from januscl.core import (
    Frame,
    Instances,
    LabelledFrame,
    Observation,
    Taxonomy,
    id_map_of,
    mask_cover,
    masks_of,
    new_id,
)
from januscl.decks import Augmenter, Recipe
from januscl.evaluate import average_precision
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, Look, Pile, make_labelled, sensed
from januscl.sim.camera import Camera
from januscl.sim.eye import eye
from januscl.sim.truth import truth_of
from januscl.train import CompactModel, Settings, factory_model, fit, strategy_named
from januscl.triage import Candidate, NoveltyDesk, Sighting, choose_frames
from januscl.watch import InstanceNovelty

SIZE, PILES, LOOKS, CELLS, WITHIN = 192, 200, 3, 4, 0.35
REFERENCE, HISTORY, JUDGES, FRAMES = 120, 120, 50, 60
FAILS, USUALLY = 0.5, 0.05
STRANGE = 0.02  # p-value, as in `classify`
START = datetime(2026, 1, 1, tzinfo=UTC)
NOVELTIES = ("black polybag", "holiday box", "wrapped parcel", "window box")


@dataclass(frozen=True)
class Bench:
    """One stream and what is done with it.

    Attributes:
        folder: Pictures and results.
        share: Of the piles, those with the novelty.
        steps: Of each training.
    """

    folder: Path
    share: float
    steps: int

    def novelty(self, seed: int) -> str:
        """Return what is new in a stream."""
        return NOVELTIES[seed % len(NOVELTIES)]

    def taxonomy(self, seed: int) -> Taxonomy:
        """Return the known kinds and the new one."""
        name = self.novelty(seed)
        return BASE_TAXONOMY.with_kind(name, LATE_KINDS[name])

    def mix(self, seed: int) -> dict[str, float]:
        """Return the shares of the kinds in a pile with the novelty."""
        total = sum(BASE_MIX.values())
        known = {kind: (1 - WITHIN) * share / total for kind, share in BASE_MIX.items()}
        return {**known, self.novelty(seed): WITHIN}

    def stream(self, seed: int) -> list[LabelledFrame]:
        """Return all looks at all piles, in the order in which they were taken."""
        path = self.folder / f"stream-{seed}-{self.share:g}.npz"
        if not path.exists():
            rng = np.random.default_rng((seed, 1))
            novel = rng.random(PILES) < self.share
            frames = [
                frame for number in range(PILES)
                for frame in self._looks(seed, number, bool(novel[number]))
            ]  # fmt: skip
            write(path, frames)
        return read(path)

    def _looks(self, seed: int, number: int, novel: bool) -> list[LabelledFrame]:
        rng = np.random.default_rng((seed, 2, number))
        look = Look().varied(np.random.default_rng((seed, 3, number % CELLS)))
        count = int(rng.integers(6, 11))
        pile = Pile.poured(self.mix(seed) if novel else BASE_MIX, count, rng, look)
        camera, frames = Camera.of_look(look), []
        for turn in range(LOOKS):
            if turn == LOOKS - 1:
                rest = np.delete(np.arange(len(pile.packages)), pile.poses[:, 2].argmax())
                pile = Pile(tuple(pile.packages[k] for k in rest), pile.poses[rest], look)
                pile.settle(0.5)
            shot = eye(SIZE).shoot(pile, camera)
            truth = truth_of(pile, camera, shot).instances(self.taxonomy(seed))
            at = START + timedelta(seconds=10 * (number * LOOKS + turn))
            id = new_id(at, number.to_bytes(10, "big"))
            frames.append(LabelledFrame(id, sensed(shot.image, {}, rng), truth))
        return frames

    def labelled(self, name: str, seed: int, count: int) -> list[LabelledFrame]:
        """Return piles to learn known kinds from, or to judge by."""
        drawn_by = {"judges": 5000 + seed, "history": 6000, "known": 7000}[name]
        path = self.folder / f"{name}-{drawn_by}.npz"
        if not path.exists():
            mix = self.mix(seed) if name == "judges" else BASE_MIX
            write(path, list(make_labelled(count, drawn_by, mix, self.taxonomy(seed), SIZE)))
        return read(path)

    def candidates(self, seed: int, stream: Sequence[LabelledFrame]) -> list[list[Candidate]]:
        """Return what a campaign may take: all of it, and what waited when it was first enough."""
        model = factory_model()
        known = self.labelled("known", seed, REFERENCE)
        reference = observed(model, known)
        watcher = InstanceNovelty().fit(reference)
        rows = [o.instances for o in reference]
        desk = NoveltyDesk(
            np.concatenate([r.embeddings[r.counted()] for r in rows]), len(stream), 12, 8
        )
        chance = np.random.default_rng((seed, 5))
        kind = self.taxonomy(seed).named(self.novelty(seed)).id
        strangest: dict[str, float] = {}
        first: list[Candidate] = []
        for number, seen in enumerate(observed(model, stream)):
            signals = watcher.score(seen)
            strange = {s.instance for s in signals if s.p_value <= STRANGE}
            there, embeddings = seen.instances.counted(), seen.instances.embeddings
            near = desk.nearest(embeddings[there])
            wanted = strange | {int(r) for r, n in zip(there, near, strict=True) if n}
            strangest[seen.id] = max((s.score for s in signals if s.instance in strange), default=0)
            robot, at = seen.frame.robot, seen.frame.at
            desk.see([
                Sighting(seen.id, r, robot, at, embeddings[r], r in strange) for r in sorted(wanted)
            ])  # fmt: skip
            if len(there):
                row = int(chance.choice(there))
                novel = kind_of(seen.instances, row, stream[number].truth) == kind
                failed = bool(chance.random() < (FAILS if novel else USUALLY))
                desk.tell(seen.id, row, failed, at)
            if not first and number % 20 == 0:
                waiting = of_costliest(desk, strangest)
                first = waiting if len(waiting) >= FRAMES else []
        return [of_costliest(desk, strangest), first]

    def chosen(self, seed: int, arm: str, stream: Sequence[LabelledFrame]) -> list[LabelledFrame]:
        """Return the frames that an arm learns from."""
        way, _, count = arm.partition(" ")
        if way == "untaught":
            return []
        if way == "random":
            number, draw = (int(word) for word in count.split("/"))
            rows = np.random.default_rng((seed, 4, draw)).permutation(len(stream))[:number]
            return [stream[int(row)] for row in sorted(rows)]
        path = self.folder / f"taken-{seed}-{self.share:g}.json"
        if not path.exists():
            offered = self.candidates(seed, stream)
            path.write_text(json.dumps([campaign(some, seed) for some in offered]))
        taken = json.loads(path.read_text())[0 if way == "campaign" else 1]
        return [frame for frame in stream if frame.id in set(taken)]

    def run(self, seed: int, arm: str) -> dict[str, object]:
        """Train one arm, judge it, and return the row of results."""
        stream = self.stream(seed)
        taken = self.chosen(seed, arm, stream)
        kind = self.taxonomy(seed).named(self.novelty(seed)).id
        model = factory_model().grown(self.taxonomy(seed))
        if taken:
            settings = Settings(steps=self.steps, seed=seed, threads=1)
            history = self.labelled("history", seed, HISTORY)
            default = strategy_named("replay+interpolate")
            model = fit(model, taken, history, default, settings, Augmenter(Recipe())).model
        judges = self.labelled("judges", seed, JUDGES)
        seen = model.predict([frame.image for frame in judges])
        found = average_precision([frame.truth for frame in judges], seen)
        with_it = {frame.id for frame in taken if kind in frame.truth.labels}
        piles = {row // LOOKS for row, frame in enumerate(stream) if frame.id in with_it}
        return {
            "seed": seed, "arm": arm, "share": self.share, "steps": self.steps,
            "novelty": self.novelty(seed), "ap": round(found.ap, 4),
            "of_kind": round(found.kinds[kind].ap, 4), "frames": len(taken),
            "with_it": len(with_it), "piles": len(piles),
        }  # fmt: skip


def campaign(offered: Sequence[Candidate], seed: int) -> list[str]:
    """Return the frames that the line would take of these."""
    taken = choose_frames(offered, FRAMES, seed)
    # Where too few looks differ, near-duplicates make up the number.
    rest = [c.observation for c in offered if c.observation not in set(taken)]
    return taken + rest[: FRAMES - len(taken)]


def kind_of(seen: Instances, row: int, truth: Instances) -> int | None:
    """Return the kind of the package that most of an instance lies on."""
    cover = mask_cover([seen.masks[row]], truth.masks)[0]
    return int(truth.labels[cover.argmax()]) if cover.size and cover.max() >= 0.5 else None


def of_costliest(desk: NoveltyDesk, strangest: dict[str, float]) -> list[Candidate]:
    """Return the candidates of the novelty that costs most, one a frame."""
    novelties = desk.rank()
    if not novelties:
        return []
    latest = {s.observation: s for s in desk.members(novelties[0].id)}
    return [Candidate(i, s.robot, s.at, s.embedding, strangest[i]) for i, s in latest.items()]


def observed(model: CompactModel, frames: Sequence[LabelledFrame]) -> list[Observation]:
    seen = model.predict([frame.image for frame in frames])
    found = []
    for number, (frame, instances) in enumerate(zip(frames, seen, strict=True)):
        camera = f"camera-{number // LOOKS % CELLS}"
        at = START + timedelta(seconds=10 * number)
        found.append(Observation(frame.id, Frame(frame.image, camera, camera, at), instances, "m"))
    return found


def write(path: Path, frames: Sequence[LabelledFrame]) -> None:
    labels = np.zeros((len(frames), max(len(f.truth) for f in frames)), np.int64)
    for row, frame in zip(labels, frames, strict=True):
        row[: len(frame.truth)] = frame.truth.labels
    ids = np.stack([id_map_of(f.truth.masks, SIZE, SIZE).astype(np.uint8) for f in frames])
    staged = path.with_suffix(".part.npz")
    np.savez_compressed(
        staged, images=np.stack([f.image for f in frames]), ids=ids, labels=labels,
        names=np.asarray([f.id for f in frames]),
    )  # fmt: skip
    staged.rename(path)


def read(path: Path) -> list[LabelledFrame]:
    with np.load(path, allow_pickle=False) as kept:
        parts = [kept[name] for name in ("names", "images", "ids", "labels")]
    return [
        LabelledFrame(
            str(name), image,
            Instances.of_masks(masks_of(ids.astype(np.int32), int((row > 0).sum())), row[row > 0]),
        )
        for name, image, ids, row in zip(*parts, strict=True)
    ]  # fmt: skip


def table(rows: Sequence[dict[str, object]], arms: Sequence[str]) -> None:
    """Print each arm's figures by seed, and by how much campaigns are above random 150."""
    by = {(row["seed"], row["arm"]): row for row in rows}
    seeds = sorted({row["seed"] for row in rows})
    print(f"\n{'':16}" + "".join(f"{f'seed {s}: AP, frames with it, piles':>36}" for s in seeds))
    for arm in arms:
        cells = [by.get((seed, arm)) for seed in seeds]
        print(f"{arm:16}" + "".join(
            f"{'':36}" if c is None else f"{c['ap']:14.3f}{c['of_kind']:8.3f}"
            f"{c['with_it']:5}/{c['frames']:<4}{c['piles']:5}" for c in cells
        ))  # fmt: skip
    for arm, others in (("campaign 60", "random 150/"), ("first 60", "random 150/"),
                        ("campaign 60", "random 60/")):  # fmt: skip
        apart = [
            by[seed, arm]["ap"] - np.mean([by[seed, o]["ap"] for o in arms if o.startswith(others)])
            for seed in seeds
            if (seed, arm) in by and all((seed, o) in by for o in arms if o.startswith(others))
        ]
        if len(apart) > 1:
            t = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}.get(len(apart), 2.0)
            half = t * np.std(apart, ddof=1) / np.sqrt(len(apart))
            print(f"{arm} less {others[:-1]}: {np.mean(apart):+.3f} ± {half:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("out/sampling"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--draws", type=int, default=2, help="of 150 random frames")
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds of this call")
    given = parser.parse_args()
    torch.set_num_threads(1)
    ends = time.monotonic() + given.limit
    given.folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(given.folder, given.share, given.steps)
    drawn = [f"random 150/{draw}" for draw in range(given.draws)] + ["random 60/0"]
    arms = ["untaught 0", "campaign 60", *drawn, "first 60"]
    path = given.folder / "results.jsonl"

    def rows() -> list[dict[str, object]]:
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [r for r in found if (r["share"], r["steps"]) == (given.share, given.steps)]

    done = {(row["seed"], row["arm"]) for row in rows()}
    left = [(s, a) for a in arms for s in given.seeds if (s, a) not in done]
    for seed, arm in left:
        if time.monotonic() > ends:
            break
        row = bench.run(seed, arm)
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
    table(rows(), arms)
    if time.monotonic() > ends:
        print("\nThe time of this call is up; run it again to go on.")
        sys.exit(3)


if __name__ == "__main__":
    main()
