"""Running the methods over a stream, phase by phase, so that a run can stop and go on anywhere."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from januscl.core import LabelledFrame
from januscl.decks import Augmenter, Recipe
from januscl.evaluate import average_precision
from januscl.train import (
    Checkpoint,
    CompactModel,
    FitReport,
    Settings,
    factory_model,
    fit,
    strategy_named,
)
from learn.streams import Stream, pictures

METHODS = {"lwf": "distill", "default": "replay+interpolate"}
"""Names of the table that stand for a strategy of another name."""
REFERENCE = "joint, long"
"""One training on all phases together, of `LONG` times the steps that the phases take."""
LONG = 4


class OutOfTimeError(Exception):
    """The time of this call is up; the next one goes on from here."""


@dataclass(frozen=True)
class Bench:
    """The settings of a whole benchmark.

    Attributes:
        folder: Pictures, models, checkpoints and results.
        size: Side of a picture in px.
        base_steps: Of the first phase, from nothing; a fifth of them from the shipped model.
        steps: Of each later phase.
        seconds: Of each later phase, in place of steps; None for steps.
        memory: Old pictures kept for replay; joint training has all of them.
        threads: torch's.
        ends: When this call ends, as `time.monotonic` counts.
    """

    folder: Path
    size: int
    base_steps: int
    steps: int
    seconds: float | None
    memory: int
    threads: int
    ends: float

    def run(self, stream: Stream, method: str, seed: int, phases: int) -> None:
        """Bring a method to the end of its stream; what was done before is not done again.

        Raises:
            OutOfTimeError: The time of this call is up.
        """
        done = {row["phase"] for row in self.rows() if self._is(row, stream, method, seed)}
        if method == REFERENCE:
            if phases - 1 not in done:
                self._reference(stream, seed, phases)
            return
        for number in range(1, phases):
            if number not in done:
                self._phase(stream, method, seed, number)

    def rows(self) -> list[dict[str, Any]]:
        """Return the results so far."""
        path = self.folder / "results.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def rows_of(self, stream: Stream, method: str, seed: int) -> list[dict[str, Any]]:
        """Return the results of one run, phase by phase, that of the first phase before them."""
        base = [row for row in self.rows() if self._is(row, stream, "base", seed)]
        mine = [row for row in self.rows() if self._is(row, stream, method, seed)]
        return sorted(base + mine, key=lambda row: row["phase"])

    def _is(self, row: dict[str, Any], stream: Stream, method: str, seed: int) -> bool:
        same = (row["stream"], row["method"], row["seed"]) == (stream.name, method, seed)
        budget = "base" if method == "base" else self._budget
        return same and row["budget"] == budget

    @property
    def _budget(self) -> str:
        return f"{self.steps} steps" if self.seconds is None else f"{self.seconds:g} s"

    def base(self, stream: Stream, seed: int) -> CompactModel:
        """Return the model that knows the first phase, trained from nothing once for all."""
        path = self.folder / "models" / f"{stream.name}-{seed}-base.safetensors"
        if not path.exists():
            settings = Settings(
                steps=self.base_steps, lr=2e-3, warmup=20, seed=seed, threads=self.threads,
                frozen_norm=False,
            )  # fmt: skip
            model = CompactModel.new(stream.taxonomy(0), self.size, seed)
            if stream.shipped:
                known = factory_model()
                model = CompactModel(known.network, known.taxonomy, known.rows, self.size)
                settings = replace(settings, steps=max(1, self.base_steps // 5), lr=1e-3)
            report = self._fit(path, model, self._new(stream, 0, seed), [], "naive", settings)
            self._keep(stream, "base", seed, 0, report, path)
        return CompactModel.load(path)

    def _phase(self, stream: Stream, method: str, seed: int, number: int) -> None:
        earlier = self._path(stream, method, seed, number - 1)
        model = CompactModel.load(earlier) if number > 1 else self.base(stream, seed)
        new = self._new(stream, number, seed)
        name = METHODS.get(method, method)
        history = [f for k in range(number) for f in self._new(stream, k, seed)]
        if name != "joint":
            chance = np.random.default_rng((seed, number))
            chosen = chance.permutation(len(history))[: self.memory]
            history = [history[int(k)] for k in sorted(chosen)]
        steps = self.steps if self.seconds is None else 100_000
        settings = Settings(
            steps=steps, seconds=self.seconds, seed=seed * 100 + number, threads=self.threads
        )
        path = self._path(stream, method, seed, number)
        grown = model.grown(stream.taxonomy(number))
        report = self._fit(path, grown, new, history, name, settings)
        self._keep(stream, method, seed, number, report, path)

    def _reference(self, stream: Stream, seed: int, phases: int) -> None:
        everything = [f for k in range(phases) for f in self._new(stream, k, seed)]
        steps = LONG * self.steps * (phases - 1)
        settings = Settings(steps=steps, seed=seed, threads=self.threads)
        path = self._path(stream, REFERENCE, seed, phases - 1)
        grown = self.base(stream, seed).grown(stream.taxonomy(phases - 1))
        report = self._fit(path, grown, everything, [], "naive", settings)
        self._keep(stream, REFERENCE, seed, phases - 1, report, path)

    def _new(self, stream: Stream, number: int, seed: int) -> list[LabelledFrame]:
        return pictures(stream, number, seed, self.size, False, self.folder / "pictures")

    def _path(self, stream: Stream, method: str, seed: int, number: int) -> Path:
        name = f"{stream.name}-{seed}-{method}-{self._budget}-{number}"
        safe = "".join(c if c.isalnum() or c in "-+." else "_" for c in name)
        return self.folder / "models" / f"{safe}.safetensors"

    def _fit(
        self, path: Path, model: CompactModel, new: Sequence[LabelledFrame],
        history: Sequence[LabelledFrame], strategy: str, settings: Settings,
    ) -> FitReport:  # fmt: skip
        def watch(done: int, steps: int, loss: float) -> None:
            if time.monotonic() > self.ends and done < steps:
                raise OutOfTimeError

        if time.monotonic() > self.ends:
            raise OutOfTimeError
        checkpoint = Checkpoint(path.with_suffix(".checkpoint"), every=10)
        report = fit(
            model, new, history, strategy_named(strategy), settings, Augmenter(Recipe()),
            checkpoint, watch,
        )  # fmt: skip
        report.model.save(path)
        checkpoint.path.unlink()
        return report

    def _keep(
        self, stream: Stream, method: str, seed: int, number: int, report: FitReport, path: Path
    ) -> None:
        """Judge a model on all phases so far, and write the result down."""
        scores = []
        for k in range(number + 1):
            frames = pictures(stream, k, seed, self.size, True, self.folder / "pictures")
            seen = report.model.predict([frame.image for frame in frames])
            truths = [frame.truth for frame in frames]
            scores.append(
                [average_precision(truths, seen, agnostic=way).ap for way in (True, False)]
            )
        row = {
            "stream": stream.name, "method": method, "seed": seed, "phase": number,
            "budget": "base" if method == "base" else self._budget,
            "steps": len(report.losses), "pictures": report.pictures,
            "seconds": round(report.spent, 2), "ap": [round(s[0], 4) for s in scores],
            "named": [round(s[1], 4) for s in scores],
        }  # fmt: skip
        with (self.folder / "results.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
