"""Which instances are of a kind that no one taught: every detector of novelty, four backbones.

Run: ``python benchmarks/bench_watch_novelty.py``, with seeds to run other than three of them. One
process, one thread, pictures of 192 px.

A detector learns from the instances that a model sees in 150 piles of the base kinds. Then it
gauges instances in 40 other such piles and in 12 piles with each of eight novelties: the four late
kinds of the simulator and four that are made up here. An instance counts as what at least half of
its mask lies on; the others are left out. The figure is the area under the ROC curve (AUROC) of
novel against known instances. ``chosen`` weighs the detectors itself, on known instances alone.

``at work`` is `InstanceNovelty`, asked to go by what has become common as well: the other 40 piles
and those 12, shuffled, are one stream to it. Below stand the shares of instances that it finds
strange, at the p-value of the line, beside those of the nearest neighbours alone.
"""

import sys
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray

from januscl.core import Frame, IdMap, Image, Instances, Observation, Watcher, decode_mask, new_id
from januscl.decks import Augmenter, Recipe
from januscl.sim import BASE_MIX, BASE_TAXONOMY, LATE_KINDS, Look, Pile, make_labelled, sensed
from januscl.sim.camera import Camera
from januscl.sim.eye import eye
from januscl.sim.kinds import draw_packages
from januscl.sim.packages import Package, Part
from januscl.train import CompactModel, Settings, factory_model, fit, strategy_named
from januscl.train.appearance import appearance
from januscl.train.prepare import to_input
from januscl.watch import InstanceNovelty
from januscl.watch.chosen import DETECTORS, ChosenNovelty
from januscl.watch.seen import seen_in
from januscl.watch.trials import auroc

SEEDS = (4, 5, 6)  # the rule that weighs the detectors was settled on 1, 2 and 3
KNOWN_PILES, FRESH_PILES, NOVEL_PILES, CELLS, SIZE = 150, 40, 12, 4, 192
STRANGE = 0.02  # p-value, as in `classify`
SHARE = 0.35  # of a pile's packages that are of the novelty
START = datetime(2026, 1, 1, tzinfo=UTC)
Rng = np.random.Generator
Embed = Callable[[Sequence[Image], Sequence[Instances]], list[Instances]]


def toy_ball(rng: Rng) -> Package:
    r = float(rng.uniform(0.045, 0.065))
    print_ = f"toy{rng.integers(4)}"
    return Package(
        "toy ball", (Part("ellipsoid", (r, r, r), (1, 1, 1), surface=print_, mass=0.15),), r
    )


def clear_bottle(rng: Rng) -> Package:
    r, half, turn = rng.uniform(0.028, 0.036), rng.uniform(0.07, 0.10), (0.0, 90.0, 0.0)
    water = Part("capsule", (r, half, 0), (0.6, 0.85, 0.9), turn=turn, surface="film", alpha=0.35,
                 mass=0.3)  # fmt: skip
    cap = Part("cylinder", (r * 0.55, 0.02, 0), (0.1, 0.3, 0.8), (half + r, 0, 0), turn)
    band = Part("cylinder", (r + 0.001, half * 0.4, 0), (0.95, 0.2, 0.2), turn=turn)
    return Package("clear bottle", (water, cap, band), float(half + r + 0.02))


def rod_bundle(rng: Rng) -> Package:
    r, half = rng.uniform(0.012, 0.016), rng.uniform(0.09, 0.12)
    colours = (
        (0.9, 0.9, 0.1),
        (0.1, 0.8, 0.3),
        (0.9, 0.2, 0.6),
        (0.2, 0.5, 0.95),
        (0.95, 0.5, 0.1),
    )
    places = ((-1, 0), (0, 0), (1, 0), (-0.5, 1), (0.5, 1))
    rods = tuple(
        Part("capsule", (r, half, 0), rgb, (0, y * r * 1.9, z * r * 1.7), (0, 90, 0), mass=0.05)
        for rgb, (y, z) in zip(colours, places, strict=True)
    )
    return Package("rod bundle", rods, float(half + 3 * r))


