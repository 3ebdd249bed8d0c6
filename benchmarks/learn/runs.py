"""Running the methods over a stream, phase by phase, so that a run can stop and go on anywhere."""

import fcntl
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    for_kinds,
    strategy_named,
    universal_model,
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

    Results and models of other settings may lie in the same folder: all settings but ``threads``
    and ``ends`` are in the names of what is kept.

    Attributes:
        folder: Pictures, models, checkpoints and results.
        size: Side of a picture in px.
        batch: Pictures a step.
        base_steps: Of the first phase, from a shipped model.
        steps: Of each later phase.
        seconds: Of each later phase, in place of steps; None for steps.
        memory: Old pictures kept for replay; joint training has all of them.
        phases: Of each stream, the first one included.
        threads: torch's.
        ends: When this call ends, as `time.monotonic` counts.
    """

    folder: Path
    size: int
    batch: int
    base_steps: int
    steps: int
    seconds: float | None
    memory: int
    phases: int
    threads: int
    ends: float

    def run(self, stream: Stream, method: str, seed: int) -> None:
        """Bring a method to the end of its stream; what was done before is not done again.

        Does nothing where another process is at it.

        Raises:
            OutOfTimeError: The time of this call is up.
        """
        with self._claimed(f"{stream.name}-{seed}-{method}-{self._budget_of(method)}") as mine:
            if mine:
                self._run(stream, method, seed)

    @contextmanager
    def _claimed(self, name: str, wait: bool = False) -> Iterator[bool]:
        """Hold a name among all processes on the folder, and tell whether it was free."""
        folder = self.folder / "claims"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "".join(c if c.isalnum() else "_" for c in name)).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    def _run(self, stream: Stream, method: str, seed: int) -> None:
        done = {row["phase"] for row in self.rows() if self._is(row, stream, method, seed)}
        if method == REFERENCE:
            if self.phases - 1 not in done:
                self._reference(stream, seed)
            return
        for number in range(1, self.phases):
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
        return same and row["budget"] == self._budget_of(method)

    def _budget_of(self, method: str) -> str:
        """Return all settings that a result depends on: results of others are not mixed with it."""
        base = f"{self.base_steps} steps at first, batch {self.batch}, {self.size} px"
        if method == "base":
            return base
        later = f"{self.steps} steps" if self.seconds is None else f"{self.seconds:g} s"
        return f"{later}, memory {self.memory}, {self.phases} phases, {base}"

    def base(self, stream: Stream, seed: int) -> CompactModel:
        """Return the model that knows the first phase, learned once for all methods."""
        path = self._path(stream, "base", seed, 0)
        with self._claimed(path.stem, wait=True):
            told = any(self._is(row, stream, "base", seed) for row in self.rows())
            # A process that was killed may have kept the model and not its result.
            if not (told and path.exists()):
                settings = self._settings(self.base_steps, seed)
                shipped = factory_model() if stream.start == "factory" else universal_model()
                known = for_kinds(shipped, stream.taxonomy(0))
                model = CompactModel(known.network, known.taxonomy, known.rows, self.size)
                report = self._fit(path, model, self._new(stream, 0, seed), [], "naive", settings)
                if not told:
                    self._keep(stream, "base", seed, 0, report, False)
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
        settings = self._settings(self.steps, seed * 100 + number)
        if self.seconds is not None:
            settings = replace(settings, steps=100_000, seconds=self.seconds)
        path = self._path(stream, method, seed, number)
        grown = model.grown(stream.taxonomy(number))
        report = self._fit(path, grown, new, history, name, settings)
        self._keep(stream, method, seed, number, report, number == self.phases - 1)

    def _reference(self, stream: Stream, seed: int) -> None:
        everything = [f for k in range(self.phases) for f in self._new(stream, k, seed)]
        steps = LONG * self.steps * (self.phases - 1)
        settings = self._settings(steps, seed)
        path = self._path(stream, REFERENCE, seed, self.phases - 1)
        grown = self.base(stream, seed).grown(stream.taxonomy(self.phases - 1))
        report = self._fit(path, grown, everything, [], "naive", settings)
        self._keep(stream, REFERENCE, seed, self.phases - 1, report, True)

    def _settings(self, steps: int, seed: int) -> Settings:
        return Settings(steps=steps, batch=self.batch, seed=seed, threads=self.threads)

    def _new(self, stream: Stream, number: int, seed: int) -> list[LabelledFrame]:
        return pictures(stream, number, seed, self.size, False, self.folder / "pictures")

    def _path(self, stream: Stream, method: str, seed: int, number: int) -> Path:
        name = f"{stream.name}-{seed}-{method}-{self._budget_of(method)}-{number}"
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
        checkpoint = Checkpoint(path.with_suffix(".checkpoint"), every=40)
        report = fit(
            model, new, history, strategy_named(strategy), settings, Augmenter(Recipe()),
            checkpoint, watch,
        )  # fmt: skip
        report.model.save(path)
        checkpoint.path.unlink()
        return report

    def _keep(
        self, stream: Stream, method: str, seed: int, number: int, report: FitReport, last: bool
    ) -> None:
        """Judge a model on its newest phase, after the last on all, and write the result down."""
        judged = range(number + 1) if last else [number]
        scores = []
        for k in judged:
            frames = pictures(stream, k, seed, self.size, True, self.folder / "pictures")
            seen = report.model.predict([frame.image for frame in frames])
            truths = [frame.truth for frame in frames]
            scores.append(
                [average_precision(truths, seen, agnostic=way).ap for way in (False, True)]
            )
        row = {
            "stream": stream.name, "method": method, "seed": seed, "phase": number,
            "budget": self._budget_of(method),
            "steps": len(report.losses), "pictures": report.pictures,
            "seconds": round(report.spent, 2), "judged": list(judged),
            "named": [round(s[0], 4) for s in scores], "unnamed": [round(s[1], 4) for s in scores],
        }  # fmt: skip
        with (self.folder / "results.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
