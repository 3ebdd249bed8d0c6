"""The tables of ``bench_learn.py``: each method in each stream, and pairs of methods."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from januscl.evaluate import forgetting
from learn.runs import REFERENCE, Bench
from learn.streams import Stream

HEAD = f"{'':24}{'AP':>7}{'of joint':>9}{'of long':>9}{'forgets':>9}{'worst':>7}{'unnamed':>9}" + (
    f"{'steps':>7}{'seconds':>9}"
)


@dataclass(frozen=True)
class Score:
    """What one run came to.

    Attributes:
        ap: Mean over all phases, after the last, of AP by kind.
        forgets: Mean over the phases before the last of AP when it was learned less AP after the
            last; NaN for `REFERENCE`.
        worst: The most of them.
        unnamed: As ``ap``, whatever the name that the model gives.
        steps: After the first phase.
        seconds: Likewise.
    """

    ap: float
    forgets: float
    worst: float
    unnamed: float
    steps: float
    seconds: float


def score(bench: Bench, stream: Stream, method: str, seed: int, phases: int) -> Score | None:
    """Return what a run came to, or None where it has not come to its end."""
    rows = [r for r in bench.rows_of(stream, method, seed) if r["phase"] < phases]
    if len(rows) < 2 or rows[-1]["phase"] < phases - 1:
        return None
    last = rows[-1]
    lost, worst = float("nan"), float("nan")
    if method != REFERENCE:
        matrix = np.full((phases, phases), np.nan)
        for row in rows:
            matrix[row["phase"], row["judged"]] = row["named"]
        lost = forgetting(matrix)
        worst = float(np.max(np.diag(matrix)[:-1] - matrix[-1, :-1]))
    return Score(
        float(np.mean(last["named"])), lost, worst, float(np.mean(last["unnamed"])),
        sum(row["steps"] for row in rows[1:]), sum(row["seconds"] for row in rows[1:]),
    )  # fmt: skip


Scores = dict[tuple[str, str, int], Score]
"""By stream, method and seed."""


def all_scores(
    bench: Bench, streams: Sequence[Stream], methods: Sequence[str], seeds: Sequence[int],
    phases: int,
) -> Scores:  # fmt: skip
    """Return every run that has come to its end."""
    return {
        (stream.name, method, seed): found
        for stream in streams
        for method in methods
        for seed in seeds
        if (found := score(bench, stream, method, seed, phases))
    }


def print_stream(scores: Scores, stream: Stream, methods: Sequence[str], phases: int) -> None:
    """Print the means over the seeds of each method in a stream, and the range of AP."""
    print(f"\n{stream.name}: " + "; ".join(phase.name for phase in stream.phases[:phases]))
    print(HEAD)
    for method in methods:
        mine = {s: f for (n, m, s), f in scores.items() if (n, m) == (stream.name, method)}
        if not mine:
            continue
        of = [_ratio(scores, stream.name, method, other) for other in ("joint", REFERENCE)]
        mean = {
            name: float(np.mean([getattr(found, name) for found in mine.values()]))
            for name in Score.__dataclass_fields__
        }
        ap = [found.ap for found in mine.values()]
        print(
            f"{method:24}{mean['ap']:7.3f}{of[0]:>9}{of[1]:>9}{mean['forgets']:9.3f}"
            f"{mean['worst']:7.3f}{mean['unnamed']:9.3f}{mean['steps']:7.0f}{mean['seconds']:9.0f}"
            + (f" ({len(ap)} seeds, AP {min(ap):.3f} to {max(ap):.3f})" if len(ap) > 1 else "")
        )


def _pairs(
    scores: Scores, stream: str, method: str, other: str, what: str = "ap"
) -> list[tuple[float, float]]:
    """Return both methods' figures of each seed that both have come to the end of."""
    return [
        (getattr(found, what), getattr(scores[name, other, seed], what))
        for (name, m, seed), found in scores.items()
        if (name, m) == (stream, method) and (name, other, seed) in scores
    ]


def _ratio(scores: Scores, stream: str, method: str, other: str) -> str:
    pairs = np.asarray(_pairs(scores, stream, method, other))
    return f"{pairs[:, 0].mean() / pairs[:, 1].mean():.2f}" if len(pairs) else ""


def print_pairs(
    scores: Scores, streams: Sequence[str], method: str, others: Sequence[str], what: str
) -> None:
    """Print a method's figure less each other's, run by run, with its 95% interval, and ratios.

    Args:
        scores: Of all runs.
        streams: Over all of which the difference is taken.
        method: The one that is compared.
        others: With these.
        what: A figure of `Score`.
    """
    print(f"\n{method} less another, {what}, over all streams and seeds; ratio in each stream")
    for other in others:
        found = {s: _pairs(scores, s, method, other, what) for s in streams}
        found = {s: pairs for s, pairs in found.items() if pairs}
        less = np.asarray([mine - its for pairs in found.values() for mine, its in pairs])
        if len(less) < 2:
            continue
        half = stats.t.ppf(0.975, len(less) - 1) * less.std(ddof=1) / len(less) ** 0.5
        # Each stream counts alike, however many of its seeds are done.
        ratios = {s: np.sum(pairs, axis=0) for s, pairs in found.items()}
        each = ", ".join(f"{s} {a / max(b, 1e-9):.2f}x" for s, (a, b) in ratios.items())
        print(f"{other:24}{less.mean():+.4f} +- {half:.4f} ({len(less)} runs); {each}")