def foil_pouch(rng: Rng) -> Package:
    x, y, z = rng.uniform(0.075, 0.10), rng.uniform(0.06, 0.08), rng.uniform(0.014, 0.02)
    grey = float(rng.uniform(0.75, 0.9))
    tint = (grey, grey, grey * 1.05)
    body = Part("ellipsoid", (x, y, z), tint, surface="metal", mass=0.2)
    seam = Part("box", (x * 0.9, y * 0.9, z * 0.3), tint, surface=f"crumple{rng.integers(3)}")
    strip = Part("box", (x * 0.05, y * 0.8, z * 0.3), (0.7, 0.1, 0.15), (x * 0.8, 0, 0))
    return Package("foil pouch", (body, seam, strip), float(np.hypot(x, y)), True)


ODD = {"toy ball": toy_ball, "clear bottle": clear_bottle, "rod bundle": rod_bundle,
       "foil pouch": foil_pouch}  # fmt: skip
NOVELTIES = (*LATE_KINDS, *ODD)


@dataclass(frozen=True, eq=False)
class Picture:
    """A pile as one camera sees it, with the kind of each package that its id map numbers."""

    image: Image
    ids: IdMap
    kinds: tuple[str, ...]


def pictures(novelty: str | None, count: int, seed: int) -> list[Picture]:
    """Return piles from four cells; with a novelty, at least one package in each is of it."""
    made = []
    for number in range(count):
        rng = np.random.default_rng((seed, number, sum(map(ord, novelty or ""))))
        look = Look().varied(np.random.default_rng((seed, number % CELLS)))
        pile = poured(drawn(novelty, int(rng.integers(6, 11)), rng), rng, look)
        shot = eye(SIZE).shoot(pile, Camera.of_look(look))
        kinds = tuple(package.kind for package in pile.packages)
        made.append(Picture(sensed(shot.image, {}, rng), shot.ids, kinds))
    return made


def drawn(novelty: str | None, count: int, rng: Rng) -> tuple[Package, ...]:
    known = draw_packages(BASE_MIX, count, rng)
    if novelty is None:
        return known
    swapped = rng.random(count) < SHARE
    swapped[rng.integers(count)] = True
    return tuple(
        old if not swap else ODD[novelty](rng) if novelty in ODD
        else draw_packages({novelty: 1.0}, 1, rng)[0]
        for old, swap in zip(known, swapped, strict=True)
    )  # fmt: skip


def poured(packages: tuple[Package, ...], rng: Rng, look: Look) -> Pile:
    poses, height = np.zeros((len(packages), 7)), 0.03
    for row, package in zip(poses, packages, strict=True):
        room, gap = max(0.235 - 0.9 * package.reach, 0.05), 0.42 * package.reach
        heading = rng.uniform(0, 2 * np.pi)
        row[:3] = (*rng.uniform(-room, room, 2), height + gap)
        row[3:] = (np.cos(heading / 2), 0, 0, np.sin(heading / 2))
        height += 2 * gap
    pile = Pile(packages, poses, look)
    pile.settle(1.6)
    return pile


def as_given(model: CompactModel) -> Embed:
    return lambda images, seen: list(seen)


def by_box_head(model: CompactModel) -> Embed:
    """Put the features that the model names kinds by in place of its embeddings."""
    heads = model.network.roi_heads

    @torch.inference_mode()
    def embed(images: Sequence[Image], seen: Sequence[Instances]) -> list[Instances]:
        features = model.network.backbone(to_input(images, model.input_px))
        boxes = [torch.from_numpy(s.boxes * (model.input_px / SIZE)) for s in seen]
        sizes = [(model.input_px, model.input_px)] * len(images)
        found = heads.box_head(heads.box_roi_pool(features, boxes, sizes)).numpy()
        parts = np.split(found, np.cumsum([len(s) for s in seen])[:-1])
        return [replace(s, embeddings=part) for s, part in zip(seen, parts, strict=True)]

    return embed


def by_resnet(model: CompactModel) -> Embed:
    """Put what an untrained ResNet-18 gives under each mask in place of the embeddings."""
    torch.manual_seed(0)
    net = torchvision.models.resnet18(weights=None).eval()

    @torch.inference_mode()
    def embed(images: Sequence[Image], seen: Sequence[Instances]) -> list[Instances]:
        early = net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(to_input(images, SIZE))))))
        late = net.layer2(early)
        return [
            replace(s, embeddings=np.concatenate(
                [appearance(x[k].numpy(), x.shape[-2:], s.masks) for x in (early, late)],
                axis=1,
            ))
            for k, s in enumerate(seen)
        ]  # fmt: skip

    return embed


