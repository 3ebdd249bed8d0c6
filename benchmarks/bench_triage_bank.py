"""What the shipped model and an updated one see in piles with eight novelties, kept on disk.

The other triage benchmarks read it. Piles of 192 px as in ``bench_watch_novelty.py``: base kinds
alone, and with each of the simulator's four late kinds and four made-up ones. The update is the
shipped model after `STEPS` steps of the default strategy on piles with black polybags, so that its
embeddings differ, and one novelty is known to it. Of each instance that counts there are kept: the
embedding and the novelty watcher's p-value by either model, the kind that holds half of its mask or
more, and the row of the updated model that stands in the same place.

Run: ``python benchmarks/bench_triage_bank.py --folder out/triage [--limit 80]``. A run whose time
was up goes on where it was. About 200 ms a picture, 1,270 pictures, on one core.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench_watch_novelty import NOVELTIES, Picture, pictures, seen_by
from januscl.core import Observation, decode_mask, mask_iou
from januscl.decks import Augmenter, Recipe
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, make_labelled
from januscl.train import CompactModel, Settings, factory_model, fit, strategy_named
from januscl.watch import InstanceNovelty

KNOWN, FRESH, NOVEL = 150, 240, 110
"""Pictures to learn the known kinds from, others of them, and of each novelty."""
STEPS, LEARNED = 60, "black polybag"
CHUNK = 30
MODELS = ("shipped", "updated")
NONE, ORDINARY = -1, -2
"""In place of a novelty's number: no kind holds half of the mask, and a known kind does."""


@dataclass(frozen=True, eq=False)
class View:
    """What one model sees in a number of pictures: one row for each instance that counts.

    Attributes:
        frame: ``(N,)`` number of its picture.
        row: ``(N,)`` its row there.
        embedding: ``(N, D)``.
        p_value: ``(N,)`` by the watcher of novel instances.
        kind: ``(N,)`` index in `NOVELTIES`, `ORDINARY` or `NONE`.
        again: ``(N,)`` row of the other model's instance in the same place; -1 where there is none.
    """

    frame: NDArray[np.int64]
    row: NDArray[np.int64]
    embedding: NDArray[np.float32]
    p_value: NDArray[np.float64]
    kind: NDArray[np.int64]
    again: NDArray[np.int64]


def view_of(folder: Path, group: str, model: str) -> View:
    """Return what a model saw of a group of pictures: ``known``, ``fresh`` or a novelty's name."""
    parts = []
    for path in sorted(folder.glob(f"view-{group.replace(' ', '_')}-*.npz")):
        with np.load(path, allow_pickle=False) as kept:
            parts.append({name: kept[f"{model}_{name}"] for name in View.__dataclass_fields__})
    return View(*(np.concatenate([p[name] for p in parts]) for name in View.__dataclass_fields__))


def updated_model(folder: Path) -> CompactModel:
    """Return the model that takes over, trained once for all."""
    path = folder / "updated.safetensors"
    if not path.exists():
        taxonomy = BASE_TAXONOMY.with_kind(LEARNED, LATE_KINDS[LEARNED])
        mix = {**{kind: 0.65 * share for kind, share in BASE_MIX.items()}, LEARNED: 0.35}
        new = list(make_labelled(40, 701, mix, taxonomy, 192))
        old = list(make_labelled(80, 702, BASE_MIX, taxonomy, 192))
        start = factory_model().grown(taxonomy)
        settings = Settings(steps=STEPS, seed=0, threads=1)
        default = strategy_named("replay+interpolate")
        fit(start, new, old, default, settings, Augmenter(Recipe())).model.save(path)
    return CompactModel.load(path)


def watcher_of(folder: Path, name: str, model: CompactModel) -> InstanceNovelty:
    """Return the novelty watcher of a model that looked at known kinds alone."""
    seen = seen_by(model, lambda images, found: list(found), pictures(None, KNOWN, 1))
    watcher = InstanceNovelty().fit(seen)
    rows = [o.instances for o in seen]
    np.savez(folder / f"known-{name}.npz", embeddings=np.concatenate([r.embeddings for r in rows]))
    return watcher


