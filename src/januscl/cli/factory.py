"""The shipped model, made again from simulated piles: ``janus train --factory``."""

import json
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from rich.progress import Progress

from januscl.cli.output import console, print_json, progress_bars
from januscl.core import LabelledFrame
from januscl.core.files import write_atomically
from januscl.decks import Augmenter, Recipe
from januscl.decks.recipe import Chance
from januscl.evaluate import ApScores, average_precision
from januscl.sim import BASE_MIX, BASE_TAXONOMY, make_labelled
from januscl.train import (
    Checkpoint,
    CompactModel,
    FitReport,
    Settings,
    fit,
    limited_threads,
    strategy_named,
)

PILES = 2400
HELD_BACK = 100
SEED = 1
STEPS = 3000
LEARNING_RATE = 1.5e-3

_NEVER = Chance(0, 1, 1)
RECIPE = Recipe(
    mosaic=0, paste=_NEVER, zoom=_NEVER, rotate=_NEVER, hue=_NEVER, saturation=_NEVER,
    blur=_NEVER, noise=_NEVER,
)  # fmt: skip
"""Flips, brightness and gains: a model that starts from nothing learns least from odd pictures."""


def make_factory(threads: int, as_json: bool) -> None:
    """Train the factory model, score it, and write it with its card into the package."""
    folder = Path(str(resources.files("januscl.train.factory")))
    with limited_threads(threads), progress_bars(as_json) as bars:
        frames, held_back = _simulate(bars)
        report = _train(frames, folder / "factory.checkpoint", threads, bars)
        report.model.save(folder / "factory.safetensors")
        (folder / "factory.checkpoint").unlink(missing_ok=True)
        scores = average_precision(
            [frame.truth for frame in held_back],
            report.model.predict([frame.image for frame in held_back]),
        )
    card = _card(scores, report.seconds)
    write_atomically(folder / "factory.json", (json.dumps(card, indent=2) + "\n").encode())
    if as_json:
        print_json(card)
    else:
        console.print(f"AP {100 * scores.ap:.1f}, AP50 {100 * scores.ap50:.1f}. Wrote {folder}.")


def _simulate(bars: Progress) -> tuple[list[LabelledFrame], list[LabelledFrame]]:
    """Return the piles to learn from, and those to judge by."""
    bar = bars.add_task("simulating piles", total=PILES + HELD_BACK)
    parts: list[list[LabelledFrame]] = []
    for number, seed in ((PILES, SEED), (HELD_BACK, SEED + 1)):
        parts.append([])
        for frame in make_labelled(number, seed, BASE_MIX):
            parts[-1].append(frame)
            bars.advance(bar)
    return parts[0], parts[1]


def _train(
    frames: list[LabelledFrame], checkpoint: Path, threads: int, bars: Progress
) -> FitReport:
    bar = bars.add_task("training", total=STEPS)
    return fit(
        CompactModel.new(BASE_TAXONOMY, seed=SEED),
        frames,
        [],
        strategy_named("naive"),
        Settings(
            steps=STEPS, lr=LEARNING_RATE, warmup=20, seed=SEED, threads=threads,
            frozen_norm=False,
        ),
        augment=Augmenter(RECIPE),
        checkpoint=Checkpoint(checkpoint),
        progress=lambda done, of, loss: bars.update(bar, completed=done),
    )  # fmt: skip


def _card(scores: ApScores, seconds: float) -> dict[str, Any]:
    """Return what the shipped model says of itself."""
    return {
        "name": "factory",
        "made": datetime.now(UTC).date().isoformat(),
        "command": "janus train --factory",
        "data": f"{PILES} simulated piles of the base kinds, seed {SEED}",
        "training": f"{STEPS} steps of 8 pictures at 192x192, AdamW, learning rate "
        f"{LEARNING_RATE}, seed {SEED}",
        "held_back": f"{HELD_BACK} simulated piles, seed {SEED + 1}",
        "mask_ap": round(scores.ap, 3),
        "mask_ap50": round(scores.ap50, 3),
        "mask_ap75": round(scores.ap75, 3),
        "mask_ap_by_kind": {
            BASE_TAXONOMY.kind(id).name: round(kind.ap, 3) for id, kind in scores.kinds.items()
        },
        "seconds": round(seconds),
        "limits": "Knows six kinds of simulated package on one belt. A start for other pictures, "
        "not a model for them.",
    }