def second_model() -> CompactModel:
    """Return a compact model of another seed, size, recipe and far fewer piles and steps."""
    piles = list(make_labelled(240, 99, BASE_MIX, size=128))
    start = CompactModel.new(BASE_TAXONOMY, 128, seed=7)
    settings = Settings(steps=150, lr=2e-3, warmup=20, seed=7, threads=1, frozen_norm=False)
    return fit(start, piles, [], strategy_named("naive"), settings, Augmenter(Recipe())).model


def seen_by(model: CompactModel, embed: Embed, shown: Sequence[Picture]) -> list[Observation]:
    observations = []
    for start in range(0, len(shown), 8):
        batch = shown[start : start + 8]
        images = [picture.image for picture in batch]
        seen = [s.only(s.counted()) for s in model.predict(images)]
        for offset, instances in enumerate(embed(images, seen)):
            at = START + timedelta(seconds=start + offset)
            frame = Frame(images[offset], "camera", "robot", at)
            id = new_id(at, (start + offset).to_bytes(10, "big"))
            observations.append(Observation(id, frame, instances, "model"))
    return observations


def owners(observations: Sequence[Observation], shown: Sequence[Picture]) -> NDArray:
    """Return the kind that holds half of each mask or more, ``(N,)``; empty for none."""
    found = []
    for observation, picture in zip(observations, shown, strict=True):
        seen = observation.instances
        for row in seen.counted():
            counts = np.bincount(picture.ids[decode_mask(seen.masks[row])], minlength=1)
            best = int(counts.argmax())
            pure = best > 0 and counts[best] >= 0.5 * counts.sum()
            found.append(picture.kinds[best - 1] if pure else "")
    return np.asarray(found)


Figures = dict[str, dict[str, float]]
"""Novelty to detector to what it reached."""


def figures(watchers: dict[str, ChosenNovelty], model: CompactModel, embed: Embed,
            piles: dict[str, list[Picture]], seed: int) -> tuple[Figures, Figures]:  # fmt: skip
    """Fit the watchers on the known piles; return their AUROC, and shares that are strange."""
    reference = seen_by(model, embed, piles["known"])
    for watcher in watchers.values():
        watcher.fit(reference)
    shown = {name: seen_by(model, embed, piles[name]) for name in ("fresh", *NOVELTIES)}
    tables = {name: seen_in(observations) for name, observations in shown.items()}
    whose = {name: owners(shown[name], piles[name]) for name in shown}
    fresh = tables["fresh"].only(whose["fresh"] != "")
    known = {name: watcher.strangeness(fresh) for name, watcher in watchers.items()}
    fitted = InstanceNovelty(leaning=True).fit(reference)
    areas: Figures = {}
    found: Figures = {}
    for novelty in NOVELTIES:
        new = whose[novelty] == novelty
        if not new.any():
            continue
        gauged = tables[novelty].only(new)
        areas[novelty] = {
            name: auroc(watcher.strangeness(gauged), known[name])
            for name, watcher in watchers.items()
        }
        both = {name: (shown[name], whose[name]) for name in ("fresh", novelty)}
        strange = at_work(deepcopy(fitted), both, novelty, seed)
        areas[novelty]["at work"] = auroc(-strange[True], -strange[False])
        alone = at_work(watchers["nearest"], both, novelty, seed)
        found[novelty] = {
            f"{name}{kind}": float((p[is_new] <= STRANGE).mean())
            for name, p in (("nearest", alone), ("at work", strange))
            for is_new, kind in ((True, ""), (False, ", known kinds"))
        }
    return areas, found


def at_work(watcher: Watcher, shown: dict[str, tuple[list[Observation], NDArray]], novelty: str,
            seed: int) -> dict[bool, NDArray]:  # fmt: skip
    """Return the p-values of novel and of known instances in one shuffled stream."""
    stream = []
    for observations, whose in shown.values():
        counts = [len(seen.instances.counted()) for seen in observations]
        stream += zip(observations, np.split(whose, np.cumsum(counts)[:-1]), strict=True)
    found: dict[bool, list[float]] = {True: [], False: []}
    for number in np.random.default_rng(seed).permutation(len(stream)):
        seen, kinds = stream[int(number)]
        # Piles of two groups bear the same ids.
        once = replace(seen, id=f"{number}")
        for signal, kind in zip(watcher.score(once), kinds, strict=True):
            if kind:
                found[bool(kind == novelty)].append(signal.p_value)
    return {new: np.asarray(p) for new, p in found.items()}


