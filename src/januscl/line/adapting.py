"""A new robot's model from a pretrained one and a handful of labelled pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from januscl.core import InvalidInput, LabelledFrame, Taxonomy
from januscl.decks import Augmenter, Recipe
from januscl.evaluate import match, precision_at
from januscl.train import (
    Checkpoint,
    FitReport,
    Settings,
    TorchModel,
    fit,
    for_kinds,
    strategy_named,
)

LEARNING_RATE = 1.5e-3
_SHARES = (0.25, 0.5, 1.0)
_LEAST_CURVE = 4
_RESAMPLES = 500

Show = Callable[[int, int, float], None]


@dataclass(frozen=True)
class CurvePoint:
    """What a number of labelled pictures is worth.

    Attributes:
        pictures: Learned from; 0 for the model as it was.
        ap: Mask AP on the pictures that were kept apart, 0..1, whatever the kinds.
        low, high: Its 90% interval over those pictures; with few of them it is too narrow.
    """

    pictures: int
    ap: float
    low: float
    high: float


def adapt(
    model: TorchModel,
    known: Taxonomy,
    frames: Sequence[LabelledFrame],
    settings: Settings,
    checkpoint: Path | None = None,
    show: Show | None = None,
) -> FitReport:
    """Train a copy of a pretrained model on a new robot's labelled pictures.

    Args:
        model: Such as `januscl.train.universal_model` returns.
        known: The robot's kinds; the result names these and no others.
        frames: Its labelled pictures.
        settings: Steps or seconds, seed and threads.
        checkpoint: Where the run is kept, so that it goes on after a stop.
        show: Called after each step with the steps done, all steps and the loss.

    Raises:
        InvalidInput: There is no picture, or one does not fit its labels.
        Conflict: The checkpoint belongs to another run.
    """
    return fit(
        for_kinds(model, known), frames, [], strategy_named("naive"), settings,
        augment=Augmenter(Recipe()), checkpoint=Checkpoint(checkpoint) if checkpoint else None,
        progress=show,
    )  # fmt: skip


def sized(model: TorchModel, input_px: int) -> TorchModel:
    """Return the model for pictures fitted into another size, if its layers serve that.

    Args:
        model: Shares its weights with the result.
        input_px: Side of the square, px.

    Raises:
        InvalidInput: The model cannot take pictures of this side.
    """
    return type(model)(model.network, model.taxonomy, model.rows, input_px)


def adapting(steps: int, seconds: float | None, seed: int, threads: int) -> Settings:
    """Return the settings of `adapt`: the statistics of normalisation follow the new camera."""
    return Settings(
        steps=steps, seconds=seconds, lr=LEARNING_RATE, warmup=10, seed=seed, threads=threads,
        frozen_norm=False,
    )  # fmt: skip


def label_curve(
    model: TorchModel,
    known: Taxonomy,
    frames: Sequence[LabelledFrame],
    settings: Settings,
    show: Show | None = None,
) -> list[CurvePoint]:
    """Return what a quarter, a half and all of the labelled pictures are worth.

    A quarter of them, drawn by the seed, is kept apart and judges; each point is a run of its own
    on a part of the rest, within the settings' whole budget, larger parts holding the smaller.

    Raises:
        InvalidInput: As `divided` does.
    """
    judges, rest = divided(frames, settings.seed)
    points = [_judged(0, model, judges, settings.seed)]
    for number in sorted({max(1, round(share * len(rest))) for share in _SHARES}):
        report = adapt(model, known, rest[:number], settings, show=show)
        points.append(_judged(number, report.model, judges, settings.seed))
    return points


def divided(
    frames: Sequence[LabelledFrame], seed: int
) -> tuple[list[LabelledFrame], list[LabelledFrame]]:
    """Return the pictures that judge a curve, a quarter of them, and those that are learned from.

    Raises:
        InvalidInput: There are fewer than 4 pictures, or those that judge show nothing.
    """
    if len(frames) < _LEAST_CURVE:
        raise InvalidInput(
            "labels", f"{_LEAST_CURVE} or more pictures for a curve", str(len(frames)),
            "Label more, or leave the curve out.",
        )  # fmt: skip
    order = np.random.default_rng(seed).permutation(len(frames))
    apart = len(frames) // 4
    judges, rest = [frames[i] for i in order[:apart]], [frames[i] for i in order[apart:]]
    if not any(len(frame.truth) for frame in judges):
        raise InvalidInput(
            "labels", "instances in the pictures that judge", "none", "Take another seed."
        )
    return judges, rest


def _judged(
    pictures: int, model: TorchModel, judges: Sequence[LabelledFrame], seed: int
) -> CurvePoint:
    """Return what a model is worth, with the percentile bootstrap over the pictures that judge."""
    seen = model.predict([frame.image for frame in judges])
    matches = match([frame.truth for frame in judges], seen)
    draws = np.random.default_rng(seed).multinomial(
        len(judges), np.full(len(judges), 1 / len(judges)), size=_RESAMPLES
    )
    weights = draws[draws @ matches.truths > 0].astype(np.float64)
    low, high = np.quantile(precision_at(matches, weights).mean(axis=1), (0.05, 0.95))
    return CurvePoint(pictures, float(precision_at(matches).mean()), float(low), float(high))
