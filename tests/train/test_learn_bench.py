"""What the benchmark of strategies promises of its results; its figures are judged elsewhere."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from januscl.core import Instances, LabelledFrame, encode_mask

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@dataclass(frozen=True)
class Squares:
    """Pictures of one bright square each."""

    name: str

    @property
    def kinds(self):
        return {self.name: "cuboid"}

    def draw(self, count, seed, test, taxonomy, size):
        rng = np.random.default_rng(seed)
        return [self._drawn(k, rng, taxonomy, size) for k in range(min(count, 8))]

    def _drawn(self, k, rng, taxonomy, size):
        mask = np.zeros((size, size), np.bool_)
        top, left = rng.integers(4, size // 2, 2)
        mask[top : top + 20, left : left + 20] = True
        image = np.where(mask[..., None], np.uint8(220), np.uint8(40)).repeat(3, axis=2)
        truth = Instances.of_masks([encode_mask(mask)], [taxonomy.named(self.name).id])
        return LabelledFrame(f"f-{k}", image, truth)


@pytest.fixture
def bench(tmp_path):
    from learn.runs import Bench

    return Bench(tmp_path, 64, 2, 1, 1, None, 8, 2, 1, float("inf"))


@pytest.fixture
def stream():
    from learn.streams import Stream

    return Stream("squares", (Squares("box"), Squares("tile")), "universal")


@pytest.mark.parametrize(
    "other", [{"batch": 4}, {"base_steps": 2}, {"memory": 3}, {"size": 96}, {"phases": 3},
              {"steps": 2}, {"seconds": 1.0}],
)  # fmt: skip
def test_results_of_other_settings_in_a_folder_are_not_mixed(bench, stream, other):
    row = {"stream": "squares", "method": "naive", "seed": 0, "phase": 1}
    row["budget"] = bench._budget_of("naive")
    bench.folder.joinpath("results.jsonl").write_text(json.dumps(row) + "\n")
    assert len(bench.rows_of(stream, "naive", 0)) == 1
    changed = replace(bench, **other)
    assert changed.rows_of(stream, "naive", 0) == []
    assert changed._path(stream, "naive", 0, 1) != bench._path(stream, "naive", 0, 1)


def test_the_first_phase_is_shared_by_runs_that_differ_later_only(bench, stream):
    later = replace(bench, steps=9, memory=3, phases=3)
    assert later._path(stream, "base", 0, 0) == bench._path(stream, "base", 0, 0)
    assert replace(bench, batch=4)._path(stream, "base", 0, 0) != bench._path(stream, "base", 0, 0)


def test_a_result_that_was_not_written_when_the_process_died_is_made_again(bench, stream):
    bench.run(stream, "naive", 0)
    rows = bench.rows_of(stream, "naive", 0)
    assert [row["phase"] for row in rows] == [0, 1]
    bench.folder.joinpath("results.jsonl").unlink()
    bench.run(stream, "naive", 0)
    bench.base(stream, 0)
    again = bench.rows_of(stream, "naive", 0)
    assert [row["named"] for row in again] == [row["named"] for row in rows]


def test_photographs_that_are_missing_are_left_out_and_said_so(tmp_path, monkeypatch, capsys):
    import bench_learn

    given = ["bench_learn.py", "--data", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", given)
    assert bench_learn.parsed().streams == ["kinds", "environments", "both"]
    assert f"photographs is left out: its pictures are not in {tmp_path}" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*given, "--streams", "photographs"])
    with pytest.raises(SystemExit):
        bench_learn.parsed()