def interval(values: Sequence[float]) -> str:
    """Return the mean and the half width of its 95% interval (t with two degrees of freedom)."""
    if len(values) != 3:
        return f"{np.mean(values):.3f}"
    return f"{np.mean(values):.3f} ± {4.303 * np.std(values, ddof=1) / np.sqrt(3):.3f}"


def show(backbone: str, areas: dict[int, Figures], found: dict[int, Figures],
         weights: Sequence[dict[str, float]]) -> None:  # fmt: skip
    """Print the tables of one backbone.

    Args:
        backbone: Its name.
        areas: Seed to the AUROC.
        found: Seed to the shares of instances that are strange.
        weights: What the choice gave each detector, by seed.
    """
    print(f"\n{backbone}")
    detectors = [*(d.name for d in DETECTORS), "chosen", "at work"]
    means = table(detectors, areas)
    given = {name: np.mean([w[name] for w in weights]) for name in weights[0]}
    print("weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in given.items()))
    best = max((d.name for d in DETECTORS), key=lambda d: np.mean(means[d]))
    by_seed = [c / b for c, b in zip(means["chosen"], means[best], strict=True)]
    print(f"chosen / best single ({best}): {interval(by_seed)} (bar 0.990)")
    print(f"strange at {STRANGE}:")
    table(list(next(iter(next(iter(found.values())).values()))), found)


def table(rows: Sequence[str], figures: dict[int, Figures]) -> dict[str, list[float]]:
    """Print a row for each detector, and return its mean over the novelties, by seed."""
    print(f"{'':21}" + "".join(f"{n[:10]:>11}" for n in NOVELTIES) + f"{'all':>16}")
    means = {r: [float(np.mean([of[r] for of in s.values()])) for s in figures.values()]
             for r in rows}  # fmt: skip
    for row in rows:
        cells = [np.mean([s[n][row] for s in figures.values() if n in s]) for n in NOVELTIES]
        print(f"{row:21}" + "".join(f"{c:11.3f}" for c in cells) + f"{interval(means[row]):>16}")
    return means


def main() -> None:
    torch.set_num_threads(1)
    began = time.monotonic()
    shipped, second = factory_model(), second_model()
    print(f"second model trained in {time.monotonic() - began:.0f} s")
    backbones: dict[str, tuple[CompactModel, Embed]] = {
        "shipped compact model, its own embeddings (early layers, 96)": (
            shipped, as_given(shipped)),
        "second compact model, 150 steps at 128 px, its own embeddings (96)": (
            second, as_given(second)),
        "shipped compact model, features of its box head (128)": (shipped, by_box_head(shipped)),
        "untrained ResNet-18 under the shipped model's masks (384)": (shipped, by_resnet(shipped)),
    }  # fmt: skip
    areas: dict[str, dict[int, Figures]] = {name: {} for name in backbones}
    found: dict[str, dict[int, Figures]] = {name: {} for name in backbones}
    weights: dict[str, list[dict[str, float]]] = {name: [] for name in backbones}
    for seed in [int(word) for word in sys.argv[1:]] or SEEDS:
        piles = {novelty: pictures(novelty, NOVEL_PILES, seed) for novelty in NOVELTIES}
        piles["known"] = pictures(None, KNOWN_PILES, seed)
        piles["fresh"] = pictures(None, FRESH_PILES, seed + 500)
        for name, (model, embed) in backbones.items():
            watchers = {d.name: ChosenNovelty([d]) for d in DETECTORS}
            watchers["chosen"] = ChosenNovelty()
            areas[name][seed], found[name][seed] = figures(watchers, model, embed, piles, seed)
            weights[name].append(watchers["chosen"].weights)
        print(f"seed {seed}: {time.monotonic() - began:.0f} s")
    for name in backbones:
        show(name, areas[name], found[name], weights[name])


if __name__ == "__main__":
    main()