def kinds_of(seen: Observation, picture: Picture) -> list[int]:
    """Return the number of the kind that holds half of each mask or more."""
    found = []
    for mask in seen.instances.masks:
        counts = np.bincount(picture.ids[decode_mask(mask)], minlength=1)
        best = int(counts.argmax())
        if best == 0 or counts[best] < 0.5 * counts.sum():
            found.append(NONE)
        else:
            kind = picture.kinds[best - 1]
            found.append(NOVELTIES.index(kind) if kind in NOVELTIES else ORDINARY)
    return found


def rows_again(seen: Observation, other: Observation) -> list[int]:
    """Return which instance of the other model each one overlaps with by half or more."""
    overlap = mask_iou(seen.instances.masks, other.instances.masks)
    return [int(o.argmax()) if o.size and o.max() >= 0.5 else -1 for o in overlap]


def tables(
    shown: Sequence[Picture], first: int, models: dict[str, CompactModel],
    watchers: dict[str, InstanceNovelty],
) -> dict[str, NDArray[np.generic]]:  # fmt: skip
    """Return the views of both models of some pictures, the first of which has this number."""
    views = {n: seen_by(m, lambda images, found: list(found), shown) for n, m in models.items()}
    made: dict[str, NDArray[np.generic]] = {}
    for name, other in zip(MODELS, reversed(MODELS), strict=True):
        seen = views[name]
        counts = [len(o.instances) for o in seen]
        values = {
            "frame": np.repeat(np.arange(first, first + len(shown)), counts),
            "row": np.concatenate([np.arange(count) for count in counts]),
            "embedding": np.concatenate([o.instances.embeddings for o in seen]),
            "p_value": np.asarray([s.p_value for o in seen for s in watchers[name].score(o)]),
            "kind": np.asarray([
                k for o, p in zip(seen, shown, strict=True) for k in kinds_of(o, p)
            ]),
            "again": np.asarray([
                row for o, p in zip(seen, views[other], strict=True) for row in rows_again(o, p)
            ]),
        }  # fmt: skip
        made |= {f"{name}_{key}": value for key, value in values.items()}
    return made


def wanted() -> list[tuple[str, int, int]]:
    """Return group, chunk and pictures of each file."""
    sizes = {"fresh": FRESH, **dict.fromkeys(NOVELTIES, NOVEL)}
    return sorted(
        ((group, k, min(CHUNK, size - k * CHUNK))
         for group, size in sizes.items() for k in range(-(-size // CHUNK))),
        key=lambda file: file[1],
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("out/triage"))
    parser.add_argument("--limit", type=float, default=float("inf"), help="seconds of this call")
    given = parser.parse_args()
    torch.set_num_threads(1)
    ends = time.monotonic() + given.limit
    given.folder.mkdir(parents=True, exist_ok=True)
    models = {"shipped": factory_model(), "updated": updated_model(given.folder)}
    left = [f for f in wanted() if not _path(given.folder, *f[:2]).exists()]
    watchers: dict[str, InstanceNovelty] = {}
    for number, (group, chunk, count) in enumerate(left):
        if time.monotonic() > ends:
            print(f"{len(left) - number} of {len(wanted())} files to go; run it again")
            sys.exit(3)
        if not watchers:
            watchers = {n: watcher_of(given.folder, n, m) for n, m in models.items()}
        novelty = None if group == "fresh" else group
        shown = pictures(novelty, count, 1000 + chunk)
        staged = given.folder / "part.npz"
        np.savez_compressed(staged, **tables(shown, chunk * CHUNK, models, watchers))
        staged.rename(_path(given.folder, group, chunk))
    print(f"{len(wanted())} files in {given.folder}")


def _path(folder: Path, group: str, chunk: int) -> Path:
    return folder / f"view-{group.replace(' ', '_')}-{chunk:02d}.npz"


if __name__ == "__main__":
    main()
